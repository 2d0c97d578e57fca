"""Re-export of `repair.sandbox`; tested by `tests/repair/sandbox/`."""

from repair.sandbox import Limits, Result, require, run, run_many

__all__ = ["Limits", "Result", "require", "run", "run_many"]
