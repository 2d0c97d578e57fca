"""A bucket on loopback: gcp-storage-emulator in a child process.

A test module takes the fixture by importing it: `from tests.gcs import gcs_bucket`.
"""

import contextlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture(scope="session")
def gcs_bucket() -> Iterator[str]:
    """`gs://bucket` of an emulator, to which gcsfs and google-cloud-storage are pointed meanwhile."""
    port = _free_port()
    program = Path(sys.executable).with_name("gcp-storage-emulator")
    child = subprocess.Popen(
        [
            program,
            "start",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "-q",
            "-M",
            "--default-bucket",
            "bucket",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_until_it_answers(address, child)
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("STORAGE_EMULATOR_HOST", address)
            yield "gs://bucket"
    finally:
        child.kill()
        child.wait()


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
