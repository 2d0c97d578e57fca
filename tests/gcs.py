"""A bucket on loopback: gcp-storage-emulator in a child process.

A test module takes the fixture by importing it: `from tests.gcs import gcs_bucket`.
"""

import atexit
import contextlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@cache
def _running() -> str:
    """The address of this process's emulator; a fixture that several modules import would start several."""
    port = _free_port()
    program = Path(sys.executable).with_name("gcp-storage-emulator")
    options = ["--host", "127.0.0.1", "--port", str(port), "-q", "-M", "--default-bucket", "bucket"]
    child = subprocess.Popen(
        [program, "start", *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    atexit.register(child.wait)
    atexit.register(child.kill)  # the last one is called first
    address = f"http://127.0.0.1:{port}"
    _wait_until_it_answers(address, child)
    return address


@pytest.fixture(scope="session")
def gcs_bucket() -> Iterator[str]:
    """`gs://bucket` of an emulator, to which gcsfs and google-cloud-storage are pointed meanwhile."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("STORAGE_EMULATOR_HOST", _running())
        yield "gs://bucket"


def _wait_until_it_answers(address: str, child: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert child.poll() is None, f"gcp-storage-emulator ended with {child.returncode}"
        with (
            contextlib.suppress(urllib.error.URLError, ConnectionError),
            urllib.request.urlopen(address, timeout=2),
        ):
            return
        time.sleep(0.05)
    raise TimeoutError(f"gcp-storage-emulator did not answer at {address} within 30 s")
