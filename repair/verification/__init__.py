"""Verification: whether a diff repairs a diagnostic and is no cheat."""

from repair.verification.verifier import Verdict, verify, verify_rows

__all__ = ["Verdict", "verify", "verify_rows"]
