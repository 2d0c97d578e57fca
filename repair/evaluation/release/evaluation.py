"""Evaluation of predictions on a released benchmark: one row of scores for each answer.

Equal releases, predictions and servers give equal rows, whatever the order of the predictions. A sample
without a prediction has one row, `missing`: it is wrong and not left out. An abstention is scored without
asking anybody.

Tested by `tests/repair/evaluation/release/test_evaluate.py`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from repair.diagnostics.codes import type_of_code
from repair.evaluation.abstention import abstains
from repair.evaluation.edit_metrics import edit_size, kept_lines, size_ratio
from repair.evaluation.groups import category, file_lines, reference_edit_lines
from repair.evaluation.outcomes import ABSTAINED, NO_CHANGE
from repair.evaluation.release.loader import Release
from repair.evaluation.release.predictions import Prediction
from repair.evaluation.scoring import Functional, score_answers
from repair.evaluation.token_match import token_match
from repair.language_servers.scheduler import Servers
from repair.line_diff import workspace as workspace_diff
from repair.line_diff.numbered import LineDiffError
from repair.prompt.answer_formats import LINE_DIFF, answer_format
from repair.text.files import files_of

MISSING = "missing"
"""Outcome of a sample without a prediction."""

SYSTEM = "predictions"
"""Whose answers the rows are about, as the columns of scores have it."""

TESTED = ("functional", "functional_strict")
"""Rates that are null without tests, or where none were run."""

RATES = ("repaired", *TESTED, "ast_match", "ast_or_string_match", "token_match")
"""What an answer either is or is not."""


def evaluate(
    release: Release,
    predictions: Sequence[Prediction],
    servers: Servers,
    functional: Functional | None = None,
    functional_strict: Functional | None = None,
) -> Iterator[dict[str, Any]]:
    """A row for each prediction and each sample that has none, by sample_id and answer_index.

    `functional` runs the samples' tests, `functional_strict` without the names that the judge imports for
    everybody; a rate whose tests are not run is null in every row.
    """
    by_sample: dict[str, list[Prediction]] = {}
    for prediction in sorted(predictions, key=lambda each: each.answer_index):
        by_sample.setdefault(prediction.sample_id, []).append(prediction)
    scores = iter(
        score_answers(
            (
                (sample, prediction.answer)
                for sample in release.samples
                for prediction in by_sample.get(sample["sample_id"], [])
                if prediction.answer is not None and not abstains(prediction.answer)
            ),
            servers,
            functional,
            functional_strict,
            anywhere=True,
        )
    )
    run = {"functional": functional is not None, "functional_strict": functional_strict is not None}
    for sample in release.samples:
        of_sample = {
            "benchmark": sample["benchmark"],
            "system": SYSTEM,
            "code": sample["code"],
            "type": type_of_code(sample["code"]),
            "category": category(sample["code"]),
            "reference_lines": reference_edit_lines(sample),
            "file_lines": file_lines(sample),
        }
        unknown = {name: None for name in TESTED if not run[name] or sample["tests"] is None}
        nothing = {
            **dict.fromkeys(RATES, False),
            **unknown,
            **dict.fromkeys(("kept_lines", "line_ratio", "token_ratio")),
        }
        answers = by_sample.get(sample["sample_id"], [])
        if not answers:
            key = {"sample_id": sample["sample_id"], "answer_index": 0}
            yield {**key, **of_sample, "outcome": MISSING, **nothing}
        for prediction in answers:
            key = {"sample_id": sample["sample_id"], "answer_index": prediction.answer_index}
            if prediction.answer is None or abstains(prediction.answer):
                yield {**key, **of_sample, "outcome": ABSTAINED, **nothing}
                continue
            scored = next(scores)
            rates = {name: scored[name] for name in RATES if name in scored} | unknown
            edit = {} if scored["outcome"] == NO_CHANGE else _edit(sample, prediction.answer)
            yield {**key, **of_sample, "outcome": scored["outcome"], **nothing, **rates, **edit}


def _edit(sample: Mapping[str, Any], answer: str) -> dict[str, Any]:
    """The metrics of the edit in an answer; nothing if it does not apply."""
    files, path = files_of(sample), sample["path"]
    try:
        diff = answer_format(LINE_DIFF).read_in(answer, files, path).line_diff
        repaired = {**files, **workspace_diff.apply(files, diff, path)}
    except LineDiffError:
        return {}
    target = {**files, **files_of(sample, "target_files"), path: sample["target"]}
    own, reference = edit_size(files, repaired), edit_size(files, target)
    return {
        "token_match": all(token_match(repaired[name], target[name]) for name in files),
        "kept_lines": kept_lines(files, repaired, target),
        "line_ratio": size_ratio(own.lines, reference.lines),
        "token_ratio": size_ratio(own.tokens, reference.tokens),
    }
