"""Re-export of `repair.sandbox`; tested by `tests/repair/sandbox/`."""

from repair.sandbox import Limits, ProgramResult, require, run, run_many

__all__ = ["Limits", "ProgramResult", "require", "run", "run_many"]
