"""Response cache, on both databases: keys, first answer stays, several threads, processes and clients."""

import json
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from repair.database import STATE_VARIABLE, Location, PostgresAddress
from repair.synthesis.lm.client import LmClient
from repair.synthesis.lm.limits import StoppedError
from repair.synthesis.lm.reply import Reply
from repair.synthesis.lm.response_cache import Answer, ResponseCache, answer_key
from repair.synthesis.lm.settings import LanguageModel
from repair.synthesis.teacher import Proposal
from tests.databases import location, server
from tests.model_server import Exchange, ModelServer
from tests.repair.synthesis.lm.test_reply import right, row, teacher

__all__ = ["location", "server"]

QUESTION: dict[str, Any] = {
    "model": "openai/m",
    "messages": [{"role": "user", "content": "x"}],
    "sampling": {"temperature": 0.0, "max_tokens": 10},
    "prompt_version": "1",
    "answer_format": "line_diff",
    "sample": 0,
}

OTHERS = [
    {"model": "openai/n"},
    {"messages": [{"role": "user", "content": "y"}]},
    {"messages": [{"role": "system", "content": "x"}]},
    {"sampling": {"temperature": 0.1, "max_tokens": 10}},
    {"sampling": {"temperature": None, "max_tokens": 10}},
    {"prompt_version": "2"},
    {"answer_format": "unified_diff"},
    {"sample": 1},
]


@pytest.mark.parametrize("other", OTHERS)
def test_each_part_of_a_question_is_in_its_key(other: dict[str, Any]) -> None:
    assert answer_key(**QUESTION) == answer_key(**QUESTION)
    assert answer_key(**{**QUESTION, **other}) != answer_key(**QUESTION)


ANSWERS = st.builds(
    Answer,
    text=st.text(st.characters(exclude_categories=["Cs"])),
    input_tokens=st.one_of(st.none(), st.integers(0, 10**9)),
    output_tokens=st.one_of(st.none(), st.integers(0, 10**9)),
    cost_usd=st.one_of(st.none(), st.floats(0, 100)),
    seconds=st.one_of(st.none(), st.floats(0, 1000)),
)


@given(ANSWERS, ANSWERS)
def test_the_first_answer_stays(first: Answer, second: Answer) -> None:
    with ResponseCache(Path(":memory:")) as cache:
        assert cache.get("k") is None
        cache.put("k", "m", first)
        cache.put("k", "m", second)
        assert (cache.get("k"), cache.get("other"), len(cache)) == (first, None, 1)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from("abc"), ANSWERS), max_size=8))
def test_any_text_comes_back_from_either_database(
    location: Location, answers: list[tuple[str, Answer]]
) -> None:
    with ResponseCache(location) as cache:
        prefix = f"{len(cache)} "
        expected: dict[str, Answer] = {}
        for key, answer in answers:
            cache.put(prefix + key, "m", answer)
            expected.setdefault(prefix + key, answer)
        assert {key: cache.get(key) for key in expected} == expected


def test_a_reply_becomes_an_answer_and_an_answer_a_reply(location: Location) -> None:
    reply = Reply('{"outputs": ["a"]}', 1, None, 0.5, 2.0)
    with ResponseCache(location) as cache:
        first, second = cache.put_reply("k", "m", reply), cache.put_reply("k", "m", Reply("{}"))
        cache.put_reply("other", "m", reply)
        assert cache.replies("k") == [first, second]
        assert (first.reply, second.reply) == (reply, Reply("{}"))
        cache.put("k", "m", Answer(" \0", 1, None, 0.5, "stop", 2.0), first.number)
        assert cache.replies("k") == [second]
        cache.demote("k")
        assert cache.get("k") is None
        [_, demoted] = cache.replies("k")
        assert json.loads(demoted.reply.content)["outputs"] == [" \0"]
        assert demoted.reply.cost_usd == 0.5
    with ResponseCache(location) as again:
        assert again.replies("k") == [second, demoted]


CHILD = """
import sys
from pathlib import Path
from repair.database import shared_state
from repair.synthesis.lm.response_cache import Answer, ResponseCache
with ResponseCache(shared_state() or Path(sys.argv[1])) as cache:
    for n in range(200): cache.put(f"child {n}", "m", Answer(str(n), n, n, 0.0))
"""


def test_many_threads_and_another_process_write_one(
    location: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    if isinstance(location, PostgresAddress):
        monkeypatch.setenv(STATE_VARIABLE, location.url)
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(location)], cwd=Path(__file__).parents[4])
    with ResponseCache(location) as cache, ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda n: cache.put(f"parent {n}", "m", Answer(str(n), n, n, 0.0)), range(200)))
        assert child.wait(timeout=60) == 0
        assert len(cache) == 400
        assert cache.get("child 7") == cache.get("parent 7") == Answer("7", 7, 7, 0.0)


def test_clients_of_one_cache_ask_an_equal_question_once(location: Location) -> None:
    """As many runs on many machines: each has a client and a connection of its own."""
    rows = [row(number) for number in range(6)]

    def slowly(exchange: Exchange) -> None:
        time.sleep(0.1)
        exchange.answer(right(exchange.prompt))

    def run(_: int) -> tuple[int, int]:
        with teacher(server, location, concurrency=3) as asked:
            assert all(isinstance(result, Proposal) for result in asked.propose(rows))
            return asked.usage.answers_paid, asked.usage.answers_cached

    with ModelServer(slowly) as server, ThreadPoolExecutor(3) as threads:
        usages = list(threads.map(run, range(3)))
        assert len(server.requests) == len(rows)
    assert sum(paid for paid, _ in usages) == len(rows)
    assert [paid + cached for paid, cached in usages] == [len(rows)] * 3


MESSAGES = [{"role": "user", "content": "x"}]


def test_who_waits_for_another_s_answer_asks_when_none_came(location: Location) -> None:
    with (
        ResponseCache(location) as other,
        closing(LmClient(LanguageModel(model="openai/m"), location)) as client,
        ThreadPoolExecutor(1) as threads,
    ):
        assert other.claim("k")
        answer = threads.submit(client.answer, "k", MESSAGES, lambda: Reply('{"outputs": ["y"]}'))
        time.sleep(0.1)
        assert not answer.done()
        other.release("k")
        assert answer.result(timeout=60).text == "y"
        assert other.claim("k")  # it was given back


def test_a_client_that_waits_for_another_s_answer_can_be_stopped(tmp_path: Path) -> None:
    path = tmp_path / "answers.sqlite"
    with ResponseCache(path) as other, closing(LmClient(LanguageModel(model="openai/m"), path)) as client:
        assert other.claim("k")
        client.stop.set()
        with pytest.raises(StoppedError):
            client.answer("k", MESSAGES, lambda: Reply("{}"))


EARLIER = """
CREATE TABLE answers (key TEXT PRIMARY KEY, model TEXT NOT NULL, text TEXT NOT NULL, input_tokens INTEGER,
    output_tokens INTEGER, cost_usd REAL, asked_at TEXT NOT NULL DEFAULT 'then') WITHOUT ROWID;
CREATE TABLE replies (number INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, model TEXT NOT NULL,
    content TEXT NOT NULL, input_tokens INTEGER, output_tokens INTEGER, cost_usd REAL,
    asked_at TEXT NOT NULL DEFAULT 'then');
INSERT INTO answers (key, model, text, input_tokens, output_tokens, cost_usd) VALUES ('k', 'm', 'x', 1, 2, 3);
INSERT INTO replies (key, model, content) VALUES ('r', 'm', '{}');
"""


def test_a_file_of_an_earlier_release_keeps_what_it_holds(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "answers.sqlite")
    connection.executescript(EARLIER)
    connection.close()
    for _ in range(2):
        with ResponseCache(tmp_path / "answers.sqlite") as cache:
            assert cache.get("k") == Answer("x", 1, 2, 3.0)
            assert [stored.reply for stored in cache.replies("r")] == [Reply("{}")]
            cache.put("new", "m", Answer("y", None, None, None, "stop", 1.5))
            assert cache.get("new") == Answer("y", None, None, None, "stop", 1.5)
