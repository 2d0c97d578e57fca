"""A headless Chromium over its DevTools protocol: loads a page, evaluates scripts, records every request."""

import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
SECONDS = 60


class Page:
    """One tab. `requests` are the addresses that were asked for, `errors` what the console complained of."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._calls = 0
        self.requests: list[str] = []
        self.errors: list[str] = []
        self._loaded = False
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._calls += 1
        self._connection.send(json.dumps({"id": self._calls, "method": method, "params": parameters}))
        while True:
            message = self._receive()
            if message.get("id") == self._calls:
                assert "error" not in message, message
                return message["result"]

    def open(self, path: Path) -> None:
        """Load a file, to its end."""
        self._loaded = False
        self.call("Page.navigate", url=path.as_uri())
        while not self._loaded:
            self._receive()

    def evaluate(self, script: str) -> Any:
        """The value of an expression."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def _receive(self) -> dict[str, Any]:
        message = json.loads(self._connection.recv(timeout=SECONDS))
        match message.get("method"), message.get("params"):
            case "Network.requestWillBeSent", parameters:
                self.requests.append(parameters["request"]["url"])
            case "Runtime.exceptionThrown", parameters:
                self.errors.append(str(parameters["exceptionDetails"]))
            case "Log.entryAdded", parameters:
                self.errors.append(str(parameters["entry"]["text"]))
            case "Page.loadEventFired", _:
                self._loaded = True
            case _:
                pass
        return message


@contextmanager
def chromium(folder: Path) -> Generator[Page]:
    """A page of a browser with a profile in `folder`; skips where there is no browser."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip(f"no browser: none of {', '.join(PROGRAMS)} is on the PATH")
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run")
    process = subprocess.Popen(
        [program, *options, "--remote-debugging-port=0", f"--user-data-dir={folder}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        port = _port(folder / "DevToolsActivePort", process)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=SECONDS) as answer:
            tabs = json.load(answer)
        (address,) = (tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")
        with connect(address, max_size=None) as connection:
            yield Page(connection)
    finally:
        process.terminate()
        process.wait(SECONDS)


def _port(file: Path, process: subprocess.Popen[bytes]) -> int:
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        if file.is_file() and (lines := file.read_text().split()):
            return int(lines[0])
        assert process.poll() is None, f"the browser ended with {process.returncode}"
        time.sleep(0.05)
    raise TimeoutError("the browser opened no port")
