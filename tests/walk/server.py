"""`dagster dev` over a finished demo."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.documented import ROOT
from tests.fortnight.processes import MADE_WITH, Daemon


@contextmanager
def dagster_dev(home: Path, **settings: str) -> Generator[str]:
    """`dagster dev` over a finished demo; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        **settings,
        **MADE_WITH,
        "REPAIR_HOME": str(home),
        "DAGSTER_HOME": str(home / "dagster"),
        "PYTHONPATH": str(ROOT),
    }
    program = Path(sys.executable).with_name("dagster")
    with (home / "dev.log").open("a") as log:
        subprocess.Popen(
            [program, "dev", "-w", "workspace.yaml", "-p", str(port)],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        until(lambda: _answers(f"{address}/server_info"), 600, "the web server does not start")
        yield address
    finally:
        Daemon(home, environment).end()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5):
            return True
    except OSError:
        return False


def until(holds: Callable[[], Any], patience_s: float, said: str) -> Any:
    deadline = time.monotonic() + patience_s
    while not (found := holds()):
        if time.monotonic() > deadline:
            raise TimeoutError(said)
        time.sleep(3)
    return found
