"""Accuracy of the LLM judge: precision and recall on labelled diffs.

Keeping a diff is the positive class. Precision: of the diffs that it keeps, the share that is right. Recall:
of the right ones, the share that it keeps. No answer counts as not kept, as in the pipeline. Precision
depends on the ratio of wrong to right diffs; the shares kept by label do not.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from repair.evaluation.intervals import Share
from repair.evaluation.judge.labelled_diffs import LABELLED_DIFFS, LABELS, RIGHT
from repair.schema.outcomes import DETAIL, REASON, Reject, outcome_batch
from repair.schema.stages import extended
from repair.synthesis.lm.judge import Judgement, LmJudge

KEPT, DROPPED, FAILED = ANSWERS = ("kept", "dropped", "failed")

JUDGED_DIFFS = extended(
    LABELLED_DIFFS,
    pa.field("judge", pa.string()),
    pa.field("answer", pa.string()),  # kept, dropped, failed
    pa.field("judge_reason", pa.string()),  # or why it failed
    pa.field("cost_usd", pa.float64()),
)


@dataclass(frozen=True, slots=True)
class Calibration:
    """Confusion matrix of one judge: `counts[label, answer]`."""

    counts: Mapping[tuple[str, str], int]

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]]) -> "Calibration":
        """From rows of `JUDGED_DIFFS`, or outcomes of them."""
        return cls(Counter((row["label"], row["answer"]) for row in rows if row.get(REASON) is None))

    @property
    def precision(self) -> Share | None:
        return Share.of(self._count(RIGHT, KEPT), sum(self._count(label, KEPT) for label in LABELS))

    @property
    def recall(self) -> Share | None:
        return self.kept(RIGHT)

    def kept(self, label: str) -> Share | None:
        """The share of the diffs with this label that the judge keeps; None: there is no such diff."""
        return Share.of(self._count(label, KEPT), sum(self._count(label, answer) for answer in ANSWERS))

    def markdown(self) -> str:
        """The confusion matrix as a Markdown table."""
        rows = [f"| label | {' | '.join(ANSWERS)} | share kept (95 % interval) |", "|---|---|---|---|---|"]
        for label in LABELS:
            counts = " | ".join(str(self._count(label, answer)) for answer in ANSWERS)
            rows.append(f"| {label} | {counts} | {_text(self.kept(label))} |")
        return "\n".join([*rows, "", f"Precision {_text(self.precision)}, recall {_text(self.recall)}."])

    def figures(self) -> dict[str, Any]:
        """Precision and recall with their intervals, as JSON; null: not known."""
        shares = {"precision": self.precision, "recall": self.recall}
        return {
            name: {"value": share and share.value, "interval": share and share.interval}
            for name, share in shares.items()
        }

    def _count(self, label: str, answer: str) -> int:
        return self.counts.get((label, answer), 0)


def _text(share: Share | None) -> str:
    if share is None:
        return "unknown (0 of 0)"
    low, high = share.interval
    return f"{share.value:.1%} ({share.successes} of {share.samples}; {low:.1%} to {high:.1%})"


def calibrated(batches: Iterable[pa.RecordBatch], judge: LmJudge) -> Iterator[pa.RecordBatch]:
    """Judge labelled diffs: outcomes of `JUDGED_DIFFS` for outcomes of `LABELLED_DIFFS`, batch by batch."""
    for batch in batches:
        rows = batch.to_pylist()
        judgements = judge.judge([row for row in rows if row[REASON] is None])
        outcomes = [
            Reject(row, row[REASON], row[DETAIL])
            if row[REASON] is not None
            else {**row, **_answer(next(judgements)), "judge": judge.name}
            for row in rows
        ]
        yield outcome_batch(outcomes, JUDGED_DIFFS)


def _answer(judgement: Judgement | Reject) -> dict[str, Any]:
    if isinstance(judgement, Reject):
        return {"answer": FAILED, "judge_reason": judgement.detail, "cost_usd": None}
    answer = KEPT if judgement.keep else DROPPED
    return {"answer": answer, "judge_reason": judgement.reason, "cost_usd": judgement.cost_usd}
