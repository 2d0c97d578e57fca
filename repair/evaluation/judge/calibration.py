"""What a judge's word is worth: its precision and recall on diffs whose worth is known.

Keeping is what counts as positive. Precision: of the diffs that it keeps, the share that is right. Recall: of
the right ones, the share that it keeps. Where it gives no answer it does not keep, as in the pipeline.
Precision depends on how many wrong ones there are to each right one; the shares kept by label do not.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from repair.evaluation.intervals import wilson
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
class Rate:
    """`part` of `whole`, with Wilson's 95 % interval; the rate of nothing is not known."""

    part: int
    whole: int

    @property
    def value(self) -> float | None:
        return self.part / self.whole if self.whole else None

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.part, self.whole)

    def __str__(self) -> str:
        if self.value is None:
            return "unknown (0 of 0)"
        low, high = self.interval
        return f"{self.value:.1%} ({self.part} of {self.whole}; {low:.1%} to {high:.1%})"


@dataclass(frozen=True, slots=True)
class Calibration:
    """Answers of one judge: `counts[label, answer]`."""

    counts: Mapping[tuple[str, str], int]

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]]) -> "Calibration":
        """From rows of `JUDGED_DIFFS`, or outcomes of them."""
        return cls(Counter((row["label"], row["answer"]) for row in rows if row.get(REASON) is None))

    @property
    def precision(self) -> Rate:
        return Rate(self._count(RIGHT, KEPT), sum(self._count(label, KEPT) for label in LABELS))

    @property
    def recall(self) -> Rate:
        return self.kept(RIGHT)

    def kept(self, label: str) -> Rate:
        """The share of the diffs of this label that the judge keeps."""
        return Rate(self._count(label, KEPT), sum(self._count(label, answer) for answer in ANSWERS))

    def markdown(self) -> str:
        """A table for people."""
        rows = [f"| label | {' | '.join(ANSWERS)} | share kept (95 % interval) |", "|---|---|---|---|---|"]
        for label in LABELS:
            counts = " | ".join(str(self._count(label, answer)) for answer in ANSWERS)
            rows.append(f"| {label} | {counts} | {self.kept(label)} |")
        return "\n".join([*rows, "", f"Precision {self.precision}, recall {self.recall}."])

    def _count(self, label: str, answer: str) -> int:
        return self.counts.get((label, answer), 0)


def calibrated(batches: Iterable[pa.RecordBatch], judge: LmJudge) -> Iterator[pa.RecordBatch]:
    """Outcomes of `JUDGED_DIFFS` for outcomes of `LABELLED_DIFFS`, one batch for one batch."""
    for batch in batches:
        rows = batch.to_pylist()
        said = judge.judge([row for row in rows if row[REASON] is None])
        outcomes = [
            Reject(row, row[REASON], row[DETAIL])
            if row[REASON] is not None
            else {**row, **_answer(next(said)), "judge": judge.name}
            for row in rows
        ]
        yield outcome_batch(outcomes, JUDGED_DIFFS)


def _answer(said: Judgement | Reject) -> dict[str, Any]:
    if isinstance(said, Reject):
        return {"answer": FAILED, "judge_reason": said.detail, "cost_usd": None}
    answer = KEPT if said.keep else DROPPED
    return {"answer": answer, "judge_reason": said.reason, "cost_usd": said.cost_usd}
