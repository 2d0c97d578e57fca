"""States of an interrupted training on this machine: one process at a time, and none that was half written.

Composer writes a state, then makes the link `latest` name it, and refuses to write one that is there. A
process that was killed leaves a state that no link names; or no link, if it was killed while it replaced it.
"""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

LATEST = "latest-rank0.pt"


@contextmanager
def locked_states(folder: Path | None) -> Generator[None]:
    """Hold the lock of `folder`, in which only whole states are left; None: there is nothing to lock.

    A second process waits here until the first one is gone.
    """
    if folder is None:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        _drop_partial(folder)
        yield
    finally:
        os.close(descriptor)


def _drop_partial(folder: Path) -> None:
    latest = folder / LATEST
    states = sorted(folder.glob("ep*.pt"), key=lambda path: path.stat().st_mtime_ns)
    if not latest.exists():
        latest.unlink(missing_ok=True)
        if len(states) > 1:
            latest.symlink_to(states[-2].name)  # whole, since a later one was begun
    for state in states:
        if state.resolve() != latest.resolve():
            state.unlink()
