"""A checkpoint behind the completions API, against a real HTTP server on loopback that misbehaves too."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from repair.errors import ConfigurationError, TeacherError
from repair.models.model import Completion, FinishReason, Sampling
from repair.prompt.rows import prompt_of
from repair.synthesis.lm.completions import CompletionsModel
from repair.synthesis.lm.settings import LanguageModel
from tests.repair.synthesis.lm.test_model import sample

Respond = Callable[[dict[str, Any], int], tuple[int, Any]]
"""The request's body and its number from 0 -> status and body of the response."""
KEY = "sk-a-key-of-40-characters-that-is-no-word"


class Server:
    """`POST /v1/completions` on loopback."""

    def __init__(self, respond: Respond) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.keys: set[str | None] = set()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: object) -> None:
                pass

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.bodies.append(body)
                server.keys.add(self.headers["Authorization"])
                status, told = respond(body, len(server.bodies) - 1)
                sent = told if isinstance(told, bytes) else json.dumps(told).encode()
                self.send_response(status if self.path == "/v1/completions" else 404)
                self.send_header("Content-Length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


Serve = Callable[[Respond], Server]


@pytest.fixture
def serve() -> Iterator[Serve]:
    servers: list[Server] = []

    def start(respond: Respond) -> Server:
        servers.append(Server(respond))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def model(
    url: str | None, told: list[str], sampling: Sampling | None = None, **settings: Any
) -> CompletionsModel:
    known = {"model": "text-completion-openai/ours", "base_url": url, "attempts": 2, "first_pause_s": 0.01}
    return CompletionsModel(
        LanguageModel(**{**known, **settings}), sampling=sampling or Sampling(), unanswered=told.append
    )


def choices(body: dict[str, Any], reason: str = "stop") -> dict[str, Any]:
    """As many answers as were asked for, the last one first."""
    return {
        "choices": [
            {"index": index, "text": f"{index}\n</diff>", "finish_reason": reason}
            for index in reversed(range(body["n"]))
        ],
        "usage": {"prompt_tokens": 7},
    }


def test_the_bare_prompt_is_continued_and_all_answers_come_with_one_request(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUR_KEY", KEY)
    server = serve(lambda body, number: (200, choices(body)))
    sampling = Sampling(temperature=0.8, max_new_tokens=99)
    asked = model(server.url, [], sampling, key_variable="OUR_KEY")
    answers = list(asked.answer([sample(0), sample(1)], k=3))
    assert [[answer.text for answer in of_one] for of_one in answers] == [
        ["0\n</diff>", "1\n</diff>", "2\n</diff>"]
    ] * 2
    assert {answer.finish_reason for of_one in answers for answer in of_one} == {FinishReason.ENDED}
    assert {body["prompt"] for body in server.bodies} == {prompt_of(sample(0)), prompt_of(sample(1))}
    settings = {name: value for name, value in server.bodies[0].items() if name != "prompt"}
    assert settings == {"model": "ours", "n": 3, "temperature": 0.8, "top_p": 0.95, "max_tokens": 99}
    assert server.keys == {f"Bearer {KEY}"}


def test_a_service_that_recovers_is_asked_again(serve: Serve) -> None:
    told: list[str] = []
    server = serve(lambda body, number: (503, {}) if number == 0 else (200, choices(body, "length")))
    [[answer]] = model(server.url, told).answer([sample(0)])
    assert (answer.finish_reason, told, len(server.bodies)) == (FinishReason.CUT, [], 2)


@pytest.mark.parametrize(
    ("status", "body", "requests", "said"),
    [
        (500, {"error": "broke"}, 2, "broke"),
        (400, {"error": "too long"}, 1, "too long"),
        (200, b"nonsense", 1, "can't be read"),
        (200, {"choices": [{"index": 0}]}, 1, "can't be read"),
        (200, {"choices": None}, 1, "can't be read"),
        (200, [], 1, "can't be read"),
        (200, {"choices": []}, 1, "0 answers came, expected 1"),
    ],
)
def test_a_question_without_an_answer_is_told(
    status: int, body: Any, requests: int, said: str, serve: Serve
) -> None:
    told: list[str] = []
    server = serve(lambda *_: (status, body))
    assert list(model(server.url, told).answer([sample(0)])) == [[Completion("", FinishReason.UNANSWERED)]]
    assert len(server.bodies) == requests
    assert told[0].startswith("text-completion-openai/ours gave no answer to s0: ")
    assert said in told[0]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_what_every_question_would_meet_ends_the_run_and_names_no_key(
    status: int, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUR_KEY", KEY)
    server = serve(lambda *_: (status, {"error": f"the key {KEY} is wrong"}))
    with pytest.raises(TeacherError, match="can't be asked") as caught:
        list(model(server.url, [], key_variable="OUR_KEY").answer([sample(0)]))
    assert KEY not in str(caught.value)


def test_a_server_that_is_not_there_ends_the_run(serve: Serve) -> None:
    server = serve(lambda *_: (200, {}))
    server.close()
    with pytest.raises(TeacherError, match=r"can't be asked: .*ConnectionRefusedError"):
        list(model(server.url, []).answer([sample(0)]))


def test_it_is_not_searched() -> None:
    with pytest.raises(ConfigurationError, match="search a checkpoint only"):
        model("http://127.0.0.1:1/v1", [], Sampling(temperature=0, search=True))


def test_it_needs_an_address() -> None:
    with pytest.raises(ConfigurationError, match="has no address: set one"):
        model(None, [])
