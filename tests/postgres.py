"""A PostgreSQL server on loopback, from Debian's packages: one for all tests of a process.

A test module takes the fixtures by importing them: `from tests.postgres import server`.
"""

import atexit
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path

import pytest

PASSWORD = "planted/PASSword+9"
"""A password that has to be quoted in an address."""
QUOTED = "planted%2FPASSword%2B9"
_NOT_DURABLE = ("fsync=off", "full_page_writes=off")  # but a kill loses nothing
_SMALL = ("shared_buffers=16MB", "max_connections=60", "autovacuum=off", "jit=off", "max_worker_processes=0")


@dataclass
class Server:
    """The server; `address()` is that of a new, empty database."""

    programs: Path
    folder: Path
    port: int
    _child: "subprocess.Popen[bytes] | None" = None
    _numbers: "count[int]" = field(default_factory=count)

    def address(self) -> str:
        name = f"test_{next(self._numbers)}"
        self.run(f'CREATE DATABASE "{name}"')
        return self.address_of(name)

    def address_of(self, database: str) -> str:
        return f"postgresql://tester:{QUOTED}@127.0.0.1:{self.port}/{database}"

    def run(self, statement: str, database: str = "postgres") -> list[tuple]:
        """A statement as the superuser."""
        import psycopg

        with psycopg.connect(self.address_of(database), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def start(self) -> None:
        options = (f"port={self.port}", "listen_addresses=127.0.0.1", "unix_socket_directories=")
        command = [str(self.programs / "postgres"), "-D", str(self.folder / "data")]
        for option in (*options, *_NOT_DURABLE, *_SMALL):
            command += ["-c", option]
        with (self.folder / "log").open("ab") as log:
            self._child = subprocess.Popen(command, stdout=log, stderr=log, **as_user())
        deadline = time.monotonic() + 60
        while True:
            assert self._child.poll() is None, (self.folder / "log").read_text()
            try:
                self.run("SELECT 1")
            except Exception:
                assert time.monotonic() < deadline, (self.folder / "log").read_text()
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        """End the server and all of its connections at once."""
        if self._child is not None:
            self._child.send_signal(signal.SIGQUIT)
            self._child.wait(timeout=60)
            self._child = None

    @contextmanager
    def restarted_after(self) -> Iterator[None]:
        """Stopped, and running again at the end."""
        self.stop()
        try:
            yield
        finally:
            self.start()


def as_user() -> dict:
    """Arguments of a child process: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "cwd": "/"}
    raise AssertionError("there is no user to run PostgreSQL")


def _programs() -> Path:
    """The folder of the server's programs, or a skip."""
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'repair[postgres]'")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[4]))
    own = shutil.which("postgres")
    if not found and not own:
        pytest.skip("no PostgreSQL server on this machine (Debian: postgresql)")
    return (found[-1] if found else Path(own or "").resolve()).parent


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@cache
def running() -> Server:
    """The server of this process, or a skip; a fixture that several modules import would start several."""
    programs = _programs()
    # not below pytest's own folder, which other users can't enter
    folder = Path(tempfile.mkdtemp(prefix="repair-postgres-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    own = as_user()
    if own:
        os.chown(folder, own["user"], own["group"])
    password = folder / "password"
    password.write_text(PASSWORD)
    password.chmod(0o644)
    initdb = [str(programs / "initdb"), "-D", str(folder / "data"), "-U", "tester", "--no-sync"]
    initdb += ["-A", "scram-sha-256", f"--pwfile={password}", "-E", "UTF8", "--locale=C"]
    subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, **own)
    running = Server(programs, folder, free_port())
    atexit.register(running.stop)
    running.start()
    return running


@pytest.fixture(scope="session")
def server() -> Server:
    """A running server."""
    return running()
