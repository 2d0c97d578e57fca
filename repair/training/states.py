"""States of an interrupted training on this machine: one process at a time, and none that was half written.

Composer writes a state, then makes the link `latest` name it, and refuses to write one that is there. A
process that was killed leaves a state that no link names; or no link, if it was killed while it replaced it.
"""

import fcntl
import os
from pathlib import Path

LATEST = "latest-rank0.pt"


def lock_states(folder: Path) -> int:
    """A descriptor of the locked folder, in which only whole states are left.

    A second process waits here until the first one is gone. Close the descriptor to let it in.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    _drop_partial(folder)
    return descriptor


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
