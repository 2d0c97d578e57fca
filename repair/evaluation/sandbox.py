"""The sandbox (`repair.sandbox`), under the name that evaluation knows it by."""

from repair.sandbox import Limits, Result, require, run, run_many

__all__ = ["Limits", "Result", "require", "run", "run_many"]
