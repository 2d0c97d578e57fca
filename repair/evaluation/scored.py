"""Scores of a date joined with their benchmark samples, and with what the checkpoint was trained on.

Tested by `tests/repair/evaluation/reports/test_scorecard.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from repair.evaluation.benchmark import ASSETS
from repair.evaluation.contamination import leaks, training_rows
from repair.evaluation.summary import Row, score_rows
from repair.store.reader import PartitionStore

SampleKey = tuple[str, str]
"""(benchmark, sample_id)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """The answers of a date's systems, their samples, and which of these leaked into the training."""

    rows: Sequence[Row]
    """Of `SCORES`, each with its `diagnostic_type`."""
    samples: Mapping[SampleKey, Row]
    """Rows of `BENCHMARK_SAMPLES`, as far as they are still stored."""
    leaks: Sequence[Row]
    """Rows of `repair.evaluation.contamination.LEAKS`."""
    mixture: bool
    """Whether the mixture is there to compare the samples with."""

    @property
    def contaminated(self) -> set[SampleKey]:
        return {(leak["benchmark"], leak["sample_id"]) for leak in self.leaks}

    @property
    def unchecked(self) -> set[SampleKey]:
        """Samples that no longer are in the stored benchmark, or have no mixture to be compared with."""
        return {key for row in self.rows if (key := key_of(row)) not in self.samples or not self.mixture}

    def counts(self) -> dict[str, int]:
        """How many samples there are, are contaminated, and could not be compared."""
        samples, unchecked = {key_of(row) for row in self.rows}, self.unchecked
        contaminated = self.contaminated - unchecked
        return {"samples": len(samples), "contaminated": len(contaminated), "unchecked": len(unchecked)}

    def clean_rows(self) -> list[Row]:
        """The rows of samples that were compared with the mixture and are not in it: the headline's."""
        left_out = self.contaminated | self.unchecked
        return [row for row in self.rows if key_of(row) not in left_out]


def key_of(row: Row) -> SampleKey:
    return row["benchmark"], row["sample_id"]


def scored(store: PartitionStore, date: str) -> Scored:
    """What is stored of `date`; samples are compared with the `training_mixture` of the date."""
    rows = [
        {**row, "diagnostic_type": diagnostic_type}
        for diagnostic_type, own in score_rows(store, date).items()
        for row in own
    ]
    samples = _samples(store, {key_of(row) for row in rows})
    mixture = store.manifest("training_mixture", {"date": date})
    found = leaks(samples.values(), training_rows(store, mixture)) if mixture else []
    return Scored(rows=rows, samples=samples, leaks=found, mixture=mixture is not None)


def _samples(store: PartitionStore, wanted: set[SampleKey]) -> dict[SampleKey, dict[str, Any]]:
    found: dict[SampleKey, dict[str, Any]] = {}
    for asset in sorted({ASSETS[benchmark] for benchmark, _ in wanted}):
        for partition in store.partitions(asset):
            for row in store.table(asset, partition).to_pylist():
                if key_of(row) in wanted:
                    found[key_of(row)] = row
    return found
