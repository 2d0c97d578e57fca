"""LLM teacher and its client against a scripted server: good and bad answers, failures, budget, resume."""

import pickle
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from repair.database import STATE_VARIABLE, Location, PostgresAddress
from repair.errors import ConfigurationError, TeacherError, TeacherUnavailableError
from repair.language_servers import ServerCrashError
from repair.line_diff.unified import diff as unified_diff
from repair.pipeline import BY_NAME
from repair.schema.outcomes import Reject, join_outcomes
from repair.schema.stages import REPAIR_CANDIDATES, SYNTHESIZED_DIFFS
from repair.synthesis.lm import limits
from repair.synthesis.lm.client import LONGEST_PAUSE_S, MOST_FAILURES_RUNNING
from repair.synthesis.lm.program import TeacherProgram
from repair.synthesis.lm.progress import SynthesisProgress
from repair.synthesis.lm.settings import LanguageModel
from repair.synthesis.lm.teacher import MOST_CHARACTERS, LmTeacher, synthesize_by_model
from repair.synthesis.teacher import Proposal, synthesize
from tests import teacher_trial
from tests.databases import location, server
from tests.model_server import (
    ModelServer,
    Script,
    answers,
    broken_off,
    hangs,
    invalid_utf8,
    not_json,
    server_error,
    throttled,
    written,
)
from tests.repair.synthesis.support import FunctionServers, as_batch, candidate, found, marked

__all__ = ["location", "server"]

ROOT = Path(__file__).parents[4]


def original(number: int) -> str:
    return f"a = {number}\nb = error:name{number}x\nc = 3\n"


def row(number: int) -> dict[str, Any]:
    files = {"main.py": original(number)}
    target = found("main.py", 1, f"found name{number}x", code=f"marker[name{number}x]")
    return candidate(files, target, marked(files), number=number)


def right(number: int) -> str:
    return f"-2 b = error:name{number}x\n+2 b = name{number}x"


TABLE = {f"error:name{number}x": right(number) for number in range(300)}
RIGHT = answers(TABLE)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "answers.sqlite"


def teacher(server: ModelServer, cache: Path, **settings: Any) -> LmTeacher:
    fast = {"first_pause_s": 0.01, "timeout_s": 20.0, "attempts": 3}
    model = LanguageModel(model="openai/scripted", base_url=server.base_url, **{**fast, **settings})
    return LmTeacher(model, TeacherProgram(), cache)


def candidates_teacher(server: ModelServer, cache: Path, candidates: int, **settings: Any) -> LmTeacher:
    model = LanguageModel(model="openai/scripted", base_url=server.base_url, **settings)
    servers = FunctionServers(marked)
    return LmTeacher(model, TeacherProgram(), cache, candidates=candidates, servers=servers)


def outcomes(script: Script, cache: Path, rows: Iterable[Mapping[str, Any]], **settings: Any) -> list:
    with ModelServer(script) as server, teacher(server, cache, **settings) as asked:
        return list(asked.propose(rows))


def verified(script: Script, cache: Path, count: int = 1, **settings: Any) -> list[dict[str, Any]]:
    """What synthesis and verification make of some rows: one outcome each, in order."""
    batch = as_batch([row(number) for number in range(count)], REPAIR_CANDIDATES)
    with ModelServer(script) as server, teacher(server, cache, **settings) as asked:
        [proposed] = join_outcomes([batch], synthesize([batch], asked), SYNTHESIZED_DIFFS)
    results = proposed.to_pylist()
    going_on = [index for index, result in enumerate(results) if result["reason"] is None]
    asked_for = as_batch([results[index] for index in going_on], SYNTHESIZED_DIFFS)
    [judged] = BY_NAME["verified_diffs"].run([asked_for], FunctionServers(marked))
    for index, result in zip(going_on, judged.to_pylist(), strict=True):
        results[index] = result
    assert [result["diagnostic_id"] for result in results] == [f"{number:032x}" for number in range(count)]
    return results


def test_a_right_answer_is_verified(cache: Path) -> None:
    [result] = verified(RIGHT, cache, usd_per_million_input_tokens=1.0, usd_per_million_output_tokens=2.0)
    assert (result["reason"], result["line_diff"]) == (None, right(0))
    assert result["teacher"] == f"openai/scripted@{TeacherProgram().version}"
    assert result["input_tokens"] > 100 and result["output_tokens"] > 5
    assert result["cost_usd"] == (result["input_tokens"] + 2 * result["output_tokens"]) / 1e6


GOOD_ANSWERS = {
    "as prefilled": "\n{diff}\n</diff>",
    "prefilled and without a first newline": "{diff}\n</diff>",
    "prose around it": "The name lacks a quote.\n\n<diff>\n{diff}\n</diff>\n\nHope this helps!",
    "a fence around it": "```\n<diff>\n{diff}\n</diff>\n```",
    "long thoughts": f"<think>{'The quote is open. ' * 2_500}</think>\n\n<diff>\n{{diff}}\n</diff>",
    "long thoughts after the prefill": f"{'The quote is open. ' * 2_500}\n</think>\n{{diff}}\n</diff>",
    "long prose": f"{'The quote is open. ' * 2_500}\n<diff>\n{{diff}}\n</diff>",
    "thought better of": "<diff>\n-1 a\n+1 b\n</diff>\nNo, wait:\n<diff>\n{diff}\n</diff>",
}


@pytest.mark.parametrize("form", GOOD_ANSWERS.values(), ids=GOOD_ANSWERS)
def test_the_diff_is_found_in(form: str, cache: Path) -> None:
    [result] = verified(answers(TABLE, form=form), cache)
    assert (result["reason"], result["line_diff"]) == (None, right(0)), result["detail"]


UNIFIED = unified_diff(original(0), original(0).replace("error:", ""))

BAD_ANSWERS = {
    "nothing": ("teacher_failed", ""),
    "half of it": ("no_diff", "<diff>\n-2 b = error:name0x\n+2 b ="),
    "prose alone": ("no_diff", "I am sorry, but I can't see an error here."),
    "prose within": ("malformed", "<diff>\nReplace line 2:\n+2 b = name0x\n</diff>"),
    "a wrong line number": ("content_mismatch", "<diff>\n-3 b = error:name0x\n+3 b = name0x\n</diff>"),
    "a line after the end": ("wrong_line", "<diff>\n-20 b = error:name0x\n+20 b = name0x\n</diff>"),
    "a line that is not there": ("content_mismatch", "<diff>\n-2 b = names[0]\n+2 b = name0x\n</diff>"),
    "a unified diff": ("malformed", f"<diff>\n{UNIFIED}\n</diff>"),
    "an empty diff": ("no_change", "<diff>\n</diff>"),
    "the same again": ("no_change", "<diff>\n-2 b = error:name0x\n+2 b = error:name0x\n</diff>"),
    "another error": ("new_error", "<diff>\n-2 b = error:name0x\n+2 b = error:typo\n</diff>"),
    "another line": ("diagnostic_remains", "<diff>\n-3 c = 3\n+3 c = 4\n</diff>"),
    "only thoughts": ("no_diff", f"<think>{'The quote is open. ' * 2_500}"),
    "no end": ("answer_too_long", "<diff>\n" + "+2 b\n" * MOST_CHARACTERS),
    "a lone surrogate": ("content_mismatch", "<diff>\n-2 b = \ud800\n+2 b\n</diff>"),
}


@pytest.mark.parametrize(("reason", "answer"), BAD_ANSWERS.values(), ids=BAD_ANSWERS)
def test_a_wrong_answer_has_its_reason(reason: str, answer: str, cache: Path) -> None:
    [result] = verified(written(answer), cache)
    assert result["reason"] == reason, result["detail"]
    assert result["detail"]


PASSING_TROUBLES = {
    "429": throttled(RIGHT, times=2),
    "500": server_error(RIGHT, times=2),
    "503": server_error(RIGHT, status=503, times=2),
    "half a body": broken_off(RIGHT, times=2),
    "a body that is not UTF-8": invalid_utf8(RIGHT, times=2),
    "a body that is not JSON": not_json(RIGHT, times=2),
    "silence": hangs(RIGHT, times=1),
}


@pytest.mark.parametrize("script", PASSING_TROUBLES.values(), ids=PASSING_TROUBLES)
def test_a_trouble_that_passes_is_waited_for(script: Script, cache: Path) -> None:
    limits = {"timeout_s": 0.5} if script is PASSING_TROUBLES["silence"] else {}
    results = verified(script, cache, 3, **limits)
    assert [result["reason"] for result in results] == [None] * 3, results[0]["detail"]


LASTING_TROUBLES = {
    "429": (throttled(RIGHT, times=None), 3, "LMRateLimitError 429"),
    "429 until tomorrow": (throttled(RIGHT, times=None, retry_after="86400"), 1, "LMRateLimitError 429"),
    "500": (server_error(RIGHT, times=None), 3, "LMServerError 500"),
    "400": (server_error(RIGHT, status=400, times=None), 1, "LMInvalidRequestError 400"),
    "half a body": (broken_off(RIGHT, times=None), 3, "connection closed"),
    "a body that is not UTF-8": (invalid_utf8(RIGHT, times=None), 3, "not JSON"),
    "silence": (hangs(RIGHT, times=None), 3, "timed out"),
}


@pytest.mark.parametrize(("script", "attempts", "cause"), LASTING_TROUBLES.values(), ids=LASTING_TROUBLES)
def test_a_trouble_that_lasts_rejects_the_row_with_its_cause(
    script: Script, attempts: int, cause: str, cache: Path
) -> None:
    limits = {"timeout_s": 0.2} if cause == "timed out" else {}
    with ModelServer(script) as server, teacher(server, cache, **limits) as asked:
        results = list(asked.propose([row(0), row(1)]))
    assert [result.reason for result in results] == ["teacher_failed"] * 2
    assert all(cause in result.detail for result in results), results[0].detail
    assert len(server.requests) == 2 * attempts


def test_one_row_in_trouble_costs_its_neighbours_nothing(cache: Path) -> None:
    def script(exchange: Any) -> None:
        (server_error(RIGHT, times=None) if "error:name3x" in exchange.prompt else RIGHT)(exchange)

    results = verified(script, cache, 8)
    assert [result["reason"] for result in results] == [None] * 3 + ["teacher_failed"] + [None] * 4


def one_answer(exchange: Any) -> None:
    """Of the second row alone."""
    (RIGHT if "error:name1x" in exchange.prompt else server_error(RIGHT, times=None))(exchange)


@pytest.mark.parametrize(
    ("script", "down"),
    [
        pytest.param(server_error(RIGHT, times=None), True, id="500"),
        pytest.param(throttled(RIGHT, times=None), True, id="429"),
        pytest.param(server_error(RIGHT, status=400, times=None), False, id="the rows are refused"),
        pytest.param(RIGHT, False, id="answers"),
        pytest.param(
            lambda e: RIGHT(e) if "name1x" in e.prompt else e.error(500, "x"), False, id="one answer"
        ),
    ],
)
def test_a_service_that_answered_no_question_is_down(script: Script, down: bool, cache: Path) -> None:
    with ModelServer(script) as server, teacher(server, cache, attempts=1) as asked:
        list(asked.propose([row(0), row(1)]))
        if not down:
            asked.require_answers()
            return
        with pytest.raises(TeacherUnavailableError, match="answered no question and turned 2 away"):
            asked.require_answers()


def test_retry_after_is_waited_for(cache: Path) -> None:
    start = time.monotonic()
    [result] = outcomes(throttled(RIGHT, retry_after="0.5"), cache, [row(0)])
    assert isinstance(result, Proposal)
    assert 0.5 <= time.monotonic() - start < LONGEST_PAUSE_S / 4


FATAL = [
    # a wrong key, no credit, no such model: the next row would fare no better
    401,
    403,
    402,
    404,
]


@pytest.mark.parametrize("status", FATAL)
def test_what_would_fail_for_every_row_ends_the_stage(status: int, cache: Path) -> None:
    with pytest.raises(TeacherError, match="openai/scripted can't be asked") as caught:
        outcomes(server_error(RIGHT, status=status, times=None), cache, [row(number) for number in range(20)])
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_service_that_is_down_ends_the_stage(cache: Path) -> None:
    rows = [row(number) for number in range(MOST_FAILURES_RUNNING + 20)]
    with pytest.raises(TeacherUnavailableError, match="failed with no answer in between"):
        outcomes(server_error(RIGHT, times=None), cache, rows, attempts=1)


def test_an_answer_is_paid_for_once(cache: Path) -> None:
    rows = [row(number) for number in range(10)]
    with ModelServer(RIGHT) as server, teacher(server, cache) as asked:
        first = list(asked.propose(rows[:6]))
    with ModelServer(RIGHT) as again, teacher(again, cache) as asked:
        second = list(asked.propose(rows))
    assert (len(server.requests), len(again.requests)) == (6, 4)
    assert second[:6] == first


def test_another_question_is_asked_again(cache: Path) -> None:
    with ModelServer(RIGHT) as server:
        for settings in ({}, {"temperature": 0.5}, {"max_tokens": 99}, {"prefill": False}, {}):
            with teacher(server, cache, **settings) as asked:
                assert isinstance(next(asked.propose([row(0)])), Proposal)
        assert len(server.requests) == 4
    assert [request.get("temperature") for request in server.requests] == [0.0, 0.5, 0.0, 0.0]
    assert [request["messages"][-1]["role"] for request in server.requests] == [*["assistant"] * 3, "user"]


def test_many_questions_are_open_at_once_and_outcomes_keep_their_order(cache: Path) -> None:
    rows = [row(number) for number in range(256)]
    with ModelServer(answers(TABLE, delay_s=0.4)) as server, teacher(server, cache, concurrency=64) as asked:
        results = list(asked.propose(iter(rows)))
    assert [right(number) in result.answer for number, result in enumerate(results)] == [True] * 256
    assert len(server.requests) == 256
    assert 48 <= server.most_at_once <= 64


def test_rows_are_taken_as_they_are_needed(cache: Path) -> None:
    read: list[int] = []

    def rows() -> Iterator[dict[str, Any]]:
        for number in range(300):
            read.append(number)
            yield row(number)

    with ModelServer(RIGHT) as server, teacher(server, cache, concurrency=2) as asked:
        proposals = asked.propose(rows())
        next(proposals)
        assert len(read) <= 10
        proposals.close()
    assert len(server.requests) <= len(read)


PRICES = {"usd_per_million_input_tokens": 1000.0, "usd_per_million_output_tokens": 2000.0}
MOST_TOKENS = 2_800  # of a question and its answer; they take a fifth of it


def counted(server: ModelServer) -> tuple[int, float]:
    """The tokens and USD of everything that the server was asked, by its own count."""
    questions = [
        sum(len(message["content"]) for message in body["messages"]) // 4 for body in server.requests
    ]
    written = len("<diff>\n\n</diff>") + len(right(100))
    answers_ = len(server.requests) * (written // 4 + 1)
    return sum(questions) + answers_, (1000 * sum(questions) + 2000 * answers_) / 1e6


def test_a_resumed_stage_counts_cached_answers_before_it_asks(cache: Path) -> None:
    rows = [row(number) for number in range(40)]
    questions: list[int] = []
    with ModelServer(RIGHT) as server:
        for ordered in (rows, rows[::-1]):  # without the count the second run would begin with other rows
            batches = [as_batch(ordered, REPAIR_CANDIDATES)]
            with teacher(server, cache, budget_tokens=12_000, **PRICES) as asked:
                results = [
                    result
                    for batch in synthesize_by_model(lambda batches=batches: batches, asked)
                    for result in batch.to_pylist()
                ]
            assert [result["diagnostic_id"] for result in results] == [
                row["diagnostic_id"] for row in ordered
            ]
            assert {result["reason"] for result in results} == {None, "budget_exhausted"}
            questions.append(len(server.requests))
    assert questions[0] == questions[1] > 15


@pytest.mark.parametrize("concurrency", [1, 8])
@pytest.mark.parametrize("limit", ["budget_usd", "budget_tokens"])
def test_a_budget_is_never_passed_and_the_rest_is_rejected(limit: str, concurrency: int, cache: Path) -> None:
    rows = [row(number) for number in range(40)]
    budget = 12_000 if limit == "budget_tokens" else 12.0
    settings = {limit: budget, "concurrency": concurrency, **PRICES}
    with ModelServer(RIGHT) as server:
        for run in range(3):  # a run that was killed and resumed ends at the same budget
            ordered = rows[::-1] if run == 2 else rows
            with teacher(server, cache, **settings) as asked:
                asked.count_cached(ordered)
                results = list(asked.propose(ordered))
                usage = asked.usage
            rejects = [result for result in results if isinstance(result, Reject)]
            assert {reject.reason for reject in rejects} == {"budget_exhausted"}
            assert f"of {budget} " in rejects[0].detail
            assert usage.answers_paid + usage.answers_cached == len(results) - len(rejects) > 15
            assert counted(server)[limit == "budget_usd"] <= budget
            if run == 0:  # nearly all of it was used: less is left than one question could take
                used = usage.cost_usd if limit == "budget_usd" else usage.input_tokens + usage.output_tokens
                assert used + (MOST_TOKENS if limit == "budget_tokens" else MOST_TOKENS * 1.5e-3) > budget
                asked_first = len(server.requests)
            paid_and_kept = (asked_first, 0) if run == 0 else (0, asked_first)
            assert (usage.answers_paid, usage.answers_cached) == paid_and_kept
        assert len(server.requests) == asked_first


def test_a_budget_too_small_for_one_question_asks_none(cache: Path) -> None:
    with ModelServer(RIGHT) as server, teacher(server, cache, budget_tokens=1500) as asked:
        results = list(asked.propose([row(number) for number in range(20)]))
    assert {result.reason for result in results} == {"budget_exhausted"}
    assert server.requests == []


def test_a_budget_in_money_needs_a_price(cache: Path) -> None:
    with pytest.raises(ConfigurationError, match="usd_per_million_input_tokens"):
        outcomes(RIGHT, cache, [row(0)], budget_usd=1.0)


def test_the_public_price_list_is_used_where_it_knows_the_model(cache: Path) -> None:
    with ModelServer(RIGHT) as server:
        model = LanguageModel(model="openai/gpt-4o-mini", base_url=server.base_url)
        with LmTeacher(model, TeacherProgram(), cache) as asked:
            [proposal] = asked.propose([row(0)])
    assert isinstance(proposal, Proposal)
    assert proposal.cost_usd is not None and 0 < proposal.cost_usd < 0.01


def test_a_row_that_is_no_prompt_is_rejected(cache: Path) -> None:
    bad = row(0)
    bad["path"] = bad["files"][0]["path"] = "two\nlines.py"
    [reject] = outcomes(RIGHT, cache, [bad])
    assert isinstance(reject, Reject) and reject.reason == "malformed_prompt"


def test_what_may_be_shown_to_no_model_is_not_asked(cache: Path) -> None:
    private, shown = {**row(0), "purposes": ["training"]}, {**row(1), "purposes": ["synthesis"]}
    with ModelServer(RIGHT) as server, teacher(server, cache, budget_tokens=10_000) as asked:
        asked.count_cached([private])
        reject, proposal = asked.propose([private, shown])
        assert "name0x" not in str(server.requests)
    assert isinstance(reject, Reject) and reject.reason == "no_consent_to_synthesis"
    assert isinstance(proposal, Proposal)


def test_a_row_without_its_file_is_rejected(cache: Path) -> None:
    bad = {**row(0), "path": "gone.py"}
    [reject] = outcomes(RIGHT, cache, [bad], budget_tokens=100)
    assert isinstance(reject, Reject) and reject.reason == "file_absent"


def test_text_without_a_utf8_form_is_rejected(cache: Path) -> None:
    bad = row(0)
    bad["files"][0]["text"] += "# \ud800"
    [reject, proposal] = outcomes(RIGHT, cache, [bad, row(1)])
    assert isinstance(reject, Reject) and reject.reason == "teacher_failed"
    assert "not valid Unicode" in reject.detail
    assert isinstance(proposal, Proposal)


def test_the_key_comes_from_the_environment_and_stays_out_of_sight(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = LanguageModel(model="openai/scripted", key_variable="SCRIPTED_KEY")
    with pytest.raises(ConfigurationError, match="SCRIPTED_KEY is not set"):
        LmTeacher(model, TeacherProgram(), cache)
    monkeypatch.setenv("SCRIPTED_KEY", "sk-very-secret")
    with (
        ModelServer(server_error(RIGHT, status=500)) as server,
        teacher(server, cache, key_variable="SCRIPTED_KEY", attempts=1) as asked,
    ):
        results = list(asked.propose([row(0), row(1)])) + list(asked.propose([row(0)]))
    assert server.headers[0]["Authorization"] == "Bearer sk-very-secret"
    assert "sk-very-secret" not in repr(results) + repr(asked.model)
    assert all(b"sk-very-secret" not in file.read_bytes() for file in cache.parent.iterdir())


BAD_SETTINGS = [
    {"model": ""},
    {"concurrency": 0},
    {"timeout_s": 0},
    {"attempts": 0},
    {"max_tokens": -1},
    {"budget_usd": -1.0},
    {"usd_per_million_input_tokens": 1.0},
]


@pytest.mark.parametrize("settings", BAD_SETTINGS)
def test_impossible_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        LanguageModel(**{"model": "openai/scripted", **settings})


def test_a_model_that_refuses_the_settings_says_so(cache: Path) -> None:
    with pytest.raises(ConfigurationError, match="temperature"):
        LmTeacher(LanguageModel(model="openai/gpt-5"), TeacherProgram(), cache)


def at_last(exchange: Any) -> None:
    """The answer number `number % 4` to a row is right, and those before it are not."""
    number = int(exchange.prompt.partition("error:name")[2].partition("x")[0])
    wrong = ("I don't know.", "<diff>\n" + "+2 b\n" * MOST_CHARACTERS, "-3 c = 3\n+3 c = 4\n</diff>")
    tried = exchange.attempt - 1
    exchange.answer(f"{right(number)}\n</diff>" if tried == number % 4 else wrong[tried])


def test_candidates_are_asked_for_until_one_verifies(cache: Path) -> None:
    rows = [row(number) for number in range(40)]
    settings: dict[str, Any] = {"temperature": 0.7, "concurrency": 4, **PRICES}
    with ModelServer(at_last) as server:
        for _ in range(2):  # the second time nothing is paid for
            with candidates_teacher(server, cache, 3, **settings) as asked:
                results = list(asked.propose(rows))
                usage = asked.usage
            assert len(server.requests) == 10 * (1 + 2 + 3 + 3)
            for number, result in enumerate(results):
                assert isinstance(result, Proposal)
                assert (right(number) in result.answer) == (number % 4 < 3)
                assert result.candidates == min(number % 4 + 1, 3)
            # what the second candidate of every other row took was lost with it, and is counted
            assert results[3].answer.startswith("-3 c = 3")
            assert sum(result.cost_usd for result in results) == pytest.approx(usage.cost_usd)
            assert results[2].cost_usd > 20 * results[1].cost_usd > 20 * results[0].cost_usd / 20
        assert (usage.answers_paid, usage.answers_cached, usage.cost_usd_now) == (0, 90, 0.0)


def test_the_reason_of_a_row_is_that_of_its_last_candidate(cache: Path) -> None:
    def script(exchange: Any) -> None:
        (server_error(RIGHT, status=400, times=None) if exchange.attempt > 1 else written("None."))(exchange)

    with ModelServer(script) as server, candidates_teacher(server, cache, 3, temperature=1.0) as asked:
        [failed_later] = asked.propose([row(0)])
    assert isinstance(failed_later, Proposal)
    assert (failed_later.answer, failed_later.candidates) == ("None.", 1)
    endless = written("+1 a\n" * MOST_CHARACTERS)
    with ModelServer(endless) as server, candidates_teacher(server, cache, 2, temperature=1.0) as asked:
        [never] = asked.propose([row(1)])
    assert isinstance(never, Reject) and never.reason == "answer_too_long"
    assert len(server.requests) == 2


def test_no_other_candidate_is_paid_for_where_the_servers_failed(cache: Path) -> None:
    def crashes(files: Mapping[str, str]) -> list[Any]:
        raise ServerCrashError("it is gone")

    with ModelServer(RIGHT) as server:
        model = LanguageModel(model="openai/scripted", base_url=server.base_url, temperature=1.0)
        with LmTeacher(
            model, TeacherProgram(), cache, candidates=3, servers=FunctionServers(crashes)
        ) as asked:
            [proposal] = asked.propose([row(0)])
    assert (proposal.candidates, len(server.requests)) == (1, 1)


def test_impossible_candidates_are_refused(cache: Path) -> None:
    with ModelServer(RIGHT) as server:
        for candidates, settings in ((2, {"temperature": 0.0}), (0, {})):
            with pytest.raises(ConfigurationError, match=f"candidates is {candidates}"):
                candidates_teacher(server, cache, candidates, **settings)


def test_equal_questions_are_paid_for_once(cache: Path) -> None:
    rows = [{**row(0), "diagnostic_id": f"{number:032x}"} for number in range(20)]
    with ModelServer(answers(TABLE, delay_s=0.2)) as server, teacher(server, cache) as asked:
        results = list(asked.propose(rows))
        assert asked.usage.answers_paid == len(server.requests) == 1
    assert all(result == results[0] for result in results)


def test_progress_is_reported_while_it_goes_on(cache: Path) -> None:
    reports: list[SynthesisProgress] = []
    model = {"model": "openai/scripted", "concurrency": 2, **PRICES}
    with ModelServer(answers(TABLE, delay_s=0.05)) as server:
        asked = LmTeacher(
            LanguageModel(base_url=server.base_url, **model),
            TeacherProgram(),
            cache,
            report=reports.append,
            total=40,
        )
        asked._reporter.every_s = 0.2
        with asked:
            list(asked.propose(row(number) for number in range(40)))
    assert len(reports) >= 3
    assert [progress.rows for progress in reports] == sorted(progress.rows for progress in reports)
    early, last = reports[1], reports[-1]
    assert 0 < early.rate <= 45  # two at once, 50 ms each: 40 a second
    assert early.seconds_left == pytest.approx((40 - early.rows) / early.rate)
    assert (last.rows, last.total, last.seconds_left) == (40, 40, 0)
    assert last.usage == asked.usage and last.usage.answers_paid == 40
    line = r"40 of 40 \(100%\) rows, [0-9.]+ rows/s; 40 answers paid for now, 0 cached; [0-9.]+ USD, "
    assert re.match(line, str(last))


def test_requests_keep_to_their_rate(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MINUTE_S", 1.5)
    came: list[float] = []

    def script(exchange: Any) -> None:
        came.append(time.monotonic())
        (throttled(RIGHT, retry_after="0") if "error:name3x" in exchange.prompt else RIGHT)(exchange)

    start = time.monotonic()
    results = outcomes(script, cache, [row(number) for number in range(20)], requests_per_minute=7)
    assert all(isinstance(result, Proposal) for result in results)
    assert len(came) == 21  # an attempt is a request
    assert all(at - start >= 1.5 * (number // 7) for number, at in enumerate(sorted(came)))


@pytest.mark.slow
def test_a_run_of_hundreds_with_bad_answers_adds_up_and_pays_nothing_twice(
    location: Location, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, concurrency, kills = 300, 16, 2
    if isinstance(location, PostgresAddress):
        rows, kills = 160, 1
        monkeypatch.setenv(STATE_VARIABLE, location.url)
    trial = teacher_trial.run(tmp_path, rows, concurrency=concurrency, delay_s=0.05, kills=kills, seed=5)
    assert sorted(diagnostic_id for diagnostic_id, _ in trial.outcomes) == [
        f"{number:032x}" for number in range(rows)
    ]
    assert trial.reasons == teacher_trial.expected(rows)
    assert {way for way in map(teacher_trial.way, range(rows)) if way} == set(teacher_trial.WAYS)
    paid_twice = trial.requests - teacher_trial.requests_undisturbed(rows)
    assert paid_twice <= trial.open_at_kills <= kills * concurrency
    assert teacher_trial.cached(tmp_path) == rows


def test_nothing_heavy_is_loaded_until_a_model_is_asked() -> None:
    program = (
        "import sys, repair.synthesis.lm.teacher, repair.synthesis.history, repair.verification.verifier\n"
        "print(sorted({'dspy', 'litellm', 'torch', 'openai', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout == "[]\n"
