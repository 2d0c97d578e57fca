"""LLM judge against a scripted server: what it keeps, drops and fails on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from repair.errors import ConfigurationError, TeacherError
from repair.pipeline import BY_NAME
from repair.schema.outcomes import join_outcomes, outcome_schema
from repair.schema.stages import SYNTHESIZED_DIFFS, VERIFIED_DIFFS
from repair.synthesis.lm.judge import (
    INSTRUCTIONS,
    Judgement,
    JudgementError,
    LmJudge,
    judged,
    parse_judgement,
    question_of,
)
from repair.synthesis.lm.settings import LanguageModel
from tests.model_server import Exchange, ModelServer, Script, hangs, server_error, throttled, written
from tests.repair.synthesis.support import FunctionServers, as_batch, candidate, found, marked

HELPER = "\n".join(f"h{number} = {number}" for number in range(1, 41))


def verdict(word: str, reason: str = "as it should be.") -> str:
    return f"<verdict>\n{word}: {reason}\n</verdict>"


KEEP = written(verdict("keep"))


def verified(*names: str, answer: str = "<diff>\n-2 b = error:{0}\n+2 b = {0}\n</diff>") -> pa.RecordBatch:
    """Outcomes of verification: one row for each name, whose repair holds the name."""
    rows: list[dict[str, Any]] = []
    for number, name in enumerate(names):
        files = {"main.py": f"a = {number}\nb = error:{name}\nc = 3\n", "helper.py": HELPER}
        target = found("main.py", 1, f"found {name}", code=f"marker[{name}]")
        row = candidate(files, target, marked(files), number=number)
        rows.append({**dict.fromkeys(SYNTHESIZED_DIFFS.names), **row, "answer": answer.format(name)})
    [batch] = BY_NAME["verified_diffs"].run([as_batch(rows, SYNTHESIZED_DIFFS)], FunctionServers(marked))
    return batch


def judge(server: ModelServer, cache: Path, **settings: Any) -> LmJudge:
    fast = {"first_pause_s": 0.01, "timeout_s": 20.0, "attempts": 3}
    model = LanguageModel(model="openai/scripted", base_url=server.base_url, **{**fast, **settings})
    return LmJudge(model, cache)


def outcomes(script: Script, cache: Path, batch: pa.RecordBatch, **settings: Any) -> list[dict[str, Any]]:
    with ModelServer(script) as server, judge(server, cache, **settings) as asked:
        [result] = join_outcomes([batch], judged([batch], asked), VERIFIED_DIFFS)
    assert result.schema == outcome_schema(VERIFIED_DIFFS)
    return result.to_pylist()


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "answers.sqlite"


def test_the_judge_is_shown_the_question_the_diff_and_what_became_of_the_code(cache: Path) -> None:
    answer = "-2 b = error:good\n+2 b = good\n#helper.py\n-20 h20 = 20\n+20 h20 = 0\n-30 h30 = 30\n</diff>"
    with ModelServer(KEEP) as server, judge(server, cache) as asked:
        [_] = judged([verified("good", answer=answer)], asked)
        [request] = server.requests
    # no begun assistant's turn for the judge, whatever the teacher's setting is
    assert [message["role"] for message in request["messages"]] == ["system", "user"]
    assert request["messages"][0]["content"] == INSTRUCTIONS
    shown = [*(f"{number} h{number} = {number}" for number in range(11, 20)), "20 h20 = 0"]
    shown += [f"{number} h{number} = {number}" for number in range(21, 30)]
    shown += [f"{number} h{number + 1} = {number + 1}" for number in range(30, 38)]
    assert request["messages"][1]["content"] == "\n".join(
        [
            *("<code>", "#main.py", "1 a = 0", "2 b = error:good", "3 c = 3", "4", "</code>"),
            *("<lsp_error>", "found good", "</lsp_error>"),
            *("<error_line>", "2 b = error:good", "</error_line>"),
            *("<diff>", *answer.splitlines()),
            *("<repaired>", "#main.py", "1 a = 0", "2 b = good", "3 c = 3", "4"),
            *("#helper.py", "...", *shown, "...", "</repaired>"),
        ]
    )


def test_lines_that_are_only_taken_away_show_where_they_stood() -> None:
    row = candidate({"main.py": HELPER}, found("main.py", 0, "reported"), [])
    row["line_diff"] = "-1 h1 = 1\n-2 h2 = 2\n-40 h40 = 40"
    shown = question_of(row).partition("<repaired>\n")[2].splitlines()
    assert shown[:3] == ["#main.py", "1 h3 = 3", "2 h4 = 4"]
    assert shown[10:12] == ["...", "29 h31 = 31"]
    assert shown[-2:] == ["37 h39 = 39", "</repaired>"]


def test_what_it_keeps_goes_on_and_what_it_drops_is_rejected_with_its_reason(cache: Path) -> None:
    def script(exchange: Exchange) -> None:
        word = "drop" if "wrong" in exchange.prompt else "keep"
        exchange.answer(f"Let me see.\n{verdict(word, f'I {word} it.')}\n")

    batch = verified("good", "wrong", "also_good", answer="-2 b = error:{0}\n+2 b = {0}\n</diff>")
    priced = {"usd_per_million_input_tokens": 1.0, "usd_per_million_output_tokens": 2.0}
    good, wrong, also = outcomes(script, cache, batch, **priced)
    assert [result["reason"] for result in (good, wrong, also)] == [None, "judge_rejects", None]
    assert (good["judge_reason"], wrong["detail"]) == ("I keep it.", "I drop it.")
    assert good["judge"].startswith("openai/scripted@")
    assert good["judge_cost_usd"] > 0
    # all that verification found is still there
    assert {**good, "judge": None, "judge_reason": None, "judge_cost_usd": None} == batch.to_pylist()[0]


def test_what_may_be_shown_to_no_model_is_not_judged(cache: Path) -> None:
    batch = verified("good")
    closed = batch.set_column(
        batch.schema.get_field_index("purposes"),
        batch.schema.field("purposes"),
        pa.array([["training"]], batch.schema.field("purposes").type),
    )
    with ModelServer(KEEP) as server, judge(server, cache) as asked:
        [result] = judged([closed], asked)
        assert server.requests == []
    assert result["reason"].to_pylist() == ["no_consent_to_synthesis"]


def test_what_is_rejected_already_is_not_paid_for(cache: Path) -> None:
    batch = verified("good", answer="Sorry.")
    with ModelServer(KEEP) as server, judge(server, cache) as asked:
        [result] = join_outcomes([batch], judged([batch], asked), VERIFIED_DIFFS)
        assert server.requests == []
    assert result.to_pylist() == batch.to_pylist()
    assert batch.to_pylist()[0]["reason"] == "no_diff"


def test_an_answer_is_paid_for_once(cache: Path) -> None:
    batch = verified("good", "fine")
    with ModelServer(KEEP) as server:
        for _ in range(2):
            with judge(server, cache) as asked:
                [result] = join_outcomes([batch], judged([batch], asked), VERIFIED_DIFFS)
                assert result["reason"].to_pylist() == [None, None]
        assert len(server.requests) == 2


FAILING: dict[str, tuple[Script, dict[str, Any], str]] = {
    "prose": (written("I would keep it."), {}, "expected keep or drop"),
    "nothing": (written(""), {}, "attempt 3: the reply is empty"),
    "a word too many": (written("<verdict>\nkeep it\n</verdict>"), {}, "expected keep or drop"),
    "refused": (lambda e: e.error(400, "no such thing"), {}, "attempt 1: "),
    "down": (server_error(KEEP, times=None), {}, "attempt 3: "),
    "silent": (hangs(KEEP, times=None), {"timeout_s": 0.1, "attempts": 2}, "attempt 2: "),
    "dear": (KEEP, {"budget_tokens": 0}, "budget_exhausted: 0 tokens of 0"),
}


@pytest.mark.parametrize("what", FAILING)
def test_what_the_judge_can_not_say_is_no_verdict(what: str, cache: Path) -> None:
    script, settings, says = FAILING[what]
    [row] = outcomes(script, cache, verified("good"), **settings)
    assert row["reason"] == "judge_failed"
    assert says in row["detail"]


@pytest.mark.parametrize("wrap", [throttled, server_error])
def test_it_is_asked_again_as_the_teacher_is(wrap: Callable[[Script], Script], cache: Path) -> None:
    [row] = outcomes(wrap(KEEP), cache, verified("good"))
    assert row["reason"] is None


def test_what_would_fail_for_every_row_ends_the_stage(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TeacherError, match="can't be asked"):
        outcomes(lambda e: e.error(401, "who are you?"), cache, verified("good"))
    monkeypatch.delenv("ABSENT_KEY", raising=False)
    with pytest.raises(ConfigurationError, match="ABSENT_KEY"):
        outcomes(KEEP, cache, verified("good"), key_variable="ABSENT_KEY")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (verdict("keep"), Judgement(True, "as it should be.")),
        (verdict("drop", "no: it is not."), Judgement(False, "no: it is not.")),
        (f"Well.\n{verdict('keep')}\nDone.", Judgement(True, "as it should be.")),
        (f"{verdict('keep')}\nNo:\n{verdict('drop', 'x')}", Judgement(False, "x")),  # the last one
        (verdict("keep").replace("\n", "\r\n"), Judgement(True, "as it should be.")),
        (verdict("keep", "x" * 5000), Judgement(True, "x" * 500)),
    ],
)
def test_what_is_read(answer: str, expected: Judgement) -> None:
    assert parse_judgement(answer) == expected


@pytest.mark.parametrize(
    "answer",
    [
        "keep: it is fine",
        "<verdict>keep: it is fine</verdict>",
        "<verdict>\nkeep: it is fine",
        "<verdict>\nkeep\n</verdict>",
        "<verdict>\nkeep:\n</verdict>",
        "<verdict>\nKEEP: it is fine\n</verdict>",
        "<verdict>\nkeep: it is fine\ndrop: it is not\n</verdict>",
        "<verdict>\nkeep: a\n<verdict>\ndrop: b\n</verdict>",
        "<verdict>\nkeepsake: x\n</verdict>",
        f"{verdict('keep')}\n<verdict>\nperhaps: x\n</verdict>",
    ],
)
def test_what_is_not(answer: str) -> None:
    with pytest.raises(JudgementError, match="expected keep or drop") as caught:
        parse_judgement(answer)
    assert caught.value.reason == "judge_failed"
    assert len(str(caught.value)) < 500
