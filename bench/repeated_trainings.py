"""Several trainings of one model with other seeds: mean, standard deviation, where a further one would lie.

A test on pairs of answers counts samples: it tells two models apart, and not whether what differs in their
recipes makes the difference. It is no program of its own; `bench/studies.py` has its tables.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any

from study_results import markdown

from repair.evaluation.intervals import Share, prediction_interval
from repair.training.scaling import SCALED

Row = Mapping[str, Any]
METRICS = {"functional": "functional", "repaired": "verified", "unchanged": "unchanged"}
"""Counts of a row -> how they are called."""


@dataclass(frozen=True, slots=True)
class Trainings:
    """Shares of the same samples, one for each training of a recipe."""

    shares: Sequence[float]

    @classmethod
    def of(cls, rows: Iterable[Row], recipe: str, benchmark: str, metric: str) -> "Trainings":
        """Those of `recipe` among the rows, which are of one number of examples."""
        return cls(
            [
                row[metric] / row["n"]
                for row in rows
                if row["benchmark"] == benchmark and _is_training_of(row["recipe"], recipe)
            ]
        )

    @property
    def mean(self) -> float:
        return mean(self.shares)

    @property
    def deviation(self) -> float:
        return stdev(self.shares)

    @property
    def interval(self) -> tuple[float, float]:
        """Where a further training lies, in 19 of 20 such studies."""
        low, high = prediction_interval(self.shares)
        return max(0.0, low), min(1.0, high)

    def beside(self, share: Share) -> str:
        """A share of the same samples, and whether a further training may have it."""
        low, high = self.interval
        return f"{100 * share.value:.1f}, {'inside' if low <= share.value <= high else 'outside'}"


def _is_training_of(name: str, recipe: str) -> bool:
    return name == recipe or (SCALED[name].is_repetition and SCALED[name].beside == recipe)


def trainings(rows: Sequence[Row], recipe: str) -> str:
    """The table, of each benchmark and metric."""
    heads = ("benchmark", "samples that are", "each training", "mean", "standard deviation")
    cells: list[Sequence[str]] = []
    for benchmark in dict.fromkeys(row["benchmark"] for row in rows):
        for metric, title in METRICS.items():
            made = Trainings.of(rows, recipe, benchmark, metric)
            low, high = made.interval
            cells.append(
                (
                    *(benchmark, title, ", ".join(f"{100 * share:.1f}" for share in made.shares)),
                    *(f"{100 * made.mean:.1f}", f"{100 * made.deviation:.1f}"),
                    f"{100 * low:.1f} to {100 * high:.1f}",
                )
            )
    return markdown([*heads, "a further one lies in (95 %)"], cells)
