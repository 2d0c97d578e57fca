"""Child processes: started and killed; each has its own session and dies with its parent.

Tested by `tests/repair/language_servers/test_remote.py`.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

# The kernel's parent-death signal follows the *thread* that forked, so one thread that lasts as long as
# this process starts every child. It is set by a small program between fork and exec, because code that
# runs in a forked copy of a process with threads can deadlock.
_EXEC = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):
    sys.exit("the parent is gone")
os.execv(sys.argv[2], sys.argv[2:])
"""
_starters: dict[int, ThreadPoolExecutor] = {}  # by process id: threads do not survive a fork
_lock = threading.Lock()


def start(
    command: Sequence[str],
    *,
    cwd: Path,
    env: dict[str, str],
    stdin: int,
    stdout: int | IO[Any],
    stderr: IO[Any],
) -> "subprocess.Popen[bytes]":
    """Starts `command` (its first item an absolute path) in a session of its own."""
    shim = [sys.executable, "-I", "-S", "-c", _EXEC, str(os.getpid()), *command]

    def popen() -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            shim, cwd=cwd, env=env, stdin=stdin, stdout=stdout, stderr=stderr, start_new_session=True
        )

    with _lock:
        starter = _starters.setdefault(os.getpid(), ThreadPoolExecutor(1, "child-starter"))
    return starter.submit(popen).result()


def kill(process: "subprocess.Popen[bytes]") -> None:
    """Kills `process` and everything in its session, stopped or not, and waits for it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def resident_megabytes(pid: int) -> float:
    """The resident memory of process `pid`; 0 where it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    for line in status.splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0
