"""Samples for annotators, as rows of JSON Lines, and the real page in a process of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from repair.text.lines import lines_of
from repair.text.positions import LineOffsets

ROOT = Path(__file__).parents[1]
COMMAND = (sys.executable, "-c", "from repair.cli import main; main()", "annotate")
BROKEN = "def area(width, height):\n    return widht * height\n\n\nprint(area(2, 3))\n"
REPAIRED = BROKEN.replace("widht", "width")
MESSAGE = "Undefined name `widht`"


def sample_row(
    sample_id: str = "one",
    text: str = BROKEN,
    target: str | None = None,
    *,
    fragment: str = "widht",
    message: str = MESSAGE,
    **columns: Any,
) -> dict[str, Any]:
    """A sample whose diagnostic is at the first `fragment` of `main.py`."""
    lines = lines_of(text)
    line = next(number for number, found in enumerate(lines) if fragment in found)
    column = lines[line].index(fragment)
    offsets = LineOffsets(lines[line])
    character = offsets.to_character(column)
    diagnostic = {
        **{"path": "main.py", "code": "ruff[F821]", "message": message, "severity": "error"},
        **{"start_line": line, "start_column": column, "start_character": character},
        **{"end_line": line, "end_column": column + len(fragment)},
        **{"end_character": offsets.to_character(column + len(fragment)), "has_code_action": False},
    }
    return {
        "sample_id": sample_id,
        "project_id": "a project",
        "path": "main.py",
        "files": [{"path": "main.py", "text": text}],
        "diagnostic": diagnostic,
        "target": text.replace(fragment, "width") if target is None else target,
        **columns,
    }


def write_samples(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


class Server:
    """`repair annotate` on a free port; `kill` ends it as a machine does that goes down."""

    def __init__(self, samples: Path, export: Path, *options: str) -> None:
        self._process = subprocess.Popen(
            [*COMMAND, "--samples", str(samples), "--export", str(export), "--port", "0", *options],
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # it is ignored in what a shell started in the background
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )
        assert self._process.stdout and self._process.stderr
        line = self._process.stdout.readline()
        if not line.startswith("Open http://127.0.0.1:"):
            raise AssertionError(f"{line}{self._process.stderr.read()}")
        self.address = line.removeprefix("Open ").strip()
        parts = urlsplit(self.address)
        assert parts.port
        self.port = parts.port
        self.token = parse_qs(parts.query)["token"][0]

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()

    def interrupt(self) -> tuple[int, str]:
        """Ctrl-C, once it serves: the exit code and what is on stderr."""
        self.request("GET", "/", {"Host": f"127.0.0.1:{self.port}"})
        self._process.send_signal(signal.SIGINT)
        _, errors = self._process.communicate(timeout=60)
        return self._process.returncode, errors

    @property
    def own_headers(self) -> dict[str, str]:
        """What the page itself sends with a decision."""
        return {
            "Host": f"127.0.0.1:{self.port}",
            "Origin": f"http://127.0.0.1:{self.port}",
            "Cookie": f"repair_annotate_{self.port}={self.token}",
            "Content-Type": "application/json",
        }

    def request(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of one request with just these headers."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        found = answer.read()
        connection.close()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, found

    def get(self, path: str) -> Any:
        status, _, body = self.request("GET", path, self.own_headers)
        assert status == 200, body
        return json.loads(body)

    def decide(self, sample_id: str, decision: str, annotator: str = "ann", **fields: Any) -> tuple[int, Any]:
        sent = {"sample_id": sample_id, "decision": decision, "annotator": annotator, **fields}
        status, _, body = self.request("POST", "/api/decide", self.own_headers, json.dumps(sent).encode())
        return status, json.loads(body)


def logged(path: Path) -> list[dict[str, Any]]:
    """The rows of a log."""
    return [json.loads(line) for line in path.read_text().splitlines()]
