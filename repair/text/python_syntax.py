"""Python's syntax trees of other people's texts: without a warning, and None for what is no Python.

The parser warns of some of what it accepts, an invalid escape say: on a screen that is noise about somebody
else's line, and where warnings are errors a failure.
"""

import ast
import warnings
from math import inf

from repair.text.lines import split_mark


def tree_of(text: str) -> ast.Module | None:
    """The tree of a text, a byte order mark aside; None if the running Python does not read it, or it is too
    deep for it."""
    found = _read(text)
    return found if isinstance(found, ast.Module) else None


def first_error(text: str) -> float:
    """The 1-based line of the first error of syntax that Python finds; infinite if it finds none, 0 if it
    reads nothing of the text."""
    found = _read(text)
    return inf if isinstance(found, ast.Module) else found


def _read(text: str) -> ast.Module | int:
    with warnings.catch_warnings(action="ignore"):
        try:
            return ast.parse(split_mark(text)[1])
        except SyntaxError as error:
            return error.lineno or 0
        except (ValueError, MemoryError, RecursionError):
            return 0
