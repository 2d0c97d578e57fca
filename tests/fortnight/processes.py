"""The daemon and what it started: found by the folder in their environment, ended by their ids."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Daemon:
    """`dagster-daemon` with all its children, of the world at `home`."""

    def __init__(self, home: Path, environment: dict[str, str]) -> None:
        self._home, self._environment = home, environment
        self._process: subprocess.Popen[bytes] | None = None
        self.kills = 0
        """Of the daemon."""

    def start(self) -> None:
        with (self._home / "daemon.log").open("ab") as log:
            program = Path(sys.executable).with_name("dagster-daemon")
            self._process = subprocess.Popen(
                [program, "run", "-w", self._home / "workspace.yaml"],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self, *, with_children: bool) -> None:
        """SIGKILL: of the daemon alone, or of everything, as when a machine is lost."""
        assert self._process
        self.kills += 1
        if with_children:
            self.end()
        else:
            self._process.kill()
        self._process.wait()

    def end(self) -> None:
        """Nothing of this world runs any more."""
        for _ in range(20):
            pids = list(self.pids())
            for pid in pids:
                _kill(pid)
            if self._process:
                self._process.poll()
            if not pids:
                return
            time.sleep(0.2)
        raise AssertionError(f"still running: {list(self.pids())}")

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def pids(self) -> Iterator[int]:
        """Living processes of this world, this one left out, and their descendants: some have a clean
        environment."""
        mark = f"REPAIR_HOME={self._home}".encode()
        parents = dict(_parents())
        ours = {pid for pid in parents if pid != os.getpid() and mark in _read(pid, "environ").split(b"\0")}
        while more := {pid for pid, parent in parents.items() if parent in ours and pid not in ours}:
            ours |= more
        yield from sorted(ours)

    def kill_process(self, pid: int) -> bool:
        """SIGKILL of a process of this world, if it lives."""
        return pid in self.pids() and _kill(pid)

    def kill_a_language_server(self) -> bool:
        """SIGKILL of a pyright that is at work, if there is one."""
        for pid in self.pids():
            if b"langserver" in _read(pid, "cmdline"):
                return _kill(pid)
        return False


def _kill(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def _parents() -> Iterator[tuple[int, int]]:
    """(process, its parent) of every living process."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            state, parent, *_ = _read(int(entry.name), "stat").rpartition(b") ")[2].split() or (b"Z", b"0")
            if state != b"Z":
                yield int(entry.name), int(parent)


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""
