"""Scoring of one answer to one benchmark sample: exact match, repaired, functional."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from repair.diagnostics.diagnostic import Diagnostic
from repair.evaluation.benchmark import SCORES
from repair.evaluation.metrics import ast_match, ast_or_string_match
from repair.language_servers.scheduler import Servers
from repair.line_diff import numbered as line_diff
from repair.line_diff import workspace as workspace_diff
from repair.prompt.answer_formats import LINE_DIFF, answer_format
from repair.text.files import files_of
from repair.verification.verifier import verify

REPAIRED = "repaired"
SYSTEMS = ("model", "history", "empty")
"""What is compared: the model, the reference fix itself (the ceiling), and no change (the floor)."""

Functional = Callable[[Mapping[str, Any], str], bool]
"""Whether the repaired text of a sample passes the sample's tests."""


def score(
    sample: Mapping[str, Any],
    system: str,
    answer: str,
    servers: Servers,
    functional: Functional | None = None,
) -> dict[str, Any]:
    """The row of `SCORES` for an answer (a completion whose opening sentinel was prefilled)."""
    files = files_of(sample)
    row: dict[str, Any] = {
        **{name: sample[name] for name in ("sample_id", "benchmark", "code", "path")},
        "system": system,
        "answer": answer,
        "ast_match": False,
        "ast_or_string_match": False,
        "repaired": False,
        "functional": None if sample["tests"] is None else False,
    }
    try:
        diff = answer_format(LINE_DIFF).read_in(answer, files, sample["path"]).line_diff
        repaired = workspace_diff.apply(files, diff, sample["path"])
    except line_diff.LineDiffError as error:
        return {**row, "outcome": error.reason}
    target = {**files, **files_of(sample, "target_files"), sample["path"]: sample["target"]}
    own = repaired[sample["path"]]
    # the diagnostic's file, and every other file that either of the two changes
    pairs = [
        (repaired[path], target[path])
        for path in files
        if path == sample["path"] or repaired[path] != target[path]
    ]
    verdict = verify(
        files,
        Diagnostic.from_row(sample["diagnostic"]),
        diff,
        servers,
        before=[Diagnostic.from_row(diagnostic) for diagnostic in sample["before"]],
    )
    return {
        **row,
        "outcome": REPAIRED if verdict.accepted else verdict.reason,
        "ast_match": all(ast_match(*pair) for pair in pairs),
        "ast_or_string_match": all(ast_or_string_match(*pair) for pair in pairs),
        "repaired": verdict.accepted,
        "functional": functional(sample, own) if functional and sample["tests"] else row["functional"],
    }


def answers_of(completions: Mapping[str, str]) -> dict[str, Callable[[Mapping[str, Any]], str]]:
    """The answer of each of `SYSTEMS` to a sample; `completions` are the model's, by `sample_id`."""
    return {
        "model": lambda sample: completions[sample["sample_id"]],
        "history": lambda sample: sample["reference"],
        "empty": lambda sample: "</diff>",
    }


def scores(
    samples: Iterable[Mapping[str, Any]],
    answers: Mapping[str, Callable[[Mapping[str, Any]], str]],
    servers: Servers,
    functional: Functional | None = None,
) -> Iterator[pa.RecordBatch]:
    """Scores of all systems: a batch of `SCORES` per sample, in the order of `answers`."""
    for sample in samples:
        rows = [
            score(sample, system, answer(sample), servers, functional) for system, answer in answers.items()
        ]
        yield pa.RecordBatch.from_pylist(rows, schema=SCORES)
