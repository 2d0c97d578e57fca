"""Child processes: started, confined and killed; each has its own session and dies with its parent.

Tested by `tests/repair/language_servers/test_robustness.py`.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from repair.sandbox.confinement import Confinement, filter_program

# The kernel's parent-death signal follows the *thread* that forked, so one thread that lasts as long as
# this process starts every child. It is set by a small program between fork and exec, because code that
# runs in a forked copy of a process with threads can deadlock. A confined child has bubblewrap in between.
_EXEC = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):
    sys.exit("the parent is gone")
os.execv(sys.argv[2], sys.argv[2:])
"""
_GONE_S = 5.0
_starters: dict[int, ThreadPoolExecutor] = {}  # by process id: threads do not survive a fork
_lock = threading.Lock()


class Child(subprocess.Popen[bytes]):
    """A process that was started here, or the bubblewrap around it."""

    program_pid: int
    """The process id of the program itself, as it is seen here."""


def start(
    command: Sequence[str],
    *,
    cwd: Path,
    env: dict[str, str],
    stdin: int,
    stdout: int | IO[Any],
    stderr: int | IO[Any],
    confinement: Confinement | None = None,
    folders: Sequence[Path] = (),
) -> Child:
    """Starts `command` (its first item an absolute path) in a session of its own.

    With a `confinement` it can read the profile's files and `folders`, and `TMPDIR` of `env` is an empty
    folder of its own.
    """

    def popen(arguments: Sequence[str], variables: dict[str, str], descriptors: Sequence[int]) -> Child:
        return Child(
            arguments,
            cwd=cwd,
            env=variables,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            pass_fds=descriptors,
            start_new_session=True,
        )

    with _lock:
        starter = _starters.setdefault(os.getpid(), ThreadPoolExecutor(1, "child-starter"))
    if confinement is None:
        shim = [sys.executable, "-I", "-S", "-c", _EXEC, str(os.getpid()), *command]
        process = starter.submit(popen, shim, env, ()).result()
        process.program_pid = process.pid
        return process
    with ExitStack() as stack:
        told, info = os.pipe()
        reader = stack.enter_context(os.fdopen(told, "rb"))
        writer = stack.enter_context(os.fdopen(info, "wb"))
        filters = stack.enter_context(os.fdopen(os.memfd_create("filter"), "wb"))
        filters.write(filter_program())
        filters.seek(0)
        descriptors = (writer.fileno(), filters.fileno())
        arguments = confinement.command(
            command,
            cwd=cwd,
            folders=folders,
            temporary=Path(env["TMPDIR"]),
            variables=env,
            descriptors=descriptors,
        )
        process = starter.submit(popen, arguments, {}, descriptors).result()
        writer.close()
        process.program_pid = _program_pid(reader.read(), process.pid)
    return process


def _program_pid(info: bytes, default: int) -> int:
    try:
        return json.loads(info)["child-pid"]
    except (ValueError, KeyError):  # bubblewrap ended before it started anything
        return default


def kill(process: "subprocess.Popen[bytes]") -> None:
    """Kills `process` and everything in its session, stopped or not, and waits for it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if isinstance(process, Child) and process.program_pid != process.pid:
        # it was killed in the same moment, and is another process's to wait for
        deadline = time.monotonic() + _GONE_S
        while resident_megabytes(process.program_pid) and time.monotonic() < deadline:
            time.sleep(0.001)


def resident_megabytes(pid: int) -> float:
    """The resident and swapped memory of process `pid`; 0 where it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    values = (line.split() for line in status.splitlines() if line.startswith(("VmRSS:", "VmSwap:")))
    return sum(int(value[1]) for value in values) / 1024


def count_processes(pid: int, enough: int) -> int:
    """The number of processes below `pid`, itself included; it stops to count past `enough`."""
    found, pending = 0, [pid]
    while pending and found <= enough:
        found += 1
        with contextlib.suppress(OSError):  # it ends meanwhile
            for children in Path(f"/proc/{pending.pop()}/task").glob("*/children"):
                pending += map(int, children.read_text().split())
    return found
