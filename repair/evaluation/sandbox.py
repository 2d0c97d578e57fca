"""Re-export of `repair.sandbox`, under the names that evaluation gives it.

Tested by `tests/repair/sandbox/test_bubblewrap.py`.
"""

from repair.sandbox import Limits, ProgramResult, require, run, run_many

Result = ProgramResult

__all__ = ["Limits", "Result", "require", "run", "run_many"]
