"""`repair language-servers`, or another command that serves, in a process group that is killed at the end."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import httpx

from repair.language_servers import child
from repair.language_servers.settings import TOKEN_VARIABLE

ROOT = Path(__file__).parents[2]
SERVE = [sys.executable, "-c", "from repair.cli import main; main()", "language-servers"]
_START_S = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Instance:
    """On a free loopback port, which it keeps when it is started again.

    `root` holds the package that is served; `command` is `repair language-servers` where none is given, else
    it finds the port in the environment.
    """

    def __init__(
        self,
        log: Path,
        *,
        token: str = "",
        root: Path = ROOT,
        command: Sequence[str] | None = None,
        **variables: str,
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = log
        self._root = root
        self._command = command or [*SERVE, "--port", str(self.port)]
        self._environment = {
            **os.environ,
            "PYTHONPATH": str(root),
            "PORT": str(self.port),
            TOKEN_VARIABLE: token,
            **variables,
        }

    def __enter__(self) -> "Instance":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Returns once it is healthy."""
        with self._log.open("ab") as log:
            self._process = child.start(
                self._command,
                cwd=self._root,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        end = time.monotonic() + _START_S
        while time.monotonic() < end and self._process.poll() is None:
            try:
                if httpx.get(f"{self.url}/health", trust_env=False).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        self.kill()
        raise AssertionError(f"the instance did not start:\n{self.log}")

    def kill(self) -> None:
        """SIGKILL to the whole group."""
        child.kill(self._process)

    def end(self) -> int:
        """SIGTERM, as a container's end; the exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(30)

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def serving_pid(self) -> int:
        """The process id of gunicorn's one worker."""
        [pid] = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return int(pid)
