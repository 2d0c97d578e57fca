"""The bug teacher against a scripted server: what is asked, what is read, and each reject reason."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from repair.errors import ConfigurationError, TeacherError
from repair.evaluation.leetcode.injection.bugs import SUBTYPES, InjectedBug
from repair.evaluation.leetcode.injection.teacher import (
    INJECTED_BUGS,
    INSTRUCTIONS,
    REASONS,
    BugAnswerError,
    BugQuestion,
    BugTeacher,
    injected_bugs_of,
    parse_bug,
    questions,
)
from repair.evaluation.leetcode.loader import Checks, PublishedBenchmark
from repair.schema.outcomes import outcome_schema
from repair.synthesis.lm.settings import LanguageModel
from tests.model_server import (
    ModelServer,
    Script,
    broken_off,
    empty,
    hangs,
    invalid_utf8,
    not_json,
    server_error,
    throttled,
    written,
)

CORRECT = "class Solution:\n    def f(self, n: int) -> int:\n        return n\n"
BUGGY = CORRECT.replace("return n", "return m")
QUESTION = BugQuestion("f", "Return n.\n", CORRECT, "undefined objects")


def answer(buggy: str = BUGGY, explanation: str = "m is not defined.") -> str:
    return f"<buggy>\n{buggy}</buggy>\n<explanation>\n{explanation}\n</explanation>"


GOOD = written(answer())


def outcomes(
    script: Script, cache: Path, asked: Sequence[BugQuestion] = (QUESTION,), **settings: Any
) -> list[dict[str, Any]]:
    with ModelServer(script) as server, teacher(server, cache, **settings) as bugs:
        batch = bugs.inject(asked)
    assert batch.schema == outcome_schema(INJECTED_BUGS)
    return batch.to_pylist()


def teacher(server: ModelServer, cache: Path, **settings: Any) -> BugTeacher:
    fast = {"first_pause_s": 0.01, "timeout_s": 20.0, "attempts": 3}
    return BugTeacher(
        LanguageModel(model="openai/scripted", base_url=server.base_url, **{**fast, **settings}), cache
    )


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "answers.sqlite"


def test_the_model_is_shown_the_problem_the_solution_and_the_kind_of_bug(cache: Path) -> None:
    with ModelServer(GOOD) as server, teacher(server, cache) as bugs:
        [row] = bugs.inject([QUESTION]).to_pylist()
        [request] = server.requests
    system, user = request["messages"]  # and no begun turn of the assistant
    assert (system["role"], system["content"], user["role"]) == ("system", INSTRUCTIONS, "user")
    assert user["content"] == (
        f"<problem>\nReturn n.\n</problem>\n<code>\n{CORRECT}</code>\n"
        "<bug>\nundefined objects: a name that is defined nowhere\n</bug>"
    )
    assert row["reason"] is None
    assert (row["project_id"], row["subtype"], row["teacher"]) == (
        "f",
        "undefined objects",
        "openai/scripted",
    )
    assert row["explanation"] == "m is not defined."
    assert injected_bugs_of([row]) == [InjectedBug("f", "undefined objects", "teacher", CORRECT, BUGGY)]


def test_an_answer_is_paid_for_once(cache: Path) -> None:
    asked = [QUESTION, BugQuestion("f", "Return n.", CORRECT, "missing colons")]
    with ModelServer(GOOD) as server:
        for _ in range(2):
            with teacher(server, cache) as bugs:
                rows = bugs.inject(asked).to_pylist()
                assert [row["reason"] for row in rows] == [None, None]
                paid = bugs.usage.answers_paid
        assert (len(server.requests), paid) == (2, 0)


REJECTED: dict[str, tuple[str, Script, dict[str, Any], str]] = {
    "prose": ("no_buggy_version", written("I would rather not."), {}, "undefined objects: no complete"),
    "cut": ("no_buggy_version", written(answer()[:60], "length"), {}, "finish reason length"),
    "no explanation": ("no_explanation", written(answer(explanation=" ")), {}, "no complete"),
    "a novel": ("answer_too_long", written(answer(BUGGY + "x = 1\n" * 99)), {}, "659 characters, 65 before"),
    "the same": ("unchanged", written(answer(f"\n{CORRECT}\n")), {}, "the given solution"),
    "nothing": ("teacher_failed", written(""), {}, "attempt 3: the reply is empty"),
    "refused": ("teacher_failed", lambda e: e.error(400, "no such thing"), {}, "attempt 1: "),
    "down": ("teacher_failed", server_error(GOOD, times=None), {}, "attempt 3: "),
    "silent": ("teacher_failed", hangs(GOOD, times=None), {"timeout_s": 0.1, "attempts": 2}, "attempt 2: "),
    "dear": ("budget_exhausted", GOOD, {"budget_tokens": 0}, "0 tokens of 0"),
}


@pytest.mark.parametrize("what", REJECTED)
def test_what_gives_no_candidate_says_why(what: str, cache: Path) -> None:
    reason, script, settings, says = REJECTED[what]
    [row] = outcomes(script, cache, **settings)
    assert row["reason"] == reason
    assert says in row["detail"]
    assert row["subtype"] == "undefined objects"


def test_every_reason_has_a_case() -> None:
    assert {reason for reason, *_ in REJECTED.values()} == set(REASONS)


@pytest.mark.parametrize("wrap", [throttled, server_error, empty, broken_off, invalid_utf8, not_json])
def test_it_is_asked_again_after_a_failure_that_may_pass(
    wrap: Callable[[Script], Script], cache: Path
) -> None:
    [row] = outcomes(wrap(GOOD), cache)
    assert row["reason"] is None


def test_what_would_fail_for_every_question_ends_it(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TeacherError, match="can't be asked"):
        outcomes(lambda e: e.error(401, "who are you?"), cache)
    monkeypatch.delenv("ABSENT_KEY", raising=False)
    with pytest.raises(ConfigurationError, match="ABSENT_KEY"):
        outcomes(GOOD, cache, key_variable="ABSENT_KEY")


@pytest.mark.parametrize(
    "text",
    [
        answer(),
        answer().replace("\n", "\r\n"),
        f"Let me see.\n{answer()}\nDone.",
        f"{answer(CORRECT)}\nNo, rather:\n{answer()}",  # the last one counts
        answer(f"```python\n{BUGGY}```\n"),
        answer(f"\n~~~\n{BUGGY}~~~\n"),
        f"<think>\n{answer(CORRECT)}\n</think>\n{answer()}",
        f"<buggy> \n{BUGGY}</buggy>\t\n<explanation>\nm is\nnot   defined.\n</explanation>",
    ],
)
def test_what_is_read(text: str) -> None:
    assert parse_bug(text, CORRECT) == (BUGGY, "m is not defined.")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"<buggy>{BUGGY}</buggy>", "no_buggy_version"),  # not alone on its line
        (f"<buggy>\n{BUGGY}", "no_buggy_version"),
        (answer("\n \n"), "no_buggy_version"),
        ("</buggy>\n<buggy>", "no_buggy_version"),
        (f"<buggy>\n{BUGGY}</buggy>\nm is not defined.", "no_explanation"),
        (answer(f"```\n{CORRECT}```\n"), "unchanged"),
        (f"<think>\n{answer()}", "no_buggy_version"),  # a draft
    ],
)
def test_what_is_not(text: str, reason: str) -> None:
    with pytest.raises(BugAnswerError) as caught:
        parse_bug(text, CORRECT)
    assert caught.value.reason == reason


def test_a_long_explanation_is_cut() -> None:
    assert parse_bug(answer(explanation="x" * 999), CORRECT)[1] == "x" * 500


def test_recent_problems_are_asked_for_different_subtypes_the_same_ones_each_time() -> None:
    recent = Checks("", "", "Solution().f", "Return n.", CORRECT, "2024-05-01")
    tests = {"new": recent, "other": recent, "old": Checks("", "", "", "", CORRECT, "2024-01-31")}
    published = PublishedBenchmark((), {**tests, "undated": Checks("", "", "", "", CORRECT)})
    asked = questions(published, "2024-01-31", per_problem=3)
    assert asked == questions(published, "2024-01-31", per_problem=3)
    assert [question.slug for question in asked] == ["new"] * 3 + ["other"] * 3
    assert len({question.subtype for question in asked[:3]}) == 3
    assert asked[0].page == "Return n."
    assert len(questions(published, "2023-12-31", per_problem=99)) == 3 * len(SUBTYPES)
