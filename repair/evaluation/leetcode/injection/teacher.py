"""Bug injection by a language model, in DebugBench's way: a kind of bug is named, a buggy version comes back.

The model is shown the problem's page, the correct solution and the kind of bug. It answers with the whole
solution between `<buggy>` and `</buggy>`, and with what the bug is between `<explanation>` and
`</explanation>`, each sentinel alone on its line; the last complete block of each counts. It is asked through
the client of the teacher `lm`, with its response cache, limits and budget: nothing is paid for twice. Whether
the answer is a bug is not decided here, but by the servers and the tests
(`repair.evaluation.leetcode.injection.samples`).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from repair.closing import Closing
from repair.database import Location
from repair.errors import InputError
from repair.evaluation.leetcode.injection.bugs import (
    SEED,
    SUBTYPES,
    TEACHER,
    InjectedBug,
    recent_problems,
)
from repair.evaluation.leetcode.loader import PublishedBenchmark
from repair.evaluation.leetcode.samples import PATH
from repair.line_diff.answer_block import after_thinking
from repair.schema.outcomes import Reject, outcome_batch
from repair.schema.stages import FILES
from repair.synthesis.lm.client import LmClient
from repair.synthesis.lm.limits import Usage
from repair.synthesis.lm.program import TeacherProgram
from repair.synthesis.lm.settings import LanguageModel
from repair.text.files import text_of
from repair.text.stable_hash import rank

INJECTED_BUGS = pa.schema(
    [
        ("project_id", pa.string()),  # the problem's slug
        ("subtype", pa.string()),
        ("path", pa.string()),
        ("files", FILES),  # the buggy version
        ("target", pa.string()),  # the correct one
        ("explanation", pa.string()),
        ("teacher", pa.string()),
        ("input_tokens", pa.int64()),
        ("output_tokens", pa.int64()),
        ("cost_usd", pa.float64()),
    ]
)

REASONS = {
    "teacher_failed": "the model can't be asked, or gave no answer on any attempt; the detail says why",
    "budget_exhausted": "the question could pass the budget",
    "no_buggy_version": "the answer has no complete block with the buggy solution",
    "no_explanation": "the answer does not say what the bug is",
    "answer_too_long": "the buggy version is far longer than the correct one",
    "unchanged": "the buggy version is the correct one",
}
"""Why a question gives no candidate: reject reason -> meaning."""

_MOST_SAID = 500  # characters of an explanation that are stored
_LONGEST = 4  # times the length of the correct version
_FENCE = re.compile(r"(?:`{3,}|~{3,})\w*")


class BugAnswerError(InputError):
    """An answer holds no bug; the subclass says why."""


class NoBuggyVersionError(BugAnswerError):
    reason = "no_buggy_version"


class NoExplanationError(BugAnswerError):
    reason = "no_explanation"


class TooLongError(BugAnswerError):
    reason = "answer_too_long"


class UnchangedError(BugAnswerError):
    reason = "unchanged"


@dataclass(frozen=True, slots=True)
class BugQuestion:
    """What is asked: a bug of one subtype in the correct solution of a problem."""

    slug: str
    page: str
    correct: str
    subtype: str

    @property
    def fields(self) -> dict[str, str]:
        """The sections of the question."""
        return {
            "problem": self.page.strip(),
            "code": self.correct.rstrip("\n"),
            "bug": f"{self.subtype}: {SUBTYPES[self.subtype]}",
        }

    @property
    def known(self) -> dict[str, Any]:
        """The columns of `INJECTED_BUGS` that are known before an answer."""
        return {"project_id": self.slug, "subtype": self.subtype, "path": PATH, "target": self.correct}


def questions(published: PublishedBenchmark, cutoff: str, *, per_problem: int) -> list[BugQuestion]:
    """Questions about `per_problem` different subtypes for each recent problem, drawn by a seeded hash."""
    return [
        BugQuestion(slug, published.tests[slug].description, correct, subtype)
        for slug, correct in recent_problems(published, cutoff)
        for subtype in sorted(SUBTYPES, key=lambda subtype: rank(SEED, TEACHER, slug, subtype))[:per_problem]
    ]


class BugTeacher(Closing):
    """A language model that injects bugs, with a response cache in the file `cache`. A context manager.

    Raises ConfigurationError if the key is missing or the model does not take the settings.
    """

    def __init__(self, model: LanguageModel, cache: Location) -> None:
        from repair.evaluation.leetcode.injection.dspy_bugs import BugProgram

        self.model = model
        self._client = LmClient(model, cache)
        self._dspy = BugProgram(model, TeacherProgram(instructions=INSTRUCTIONS), self._client)

    @property
    def usage(self) -> Usage:
        """Tokens and cost of all answers so far."""
        return self._client.budget.usage

    def close(self) -> None:
        """Close the connections and the response cache."""
        self._dspy.close()
        self._client.close()

    def inject(self, asked: Sequence[BugQuestion]) -> pa.RecordBatch:
        """Outcomes of `INJECTED_BUGS`: one for each question, in order.

        Raises:
            TeacherError: every question would fail alike.
            ConfigurationError: there is a budget, and what it limits is not known of an answer.
            StoreError: the response cache can't be read or written.
        """
        return outcome_batch(self._client.map(self._outcome, asked, name="bugs"), INJECTED_BUGS)

    def _outcome(self, question: BugQuestion) -> Mapping[str, Any] | Reject:
        row = {**question.known, "teacher": self.model.model}
        try:
            answer = self._dspy.answer(question.fields)
        except Exception as error:
            return self._client.reject(row, error)
        row |= {name: getattr(answer, name) for name in ("input_tokens", "output_tokens", "cost_usd")}
        try:
            buggy, explanation = parse_bug(answer.text, question.correct)
        except BugAnswerError as error:
            ended = f"; finish reason {answer.finish_reason}" if answer.finish_reason else ""
            return Reject(row, error.reason, f"{question.subtype}: {error}{ended}")
        return {**row, "files": [{"path": PATH, "text": buggy}], "explanation": explanation}


def parse_bug(answer: str, correct: str) -> tuple[str, str]:
    """The buggy version of `correct` in an answer, and its explanation.

    Raises:
        BugAnswerError: the answer lacks one of them, or the version is no other one.
    """
    text, only_thinks = after_thinking(answer)
    lines = [] if only_thinks else text.replace("\r\n", "\n").split("\n")
    code, said = _last_block(lines, "buggy"), _last_block(lines, "explanation")
    if not code or not any(line.strip() for line in code):
        raise NoBuggyVersionError("no complete <buggy> ... </buggy> block, each sentinel alone on its line")
    explanation = " ".join(" ".join(said or ()).split())
    if not explanation:
        raise NoExplanationError("no complete <explanation> ... </explanation> block")
    buggy = "\n".join(_without_fence(code)).strip("\n") + "\n"
    if len(buggy) > _LONGEST * len(correct):
        raise TooLongError(f"{len(buggy)} characters, {len(correct)} before")
    if buggy.strip() == correct.strip():
        raise UnchangedError("it is the given solution")
    return buggy, explanation[:_MOST_SAID]


def injected_bugs_of(rows: Iterable[Mapping[str, Any]]) -> list[InjectedBug]:
    """The candidates in rows of `INJECTED_BUGS`."""
    return [
        InjectedBug(row["project_id"], row["subtype"], TEACHER, row["target"], text_of(row)) for row in rows
    ]


def _last_block(lines: Sequence[str], name: str) -> Sequence[str] | None:
    start: int | None = None
    block: Sequence[str] | None = None
    for number, line in enumerate(lines):
        if line.rstrip() == f"<{name}>":
            start = number + 1
        elif line.rstrip() == f"</{name}>" and start is not None:
            block, start = lines[start:number], None
    return block


def _without_fence(lines: Sequence[str]) -> Sequence[str]:
    """The lines without a code fence around all of them."""
    filled = [number for number, line in enumerate(lines) if line.strip()]
    first, last = filled[0], filled[-1]
    fenced = first < last and all(_FENCE.fullmatch(lines[number].strip()) for number in (first, last))
    return lines[first + 1 : last] if fenced else lines


INSTRUCTIONS = """\
You make test cases for program repair. You are given a problem, a correct Python solution and a kind of bug.
Write the solution once more with exactly one bug of that kind in it, as a person would make it by accident.

- The buggy solution must fail the problem's tests, or not run at all.
- Change as few lines as the bug needs. Keep everything else as it is: names, order, layout.
- Write no comment about the bug, and choose no name that gives it away.

Answer with the whole buggy solution between <buggy> and </buggy>, then with one or two sentences about what
is wrong between <explanation> and </explanation>. Each of these marks is alone on its line. For example, for
the bug "misused == or =":

<buggy>
class Solution:
    def isZero(self, n: int) -> bool:
        return n = 0
</buggy>
<explanation>
The comparison with 0 is written as an assignment.
</explanation>"""
"""The bug teacher's system message."""
