"""Scoring of answers to benchmark samples: exact match, repaired, functional.

The language servers check the answers of many rows at once, and the tests of many run side by side. Equal
answers to one sample, whoever gave them, are examined once.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import pyarrow as pa

from repair.diagnostics.diagnostic import Diagnostic
from repair.evaluation.benchmark import SCORES
from repair.evaluation.metrics import ast_match, ast_or_string_match
from repair.evaluation.outcomes import NO_CHANGE, REPAIRED
from repair.language_servers.scheduler import CheckCoroutine, Servers, run_stream
from repair.line_diff import numbered as line_diff
from repair.line_diff import workspace as workspace_diff
from repair.prompt.answer_formats import LINE_DIFF, AnswerFormat, answer_format
from repair.prompt.excerpt import check_inside
from repair.schema.guards import guarded
from repair.text.files import files_of
from repair.unexpected import UNEXPECTED
from repair.verification.verifier import examine

AT_ONCE = 64
"""Answers whose checks run together; bounds the memory."""

_ROWS_AT_ONCE = 256

Functional = Callable[[Iterable[tuple[str, str]]], Iterable[bool]]
"""Whether each (tests of a sample, repaired text of its file) passes, in order."""

_FROM_SAMPLE = ("sample_id", "benchmark", "code", "path")
_FROM_PREDICTION = ("system", "answer_index", "answer", "output_tokens", "seconds")

Answered = tuple[Mapping[str, Any], str]
"""A sample and an answer to it."""

_Scored = tuple[dict[str, Any], str | None]
"""What an answer is worth, and the repaired text of the sample's file."""


def scores(
    samples: Iterable[Mapping[str, Any]],
    predictions: Iterable[Mapping[str, Any]],
    servers: Servers,
    functional: Functional | None = None,
    functional_strict: Functional | None = None,
    *,
    anywhere: bool = False,
    answers_are: str = LINE_DIFF,
) -> Iterator[pa.RecordBatch]:
    """Rows of `SCORES` for the rows of `PREDICTIONS` that answer one of `samples`, in their order.

    `functional` runs the samples' tests, `functional_strict` without the names that the judge imports for
    everybody; without them no answer passes any. `anywhere` as in `score_answers`; `answers_are` in a format
    of `repair.prompt.answer_formats`.
    """
    known = {(sample["benchmark"], sample["sample_id"]): sample for sample in samples}
    answered = [
        (sample, row)
        for row in predictions
        if (sample := known.get((row["benchmark"], row["sample_id"]))) is not None
    ]
    answers = [(sample, row["answer"]) for sample, row in answered]
    found = score_answers(
        answers, servers, functional, functional_strict, anywhere=anywhere, answers_are=answers_are
    )
    rows = [
        {
            **{name: sample[name] for name in _FROM_SAMPLE},
            **{name: row[name] for name in _FROM_PREDICTION},
            **score,
        }
        for (sample, row), score in zip(answered, found, strict=True)
    ]
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        yield pa.RecordBatch.from_pylist(rows[start : start + _ROWS_AT_ONCE], schema=SCORES)


def score_answers(
    answered: Iterable[Answered],
    servers: Servers,
    functional: Functional | None = None,
    functional_strict: Functional | None = None,
    *,
    anywhere: bool = False,
    answers_are: str = LINE_DIFF,
) -> list[dict[str, Any]]:
    """What each answer (a completion whose opening sentinel was prefilled) is worth, in order.

    `anywhere`: an answer may change lines that our prompts do not show; those who give it may have seen them.

    A score has `outcome`, `ast_match`, `ast_or_string_match`, `repaired`, `functional` and
    `functional_strict`, as in `SCORES`.
    """
    index: dict[tuple[str, str, str], int] = {}
    distinct: list[Answered] = []
    of_answer: list[int] = []
    for sample, answer in answered:
        key = sample["benchmark"], sample["sample_id"], answer
        if key not in index:
            index[key] = len(distinct)
            distinct.append((sample, answer))
        of_answer.append(index[key])
    form = answer_format(answers_are)
    checks = (_guarded(sample, answer, anywhere, form) for sample, answer in distinct)
    found = list(run_stream(checks, servers, at_once=AT_ONCE))
    tested = [sample for sample, _ in distinct]
    _run_tests(tested, found, "functional", functional)
    _run_tests(tested, found, "functional_strict", functional_strict)
    return [found[number][0] for number in of_answer]


def _guarded(
    sample: Mapping[str, Any], answer: str, anywhere: bool, form: AnswerFormat
) -> CheckCoroutine[_Scored]:
    return guarded(_examined(sample, answer, anywhere, form), partial(_unexpected, sample))


def _unexpected(sample: Mapping[str, Any], detail: str) -> _Scored:
    return {**_nothing(sample), "outcome": UNEXPECTED}, None


def _nothing(sample: Mapping[str, Any]) -> dict[str, Any]:
    """The score of an answer that repairs nothing, without its outcome."""
    wrong = dict.fromkeys(("ast_match", "ast_or_string_match", "repaired"), False)
    tested = None if sample["tests"] is None else False
    return {**wrong, "functional": tested, "functional_strict": tested}


def _examined(
    sample: Mapping[str, Any], answer: str, anywhere: bool, form: AnswerFormat
) -> CheckCoroutine[_Scored]:
    files, diagnostic = files_of(sample), Diagnostic.from_row(sample["diagnostic"])
    try:
        diff = form.read_in(answer, files, sample["path"]).line_diff
        if not anywhere:
            check_inside(files, diagnostic, diff)
        repaired = workspace_diff.apply(files, diff, sample["path"])
    except line_diff.LineDiffError as error:
        return {**_nothing(sample), "outcome": error.reason}, None
    pairs = compared_files(sample, repaired)
    before = [Diagnostic.from_row(diagnostic) for diagnostic in sample["before"]]
    verdict = yield from examine(files, diagnostic, diff, before, anywhere=anywhere)
    if verdict.reason == NO_CHANGE:
        # right by no metric: of a reference that edits layout or comments alone it has the syntax tree
        return {**_nothing(sample), "outcome": NO_CHANGE}, None
    score = {
        **_nothing(sample),
        "outcome": REPAIRED if verdict.accepted else verdict.reason,
        "ast_match": all(ast_match(*pair) for pair in pairs),
        "ast_or_string_match": all(ast_or_string_match(*pair) for pair in pairs),
        "repaired": verdict.accepted,
    }
    return score, repaired[sample["path"]]


def compared_files(sample: Mapping[str, Any], repaired: Mapping[str, str]) -> list[tuple[str, str]]:
    """The texts (repaired, reference) of the diagnostic's file, and of every other file that either changes.

    `repaired`: all files of the workspace after a repair.
    """
    files = files_of(sample)
    target = {**files, **files_of(sample, "target_files"), sample["path"]: sample["target"]}
    return [
        (repaired[path], target[path])
        for path in files
        if path == sample["path"] or repaired[path] != target[path]
    ]


def _run_tests(
    samples: Sequence[Mapping[str, Any]],
    scored: Sequence[_Scored],
    metric: str,
    functional: Functional | None,
) -> None:
    """Sets the metric of the answers to samples that have tests, where the answer applied."""
    if functional is None:
        return
    tested = [
        (sample["tests"], text, score)
        for sample, (score, text) in zip(samples, scored, strict=True)
        if sample["tests"] and text is not None
    ]
    if not tested:
        return
    passed = functional((tests, text) for tests, text, _ in tested)
    for (_, _, score), passes in zip(tested, passed, strict=True):
        score[metric] = passes
