"""Calibration of a model's confidence by its own answers to problems whose tests are run.

The model answers the half of the problems with injected bugs that no result is reported on, by the search of
`repair fix`: one answer to each sample, and `K` where something speaks against the first. What verifies is
tested in the sandbox; the regression is fitted to it, and the threshold chosen on what `repair fix` tries.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pyarrow as pa

from repair.evaluation.benchmark import INJECTED_CHOOSE
from repair.evaluation.calibration import calibrated
from repair.evaluation.intervals import Share
from repair.evaluation.predictions import prompt_if_any
from repair.evaluation.scoring import Functional
from repair.evaluation.verified_answers import Row, as_tried, is_plain, judged_repairs, verified_rows
from repair.language_servers.scheduler import Servers
from repair.models.model import Model
from repair.verification.confidence import Calibration, Signals

K = 8
"""Answers to a sample whose first does not do, as many as `repair fix -k 8` tries."""

TESTED_REPAIRS = pa.schema(
    [
        ("sample_id", pa.string()),
        ("system", pa.string()),
        ("answers", pa.int64()),
        (
            "repairs",
            pa.list_(
                pa.struct(
                    [
                        ("order", pa.int64()),
                        ("line_diff", pa.string()),
                        ("right", pa.bool_()),
                        ("confidence", pa.float64()),
                    ]
                )
            ),
        ),
    ]
)
RANGES = (0.0, 0.5, 0.8, 0.9, 1.0)
"""Bounds of the ranges of confidence that are told apart."""


@dataclass(frozen=True, slots=True)
class ModelCalibration:
    """Rows of the model and of the rules: each sample's verified answers, their signals, whether right.

    `calibration` is None where no answer of the model verifies: there is nothing to fit it to.
    """

    own: list[Row]
    rules: list[Row]
    calibration: Calibration | None

    def rows(self) -> list[dict[str, Any]]:
        """Rows of `TESTED_REPAIRS`: of each sample two, the model's and that of the rules."""
        return [self._row(row) for row in [*self.own, *self.rules]]

    def _row(self, row: Row) -> dict[str, Any]:
        known = {name: row[name] for name in ("sample_id", "system")}
        confidence = self.calibration.confidence if self.calibration else lambda *_: None
        repairs = [
            {name: repair[name] for name in ("order", "line_diff", "right")}
            | {"confidence": confidence(Signals(**repair["signals"]), row["code"])}
            for repair in row["repairs"]
        ]
        return {**known, "answers": row["k"], "repairs": repairs}

    @classmethod
    def of(
        cls,
        samples: Sequence[Mapping[str, Any]],
        model: Model,
        rules: Model,
        servers: Servers,
        functional: Functional,
    ) -> "ModelCalibration":
        """Ask `model`, whose answers are searched, and `rules`; samples of other benchmarks are left out.

        One that can't be written as a prompt has no answers.
        """
        samples = [sample for sample in samples if sample["benchmark"] == INJECTED_CHOOSE]
        own = {row["sample_id"]: row for row in _tested(samples, model, 1, servers, functional)}
        doubtful = [sample for sample in samples if not is_plain(own[sample["sample_id"]])]
        own |= {row["sample_id"]: row for row in _tested(doubtful, model, K, servers, functional)}
        by_rules = list(_tested(samples, rules, 1, servers, functional))
        rows = list(own.values())
        judged = judged_repairs(rows)
        found = calibrated(judged, shown=judged_repairs(as_tried(rows, by_rules))) if judged else None
        return cls(rows, by_rules, found)


def _tested(
    samples: Sequence[Mapping[str, Any]], model: Model, k: int, servers: Servers, functional: Functional
) -> Iterator[Row]:
    asked = [sample for sample in samples if prompt_if_any(model, sample) is not None]
    answers = {sample["sample_id"]: {"answers": list[str]()} for sample in samples} | {
        sample["sample_id"]: {
            "answers": [answer.text for answer in found],
            "log_probabilities": {answer.text: answer.log_probability for answer in found},
        }
        for sample, found in zip(asked, model.answer(asked, k=k), strict=True)
    }
    return verified_rows(samples, answers, model.name, servers, functional)


def reliability(tested: Sequence[Mapping[str, Any]]) -> list[dict[str, float]]:
    """Confidence of tested repairs beside how many of them are right, by ranges of confidence; those of
    unknown confidence are left out."""
    repairs = [one for one in tested if one["confidence"] is not None]
    found: list[dict[str, float]] = []
    for low, high in pairwise(RANGES):
        inside = [one for one in repairs if low <= one["confidence"] < high or one["confidence"] == high == 1]
        if inside:
            mean = sum(one["confidence"] for one in inside) / len(inside)
            right = sum(one["right"] for one in inside)
            counts = {"repairs": len(inside), "mean": round(mean, 4), "right": right}
            found.append({"low": low, "high": high, **counts})
    return found


def reliability_table(rows: Sequence[Mapping[str, float]]) -> str:
    """`reliability` in Markdown."""
    lines = ["| confidence | repairs | mean confidence | right |", "|---|---|---|---|"]
    for row in rows:
        right = Share.of(row["right"], int(row["repairs"]))
        cells = (f"{row['low']:.1f} to {row['high']:.1f}", f"{row['repairs']:.0f}", f"{row['mean']:.2f}")
        lines.append(f"| {' | '.join(cells)} | {right.text() if right else '-'} |")
    return "\n".join(lines)
