"""Verification: whether a diff repairs a diagnostic and is no cheat."""

from repair.verification.stage import verify_rows
from repair.verification.verifier import Verdict, verify

__all__ = ["Verdict", "verify", "verify_rows"]
