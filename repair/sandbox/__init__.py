"""Sandbox: a stranger's program, contained by bubblewrap and seccomp."""

from repair.sandbox.bubblewrap import Limits, Result, require, run, run_many

__all__ = ["Limits", "Result", "require", "run", "run_many"]
