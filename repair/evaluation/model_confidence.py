"""Calibration of a model's confidence by its own answers to problems whose tests are run.

The model answers the half of the problems with injected bugs that no result is reported on, by the search of
`repair fix`: one answer to each sample, and `K` where something speaks against the first. What verifies is
tested in the sandbox; the regression is fitted to it, and the threshold chosen on what `repair fix` tries.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from repair.evaluation.benchmark import INJECTED_CHOOSE
from repair.evaluation.calibration import calibrated
from repair.evaluation.scoring import Functional
from repair.evaluation.verified_answers import Row, as_tried, is_plain, judged_repairs, verified_rows
from repair.language_servers.scheduler import Servers
from repair.models.model import Model
from repair.verification.confidence import Calibration

K = 8
"""Answers to a sample whose first does not do, as many as `repair fix -k 8` tries."""


@dataclass(frozen=True, slots=True)
class ModelCalibration:
    """Rows of the model and of the rules: each sample's verified answers, their signals, whether right.

    `calibration` is None where no answer of the model verifies: there is nothing to fit it to.
    """

    own: list[Row]
    rules: list[Row]
    calibration: Calibration | None

    @classmethod
    def of(
        cls,
        samples: Sequence[Mapping[str, Any]],
        model: Model,
        rules: Model,
        servers: Servers,
        functional: Functional,
    ) -> "ModelCalibration":
        """Ask `model`, whose answers are searched, and `rules`; samples of other benchmarks are left out."""
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
    answers = {
        sample["sample_id"]: {
            "answers": [answer.text for answer in found],
            "log_probabilities": {answer.text: answer.log_probability for answer in found},
        }
        for sample, found in zip(samples, model.answer(samples, k=k), strict=True)
    }
    return verified_rows(samples, answers, model.name, servers, functional)
