"""`repair serve`: answers, refusals, batches and its end; the last two tests in a process of its own."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import httpx
import pytest

from repair.errors import ConfigurationError
from repair.fixing import app
from repair.fixing.app import MOST_BYTES, Service
from repair.fixing.batcher import MOST_AT_ONCE, Batcher
from repair.fixing.fix import Fix, Task
from repair.fixing.fixer import Fixer
from repair.fixing.query import answer_of
from repair.models.model import FinishReason
from repair.verification.confidence import Calibration
from tests.repair.fixing.scripted import DOUBTS, Script, ScriptedModel, scripted
from tests.repair.fixing.test_session import mended
from tests.repair.synthesis.support import FunctionServers, marked

ROOT = Path(__file__).parents[3]
HEADERS = {"Content-Type": "application/json"}
TEXT = 'a = "error:a"\nb = "error:b"\n'
Answers = list[httpx.Response]


class Running:
    """A service over a scripted model, asked without a socket."""

    def __init__(
        self,
        script: Script,
        *,
        k: int = 2,
        most_waiting: int = 8,
        token: str | None = None,
        calibration: Calibration | None = None,
    ) -> None:
        models, self.greedy, self.sampled = scripted(script)
        models = replace(models, calibration=calibration)
        self.servers = FunctionServers(marked)
        self._batcher = Batcher(Fixer(models, self.servers), self.servers, k=k)
        self.service = Service(self._batcher, {"model": "scripted"}, most_waiting=most_waiting, token=token)

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, *_: object) -> None:
        self._batcher.close()

    def ask(
        self, *bodies: Any, headers: Mapping[str, str] = HEADERS, base: str = "http://127.0.0.1:1"
    ) -> Answers:
        """The answers to queries that are sent together."""

        async def all_together() -> Answers:
            transport = httpx.ASGITransport(app=self.service.application())
            async with httpx.AsyncClient(transport=transport, base_url=base, timeout=30) as client:
                contents = [body if isinstance(body, bytes) else json.dumps(body).encode() for body in bodies]
                posts = [client.post("/fix", content=content, headers=dict(headers)) for content in contents]
                return list(await asyncio.gather(*posts))

        return asyncio.run(all_together())

    def close(self) -> None:
        self._batcher.close()


def test_the_first_diagnostic_of_a_file_is_fixed() -> None:
    with Running(mended) as running:
        [answer] = running.ask({"code": TEXT})
    told = answer.json()
    assert (answer.status_code, told["outcome"], told["reason"], told["rejected"]) == (200, "fixed", None, {})
    assert told["diff"] == (
        '--- a/main.py\n+++ b/main.py\n@@ -1,2 +1,2 @@\n-a = "error:a"\n+a = "fine"\n b = "error:b"\n'
    )
    [edit] = told["edits"]
    assert edit == {
        "path": "main.py",
        "range": {"start": {"line": 0, "character": 0}, "end": {"line": 1, "character": 0}},
        "newText": 'a = "fine"\n',
    }
    assert told["diagnostic"] == {"code": "marker[a]", "line": 1, "message": "found a"}
    assert told["versions"] == {"model": "scripted"}


def test_an_unsure_fix_is_answered_if_it_is_wanted() -> None:
    def script(text: str, diagnostic: Mapping[str, Any], number: int) -> str:
        return mended(text, diagnostic, more="x = 1")

    with Running(script, calibration=DOUBTS) as running:
        withheld, wanted = (
            answer.json() for answer in running.ask({"code": TEXT}, {"code": TEXT, "unsure": True})
        )
    assert (withheld["outcome"], withheld["reason"], withheld["confidence"]) == ("no_fix", "unsure", None)
    assert (wanted["outcome"], wanted["reason"]) == ("fixed", None)
    assert wanted["confidence"] == pytest.approx(0.622, abs=1e-3)


def test_who_gave_a_fix_is_told_and_is_what_its_event_is_counted_by() -> None:
    task = Task({"main.py": TEXT}, marked({"main.py": TEXT})[0], marked({"main.py": TEXT}))
    fix = Fix(task, {"main.py": 'a = "fine"\n'}, '-1 a = "error:a"\n+1 a = "fine"')
    for given, author, model in ((fix, "model", "two"), (fix.by("rules"), "rules", "rules")):
        told = answer_of(given, "two")
        assert (told["author"], told["event"]["model"]) == (author, model)
    assert answer_of(Fix(task), "two")["author"] is None


@pytest.mark.parametrize(
    ("query", "diff"),
    [
        ({"code": TEXT, "diagnostic": {"line": 2}}, '+b = "fine"'),
        ({"code": TEXT, "diagnostic": {"code": "marker[b]"}}, '+b = "fine"'),
        ({"code": TEXT, "diagnostic": {"message": "found b", "line": 2, "code": "marker[b]"}}, '+b = "fine"'),
        ({"files": {"x.py": "", "pkg/y.py": TEXT}, "path": "pkg/y.py"}, "--- a/pkg/y.py"),
    ],
)
def test_a_query_names_what_it_wants(query: Any, diff: str) -> None:
    with Running(mended) as running:
        [answer] = running.ask(query)
    assert diff in answer.json()["diff"]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({"code": TEXT, "diagnostic": {"line": 9}}, "diagnostic_absent"),
        ({"code": "a = 1\n"}, "diagnostic_absent"),
        ({"code": TEXT, "k": 1}, "no_change"),
    ],
)
def test_nothing_verified_is_no_diff_with_the_reason(query: Any, reason: str) -> None:
    with Running(lambda *_: "") as running:
        [answer] = running.ask(query)
    told = answer.json()
    assert (answer.status_code, told["outcome"], told["diff"], told["edits"]) == (200, "no_fix", None, [])
    assert told["reason"] == reason


@pytest.mark.parametrize(
    ("body", "headers", "base", "status", "error"),
    [
        (b"{", {}, "", 400, "malformed"),
        (b"\xff", {}, "", 400, "malformed"),
        (b"[" * 100_000, {}, "", 400, "malformed"),
        ({"code": 1}, {}, "", 400, "malformed"),
        ({}, {}, "", 400, "malformed"),
        ({"code": "", "files": {}}, {}, "", 400, "malformed"),
        ({"files": {"a.py": ""}, "path": "b.py"}, {}, "", 400, "malformed"),
        ({"code": "", "k": 0}, {}, "", 400, "malformed"),
        ({"code": "", "deadline_s": 0}, {}, "", 400, "malformed"),
        ({"code": "", "other": 1}, {}, "", 400, "malformed"),
        (b" " * (MOST_BYTES + 1), {}, "", 413, "too_many_bytes"),
        ({"code": ""}, {"Content-Type": "text/plain"}, "", 415, "not_json"),
        ({"code": ""}, {}, "http://example.org", 421, "other_host"),
        ({"code": ""}, {}, "http://127.0.0.1.example.org:1", 421, "other_host"),
    ],
)
def test_what_is_refused(body: Any, headers: dict[str, str], base: str, status: int, error: str) -> None:
    with Running(lambda *_: pytest.fail("it was asked")) as running:
        [answer] = running.ask(body, headers={**HEADERS, **headers}, base=base or "http://localhost:1")
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert running.servers.checked == 0


def test_a_token_is_asked_of_every_query() -> None:
    with Running(mended, token="secret") as running:
        statuses = [
            running.ask({"code": TEXT}, headers={**HEADERS, **headers})[0].status_code
            for headers in ({}, {"Authorization": "Bearer other"}, {"Authorization": "Bearer secret"})
        ]
    assert statuses == [401, 401, 200]


def test_what_comes_together_is_decoded_together() -> None:
    with Running(mended, most_waiting=MOST_AT_ONCE) as running:
        answers = running.ask(*({"code": f"{TEXT}# {number}"} for number in range(MOST_AT_ONCE)))
    assert {answer.json()["outcome"] for answer in answers} == {"fixed"}
    assert max(len(asked) for asked in running.greedy.asked) > MOST_AT_ONCE / 2


class Gate:
    """A script that waits until it is let through."""

    def __init__(self, script: Script = mended) -> None:
        self.reached, self.open = threading.Event(), threading.Event()
        self._script = script

    def __call__(self, text: str, diagnostic: Mapping[str, Any], number: int) -> str | FinishReason:
        self.reached.set()
        assert self.open.wait(30)
        return self._script(text, diagnostic, number)


def in_thread(function: Callable[[], Answers]) -> tuple[threading.Thread, list[Answers]]:
    results: list[Answers] = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    return thread, results


def test_a_full_service_answers_429_and_is_healthy() -> None:
    gate = Gate()
    with Running(gate, most_waiting=2) as running:
        thread, results = in_thread(lambda: running.ask({"code": TEXT}, {"code": TEXT}))
        assert gate.reached.wait(30)
        while running.service._waiting < 2:  # pyright: ignore[reportPrivateUsage]
            time.sleep(0.01)
        [refused] = running.ask({"code": TEXT})
        assert (refused.status_code, refused.json()["error"]) == (429, "busy")
        assert refused.headers["retry-after"] == "1"
        gate.open.set()
        thread.join()
        assert [answer.status_code for answer in results[0]] == [200, 200]
        assert running.ask({"code": TEXT})[0].status_code == 200  # the places are free again


def test_a_deadline_is_kept_and_stops_further_work() -> None:
    gate = Gate(lambda *_: "")
    with Running(gate, k=5) as running:
        [late] = running.ask({"code": TEXT, "deadline_s": 0.2})
        assert (late.status_code, late.json()["error"]) == (504, "deadline")
        gate.open.set()
        assert running.ask({"code": TEXT, "k": 1})[0].status_code == 200  # after the late one
    assert running.sampled.asked == []  # no further answer was decoded for it


class FailingModel(ScriptedModel):
    """A model whose service is not there."""

    def answer(self, samples: Any, *, k: int = 1) -> Iterator[Any]:
        raise ConfigurationError("the key \x1b is not set")


def test_a_model_that_fails_is_a_502_and_the_service_goes_on() -> None:
    with Running(mended) as running:
        models = running._batcher._fixer.models  # pyright: ignore[reportPrivateUsage]
        broken = FailingModel(mended)
        object.__setattr__(models, "first", broken)
        [failed] = running.ask({"code": TEXT})
        assert (failed.status_code, failed.json()["error"]) == (502, "model")
        assert "\\x1b is not set" in failed.json()["message"]
        object.__setattr__(models, "first", running.greedy)
        assert running.ask({"code": TEXT})[0].status_code == 200


def test_after_its_end_it_takes_nothing() -> None:
    with Running(mended) as running:
        running.close()
        [answer] = running.ask({"code": TEXT})
    assert (answer.status_code, answer.json()["error"]) == (503, "closing")


def test_a_body_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "BODY_S", 0.05)
    sent: list[Any] = []

    async def silence() -> Any:
        await asyncio.sleep(30)

    async def keep(message: Any) -> None:
        sent.append(message)

    with Running(mended) as running:
        headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")]
        scope = {"type": "http", "method": "POST", "path": "/fix", "headers": headers, "query_string": b""}
        asyncio.run(running.service.application()(scope, silence, keep))
    assert sent[0]["status"] == 408


Served = tuple[subprocess.Popen[str], int]


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """One process with real servers, by the rules, and its port."""
    command = [sys.executable, "-c", "from repair.cli import main; main()", "serve", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--model", "rules"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout
    assert process.stderr
    line = process.stdout.readline()
    assert line.startswith("Serving on http://127.0.0.1:"), line + process.stderr.read()
    yield process, int(line.rpartition(":")[2])
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def request(port: int, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, json.dumps(body) if body else None, HEADERS)
    answer = connection.getresponse()
    found = json.loads(answer.read())
    connection.close()
    return answer.status, found


def test_it_fixes_and_tells_its_versions(served: Served) -> None:
    _, port = served
    status, answer = request(port, "POST", "/fix", {"code": "number = 1\nprint(numbr)\n"})
    assert (status, answer["outcome"]) == (200, "fixed")
    assert "+print(number)\n" in answer["diff"]
    status, health = request(port, "GET", "/health")
    assert (status, health["status"], health["waiting"]) == (200, "ok", 0)
    assert health["versions"] == answer["versions"]
    assert answer["versions"].keys() >= {"model", "prompt", "pyright", "ruff", "environment"}
    for method, path, expected in (
        ("GET", "/fix", 405),
        ("POST", "/health", 405),
        ("GET", "/other", 404),
    ):
        status, answer = request(port, method, path)
        assert (status, answer["error"]) == (expected, "no_such_page")


def test_its_end_answers_what_was_asked_and_leaves_nothing(served: Served) -> None:
    process, port = served
    lists = Path(f"/proc/{process.pid}/task").glob("*/children")
    children = [Path(f"/proc/{pid}") for listed in lists for pid in listed.read_text().split()]
    assert children
    answers: list[tuple[int, Any]] = []
    code = "\n".join(f"number_{line} = {line}" for line in range(2000)) + "\nprint(numbr_7)\n"
    thread = threading.Thread(target=lambda: answers.append(request(port, "POST", "/fix", {"code": code})))
    thread.start()
    while request(port, "GET", "/health")[1]["waiting"] == 0 and thread.is_alive():
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    thread.join()
    assert [status for status, _ in answers] == [200]
    assert [child for child in children if child.exists()] == []
