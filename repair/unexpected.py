"""Unforeseen errors: which of them are one row's, and what is said of them.

Tested by `tests/repair/schema/test_guards.py`.
"""

import logging
import sqlite3
import traceback

from repair.errors import InputError, RepairError
from repair.messages import printable

UNEXPECTED = "unexpected"
REASONS = {UNEXPECTED: "an error that no step foresaw; the detail begins with its class"}

_SHOWN = 200  # characters of a message: it may hold a stranger's text

_log = logging.getLogger(__name__)


def is_of_the_run(error: Exception) -> bool:
    """Whether every row would meet it.

    So it is with a wrong setting, a damaged store, servers or a model that are not there, and with what the
    operating system refuses, such as space on a disk.
    """
    if isinstance(error, RepairError):
        return not isinstance(error, InputError)
    return isinstance(error, OSError | sqlite3.Error)


def detail_of(error: Exception) -> str:
    """The class of the error and the beginning of its message. Logs where it was raised."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    _log.warning("unexpected %s in %s, line %s", type(error).__name__, frame.filename, frame.lineno)
    return f"{type(error).__name__}: {printable(str(error)[:_SHOWN])}"
