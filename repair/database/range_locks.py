"""Named locks between the processes of one machine: byte ranges of a file (open file description locks).

The kernel releases them when a process ends, however it ends. Systems other than Linux have none: there every
name is granted.

Tested by `tests/repair/database/test_database.py`.
"""

import fcntl
import os
import struct
from pathlib import Path

from repair.database.interface import lock_number

_SET: int | None = getattr(fcntl, "F_OFD_SETLK", None)


class RangeLocks:
    """Locks by name in the file `path`, which is made when the first one is wanted."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def acquire(self, name: str) -> bool:
        """Whether the lock is held now; it does not wait."""
        if self._file is None:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._set(self._file, name, fcntl.F_WRLCK)
        except (BlockingIOError, PermissionError):  # either is how POSIX lets a system say it
            return False
        return True

    def release(self, name: str) -> None:
        """Give a lock back."""
        if self._file is not None:
            self._set(self._file, name, fcntl.F_UNLCK)

    def close(self) -> None:
        """Give back all locks."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _set(self, file: int, name: str, kind: int) -> None:
        if _SET is not None:
            # struct flock: type, whence, start, length, process (0: the lock is the file description's)
            fcntl.fcntl(file, _SET, struct.pack("hhqqi0q", kind, os.SEEK_SET, lock_number(name), 1, 0))
