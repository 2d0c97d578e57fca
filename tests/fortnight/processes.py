"""The daemon and what it started: found by the folder in their environment, ended by their ids."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import yaml

from tests.postgres import free_port

ROOT = Path(__file__).resolve().parents[2]
LOCATION = "repair"
START_S = 300
MADE_WITH = dict(
    re.findall(r"^export (DAGSTER_\w+) := (\w+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
)
"""What the Makefile gives a daemon in its environment."""


class Daemon:
    """`dagster-daemon` and the code server that it asks, with all their children, of the world at `home`.

    Two processes, as in a deployment: the code server, whose children the runs are, outlives the daemon.
    """

    def __init__(self, home: Path, environment: dict[str, str]) -> None:
        self._home, self._environment = home, environment | MADE_WITH
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._code_server: subprocess.Popen[bytes] | None = None
        self.kills = 0
        """Of the daemon."""
        server = {"host": "127.0.0.1", "port": self._port, "location_name": LOCATION}
        (home / "workspace.yaml").write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}))

    def start(self) -> None:
        self.serve()
        self._process = self._started("dagster-daemon", "run", "-w", str(self._home / "workspace.yaml"))

    def serve(self) -> None:
        """Starts the code server, unless it is there."""
        if self._code_server is None or self._code_server.poll() is not None:
            served = ("-m", "tests.fortnight.location", "--location-name", LOCATION)
            where = ("-h", "127.0.0.1", "-p", str(self._port))
            self._code_server = self._started("dagster", "api", "grpc", *where, *served)
            until = time.monotonic() + START_S
            while not _listens(self._port):
                if self._code_server.poll() is not None or time.monotonic() > until:
                    raise AssertionError("the code server does not start: see daemon.log")
                time.sleep(0.5)

    def kill_the_code_server(self) -> None:
        """SIGKILL of the code server with its runs, as when its container is replaced."""
        assert self._code_server
        ours = {self._code_server.pid}
        parents = dict(_parents())
        while more := {pid for pid, parent in parents.items() if parent in ours and pid not in ours}:
            ours |= more
        for pid in ours:
            _kill(pid)
        self._code_server.wait()

    def log(self) -> str:
        """What all of them have logged."""
        return (self._home / "daemon.log").read_text(errors="replace")

    def _started(self, program: str, *arguments: str) -> "subprocess.Popen[bytes]":
        with (self._home / "daemon.log").open("ab") as log:
            return subprocess.Popen(
                [str(Path(sys.executable).with_name(program)), *arguments],
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
        if with_children and self._code_server:
            self._code_server.wait()  # as it ends its environment is gone before it is

    def end(self) -> None:
        """Nothing of this world runs any more."""
        for _ in range(20):
            pids = list(self.pids())
            for pid in pids:
                _kill(pid)
            for process in (self._process, self._code_server):
                if process:
                    process.poll()
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


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


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
