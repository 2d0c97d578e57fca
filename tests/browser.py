"""A real headless Chromium, driven by the DevTools protocol.

with chromium(tmp_path) as page:
    page.open("http://127.0.0.1:8765/")
    page.press("j")
    assert page.value("document.title") == "..."
"""

import base64
import itertools
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
    *("--remote-debugging-port=0", "--disable-background-networking", "--window-size=1400,900"),
)
PATIENCE_S = 90.0
_VIRTUAL_KEYS = {"Enter": 13, "Escape": 27, "ArrowRight": 39, "ArrowLeft": 37, "Tab": 9}


class Page:
    """One tab."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self.faults: list[str] = []
        """Uncaught exceptions, and what the browser refused and logged."""
        self.requests: list[str] = []
        """Addresses that the page asked for, its own included."""
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(timeout=PATIENCE_S))
            if message.get("method") == "Runtime.exceptionThrown":
                self.faults.append(json.dumps(message["params"]["exceptionDetails"]))
            if message.get("method") == "Network.requestWillBeSent":
                self.requests.append(message["params"]["request"]["url"])
            if message.get("method") == "Log.entryAdded":
                self.faults.append(message["params"]["entry"]["text"])
            if message.get("id") == number:
                assert "error" not in message, message["error"]
                return message["result"]

    def open(self, address: str) -> None:
        self.call("Page.navigate", url=address)
        self.until("document.readyState === 'complete'")

    def value(self, expression: str) -> Any:
        """The value of a JavaScript expression, as JSON."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def until(self, expression: str) -> Any:
        """Wait until an expression is true, and return its value."""
        deadline = time.monotonic() + PATIENCE_S
        while not (found := self.value(expression)):
            assert time.monotonic() < deadline, (
                f"{expression} is {found!r}: {self.value('document.body.innerText')}"
            )
            time.sleep(0.02)
        return found

    def press(self, key: str, *, ctrl: bool = False) -> None:
        parameters: dict[str, Any] = {"key": key, "modifiers": 2 if ctrl else 0}
        if key in _VIRTUAL_KEYS:
            parameters |= {"windowsVirtualKeyCode": _VIRTUAL_KEYS[key], "code": key}
        elif not ctrl:
            parameters["text"] = key
        self.call("Input.dispatchKeyEvent", type="keyDown", **parameters)
        self.call("Input.dispatchKeyEvent", type="keyUp", **parameters)

    def insert(self, text: str) -> None:
        """Text at the cursor, as typed or pasted."""
        self.call("Input.insertText", text=text)

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))


@contextmanager
def chromium(folder: Path) -> Generator[Page]:
    """A browser with a fresh profile in `folder`, or a skip."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip(f"no browser: none of {', '.join(PROGRAMS)} is installed")
    folder.mkdir(parents=True, exist_ok=True)
    profile = Path(tempfile.mkdtemp(prefix="profile-", dir=folder))
    process = subprocess.Popen(
        [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        port = _port(profile / "DevToolsActivePort", process)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list") as answer:
            target = next(tab for tab in json.load(answer) if tab["type"] == "page")
        with connect(target["webSocketDebuggerUrl"], max_size=None, proxy=None, ping_interval=None) as socket:
            yield Page(socket)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _port(file: Path, process: subprocess.Popen[bytes]) -> int:
    deadline = time.monotonic() + PATIENCE_S
    while not file.is_file() or "\n" not in file.read_text():
        if process.poll() is not None:
            pytest.skip(f"the browser does not start here: it exits with {process.returncode}")
        assert time.monotonic() < deadline, "the browser does not listen"
        time.sleep(0.02)
    return int(file.read_text().split("\n")[0])
