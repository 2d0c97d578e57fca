"""Replies of real services, through a real socket: what is an answer, what is asked again, what is kept."""

import json
import re
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.errors import StoreError
from repair.schema.outcomes import Reject
from repair.synthesis.lm.program import TeacherProgram
from repair.synthesis.lm.reply import NoAnswerError, answer_of, reply_of
from repair.synthesis.lm.response_cache import Answer, ResponseCache
from repair.synthesis.lm.settings import LanguageModel
from repair.synthesis.lm.teacher import LmTeacher
from repair.synthesis.teacher import Proposal
from tests.model_server import Exchange, ModelServer, Script, written
from tests.repair.synthesis.support import candidate, found, marked

Change = Callable[[dict[str, Any], str], None]
CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def row(number: int) -> dict[str, Any]:
    files = {"main.py": f"a = {number}\nb = error:name{number}x\nc = 3\n"}
    target = found("main.py", 1, f"found name{number}x", code=f"marker[name{number}x]")
    return candidate(files, target, marked(files), number=number)


def right(prompt: str) -> str:
    [number] = re.findall(r"found name(\d+)x", prompt)
    return f"<diff>\n-2 b = error:name{number}x\n+2 b = name{number}x\n</diff>"


def message(finish_reason: Any = "stop", **fields: Any) -> Change:
    """A reply whose message has these fields; `DIFF` in them stands for the right answer."""

    def change(body: dict[str, Any], diff: str) -> None:
        made = json.loads(json.dumps(fields).replace('"DIFF"', json.dumps(diff)))
        body["choices"][0] |= {"message": {"role": "assistant", **made}, "finish_reason": finish_reason}

    return change


def fields(**changes: Any) -> Change:
    """A reply with these fields in its body, and the right answer in it unless they say otherwise."""

    def change(body: dict[str, Any], diff: str) -> None:
        body["choices"][0]["message"]["content"] = diff
        body |= changes

    return change


def sends(change: Change) -> Script:
    def script(exchange: Exchange) -> None:
        body = json.loads(exchange.completion("x"))
        change(body, right(exchange.prompt))
        exchange.send(200, json.dumps(body).encode())

    return script


def teacher(server: ModelServer, cache: Path, **settings: Any) -> LmTeacher:
    fast = {"first_pause_s": 0.01, "timeout_s": 20.0, "attempts": 2, "concurrency": 4}
    model = LanguageModel(model="openai/scripted", base_url=server.base_url, **{**fast, **settings})
    return LmTeacher(model, TeacherProgram(), cache)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "answers.sqlite"


ANSWERS: dict[str, Change] = {
    "reasoning_content": message(content="DIFF", reasoning_content="hm"),
    "reasoning": message(content="DIFF", reasoning="hm"),
    "reasoning that is an object": message(content="DIFF", reasoning_content={"steps": ["hm"]}),
    "a tool call beside the text": message("tool_calls", content="DIFF", tool_calls=[CALL]),
    "a part": message(content=[{"type": "text", "text": "DIFF"}]),
    "thinking and a part": message(
        content=[{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "DIFF"}]
    ),
    "a part of another type": message(content=[{"type": "output_text", "text": "DIFF"}]),
    "parts that are texts": message(content=["DIFF"]),
    "an object": message(content={"text": "DIFF"}),
    "a finish reason that is none": message(7, content="DIFF"),
    "no finish reason": message(None, content="DIFF"),
    "citations": message(content="DIFF", annotations=[{"type": "url_citation"}]),
    "no usage": fields(usage=None),
    "absurd usage": fields(usage={"prompt_tokens": 10**30, "completion_tokens": 1, "total_tokens": 1}),
    "no model and id": fields(model=None, id=None),
}


@pytest.mark.parametrize("change", ANSWERS.values(), ids=ANSWERS)
def test_an_answer_in_any_form_is_kept_and_paid_for_once(change: Change, cache: Path) -> None:
    for requests in (20, 0):
        with ModelServer(sends(change)) as server, teacher(server, cache) as asked:
            results = list(asked.propose([row(number) for number in range(20)]))
        assert [isinstance(result, Proposal) and "</diff>" in result.answer for result in results] == [
            True
        ] * 20
        assert (len(server.requests), asked.usage.answers_paid) == (requests, requests)
    with ResponseCache(cache) as kept:
        assert len(kept) == 20


NO_ANSWERS: dict[str, tuple[Change, str]] = {
    "null": (message(content=None), "is empty (finish reason stop)"),
    "no content": (message(), "is empty"),
    "empty": (message(content=""), "is empty"),
    "blanks": (message(content=" \n\t\u200b\ufeff"), "holds only blanks"),
    "tool calls": (message("tool_calls", content=None, tool_calls=[CALL]), "tool calls and no text (finish"),
    "an old call": (message("function_call", function_call=CALL["function"]), "tool calls and no text"),
    "reasoning": (message("length", content=None, reasoning_content="hm"), "reasoning and no text (finish"),
    "thoughts": (message(content="<think>hm</think>\n"), "reasoning and no text"),
    "thoughts that were cut": (message("length", content="<think>hm"), "no text (finish reason length)"),
    "cut before the text": (message("length", content=""), "(finish reason length)"),
    "filtered": (message("content_filter", content=None), "(finish reason content_filter), after 0 char"),
    "filtered later": (message("content_filter", content="<diff>\n-2"), "after 9 characters"),
    "refused": (message(content=None, refusal="I'd rather not."), "is a refusal: I'd rather not."),
    "no choices": (fields(choices=[]), "is empty"),
    "choices null": (fields(choices=None), "is empty"),
    "a choice null": (fields(choices=[None]), "is empty"),
    "a choice without a message": (fields(choices=[{"index": 0}]), "is empty"),
    "an error in place of choices": (fields(choices=None, error="overloaded"), "is empty"),
}


@pytest.mark.parametrize(("change", "says"), NO_ANSWERS.values(), ids=NO_ANSWERS)
def test_a_reply_that_is_no_answer_is_counted_and_asked_again(change: Change, says: str, cache: Path) -> None:
    bad = sends(change)
    for _ in range(2):  # it is never kept as an answer: the next run asks again
        with ModelServer(bad) as server, teacher(server, cache) as asked:
            [reject] = asked.propose([row(0)])
        assert isinstance(reject, Reject) and reject.reason == "teacher_failed"
        assert reject.detail.startswith("attempt 2: ") and says in reject.detail
        assert len(server.requests) == asked.usage.answers_paid == 2
        assert asked.usage.input_tokens > 200
    right_at_last = sends(message(content="DIFF"))
    script: Script = lambda e: (bad if e.attempt == 1 else right_at_last)(e)  # noqa: E731
    with ModelServer(script) as server, teacher(server, cache) as asked:
        [proposal] = asked.propose([row(0)])
        usage = asked.usage
    assert isinstance(proposal, Proposal)
    assert (len(server.requests), usage.answers_paid, usage.answers_cached) == (2, 2, 0)
    assert usage.input_tokens > 6 * 100  # of all the replies of the earlier runs, too


def test_one_row_without_an_answer_costs_its_neighbours_nothing(cache: Path) -> None:
    def script(exchange: Exchange) -> None:
        empty = "found name7x" in exchange.prompt
        exchange.answer("" if empty else right(exchange.prompt), "length" if empty else "stop")

    with ModelServer(script) as server, teacher(server, cache) as asked:
        results = list(asked.propose([row(number) for number in range(20)]))
    assert [index for index, result in enumerate(results) if isinstance(result, Reject)] == [7]
    assert len(server.requests) == 21


def test_an_answer_that_was_cut_says_so_and_is_kept(cache: Path) -> None:
    for requests in (1, 0):
        script = written("<diff>\n-2 b = error:name0x\n", "length")
        with ModelServer(script) as server, teacher(server, cache, max_tokens=99) as asked:
            [reject] = asked.propose([row(0)])
        assert isinstance(reject, Reject) and reject.reason == "no_diff"
        assert "finish reason length at max_tokens 99" in reject.detail
        assert len(server.requests) == requests


def test_every_reply_of_a_budget_is_within_it(cache: Path) -> None:
    """Replies that are no answer spend it, also where the service does not say what they took."""
    usages: tuple[Any, ...] = ({"prompt_tokens": 900, "completion_tokens": 0, "total_tokens": 900}, None)
    for number, usage in enumerate(usages):
        empty = fields(choices=[], usage=usage)
        file = cache.with_name(f"{number}.sqlite")
        with ModelServer(sends(empty)) as server, teacher(server, file, budget_tokens=6_000) as asked:
            results = list(asked.propose([row(number) for number in range(20)]))
        assert {"budget_exhausted"} <= {result.reason for result in results if isinstance(result, Reject)}
        assert 1 <= len(server.requests) <= 6


def test_a_reply_is_on_disk_before_it_is_parsed(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def surprised(reply: Any) -> Any:
        raise ZeroDivisionError("nobody foresaw this")

    rows = [row(number) for number in range(20)]
    with ModelServer(sends(message(content="DIFF"))) as server:
        with monkeypatch.context() as broken, teacher(server, cache) as asked:
            broken.setattr("repair.synthesis.lm.client.answer_of", surprised)
            results = list(asked.propose(rows))
            assert {result.reason for result in results if isinstance(result, Reject)} == {"teacher_failed"}
            assert all("ZeroDivisionError: nobody foresaw this" in str(result) for result in results)
            assert len(server.requests) == asked.usage.answers_paid == 20
        with teacher(server, cache) as asked:  # mended: all that was paid for is read now
            assert all(isinstance(result, Proposal) for result in asked.propose(rows))
        assert len(server.requests) == 20


def test_an_answer_that_an_earlier_release_kept_empty_is_asked_again(cache: Path) -> None:
    with ModelServer(sends(message(content="DIFF"))) as server:
        with teacher(server, cache) as asked:
            list(asked.propose([row(0), row(1)]))
        with closing(sqlite3.connect(cache)) as file:
            file.execute("DROP TABLE replies")
            file.execute("ALTER TABLE answers DROP COLUMN finish_reason")
            file.execute("UPDATE answers SET text = ' ' WHERE key = (SELECT min(key) FROM answers)")
            file.commit()
        for requests in (3, 3):
            with teacher(server, cache) as asked:
                assert all(isinstance(result, Proposal) for result in asked.propose([row(0), row(1)]))
            assert len(server.requests) == requests


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)
OUTPUTS = JSON | st.lists(
    st.dictionaries(st.sampled_from(["text", "reasoning_content", "tool_calls", "content"]), JSON, max_size=3)
)


class Response:
    """What DSPy says of a reply, besides the outputs."""

    def __init__(self, finish_reason: Any, provider_data: Any) -> None:
        self.finish_reason, self.provider_data = finish_reason, provider_data


@given(OUTPUTS, JSON, JSON, JSON, JSON)
def test_whatever_a_library_returns_is_a_text_or_no_answer(
    outputs: Any, finish_reason: Any, body: Any, usage: Any, cost: Any
) -> None:
    record = {"response": Response(finish_reason, body), "usage": usage, "cost": cost}
    reply = reply_of(outputs, record)
    try:
        text, _ = answer_of(reply)
    except NoAnswerError as error:
        assert str(error)
    else:
        assert text.strip()
        text.encode()
        with ResponseCache(Path(":memory:")) as kept:
            answer = Answer(text, reply.input_tokens, reply.output_tokens, reply.cost_usd)
            kept.put("k", "m", answer)
            assert kept.get("k") == answer


FINISH_REASONS = [
    # the service's own, what DSPy makes of it, what is told
    ("tool_calls", "tool_call", "tool_calls"),
    ("end_turn", "stop", "stop"),
    ("max_tokens", "length", "length"),
    ("eos", None, "eos"),
    (None, "length", "length"),
    (7, None, None),
]


@pytest.mark.parametrize(("own", "understood", "told"), FINISH_REASONS)
def test_a_finish_reason_is_told_in_the_usual_words(own: Any, understood: Any, told: str | None) -> None:
    for body in ({"choices": [{"finish_reason": own}]}, {"stop_reason": own}):
        reply = reply_of(["text"], {"response": Response(understood, body)})
        assert answer_of(reply) == ("text", told)


def test_objects_of_a_library_are_stored_by_their_fields() -> None:
    class Part:
        text = "hello"

    class Dumped:
        def model_dump(self) -> Mapping[str, Any]:
            return {"text": "dumped"}

    assert answer_of(reply_of([Part()], {}))[0] == "hello"
    assert answer_of(reply_of([Dumped()], {}))[0] == "dumped"
    assert answer_of(reply_of([{"text": ["a", {"text": "b"}]}], {}))[0] == "ab"


def test_a_cache_that_can_not_be_used_ends_the_stage_with_its_path(cache: Path) -> None:
    cache.write_bytes(b"this is no database" * 100)
    with (
        ModelServer(written("x")) as server,
        pytest.raises(StoreError, match=r"answers.sqlite, the response cache .* move it away"),
    ):
        teacher(server, cache)
