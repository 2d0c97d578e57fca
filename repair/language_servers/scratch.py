"""Scratch folders of the servers: in memory where there is room; those of killed processes are removed.

Tested by `tests/repair/language_servers/test_hostile_workspaces.py`.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

_MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108 (a fresh, private folder is made in it)
_ENOUGH_BYTES = 1024**3  # in many containers it is tiny
_PREFIX = "repair-servers-"
_STARTING = "repair-starting-"
_LOCK = "lock"


class Scratch:
    """A fresh folder, `path`, until `close()`.

    This process locks a file in it as long as it lives, so that later processes can tell an abandoned folder
    from one in use.
    """

    def __init__(self, home: Path | None = None) -> None:
        home = home or _home()
        _sweep(home)
        # under another name until it is locked: or another process could remove it as abandoned
        starting = Path(tempfile.mkdtemp(prefix=_STARTING, dir=home))
        self._lock = os.open(starting / _LOCK, os.O_CREAT | os.O_RDWR)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.path = starting.rename(home / starting.name.replace(_STARTING, _PREFIX))

    def close(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def temporary_folder(home: Path) -> Path:
    """The folder in `home` for the temporary files of servers, which are killed and remove none of them."""
    folder = home / "temporary"
    folder.mkdir(exist_ok=True)
    return folder


def _home() -> Path:
    if _MEMORY_FOLDER.is_dir() and shutil.disk_usage(_MEMORY_FOLDER).free >= _ENOUGH_BYTES:
        return _MEMORY_FOLDER
    return Path(tempfile.gettempdir())


def _sweep(home: Path) -> None:
    """Removes the folders of processes that are gone."""
    for folder in home.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # another user's, or just removed by its owner
            lock = os.open(folder / _LOCK, os.O_RDWR)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)
