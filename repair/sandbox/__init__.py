"""Sandbox for untrusted programs: bubblewrap namespaces, seccomp and resource limits."""

from repair.sandbox.bubblewrap import Limits, ProgramResult, require, run, run_many, user

__all__ = ["Limits", "ProgramResult", "require", "run", "run_many", "user"]
