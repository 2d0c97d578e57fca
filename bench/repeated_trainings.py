"""Several trainings of one model with other seeds: mean, standard deviation, where a further one would lie.

A test on pairs of answers counts samples: it tells two models apart, and not whether what differs in their
recipes makes the difference. It is no program of its own; `bench/studies.py` has its tables.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any

from study_results import markdown

from repair.evaluation.intervals import prediction_interval
from repair.training.scaling import SCALED

Row = Mapping[str, Any]
METRICS = {"functional": "functional", "repaired": "verified", "unchanged": "unchanged"}
"""Counts of a row -> how they are called."""


@dataclass(frozen=True, slots=True)
class Trainings:
    """Shares of the same samples, one for each training of a recipe, and for the recipes beside it."""

    shares: Mapping[str, float]
    others: Mapping[str, float]

    @classmethod
    def of(cls, rows: Sequence[Row], recipe: str, metric: str) -> "Trainings":
        """The trainings of `recipe` among rows of one benchmark; those of other recipes stand beside."""
        shares = {row["recipe"]: row[metric] / row["n"] for row in rows}
        same = {name for name in shares if name == recipe or _repeats(name, recipe)}
        return cls(
            {name: share for name, share in shares.items() if name in same},
            {name: share for name, share in shares.items() if name not in same},
        )

    @property
    def mean(self) -> float:
        return mean(self.shares.values())

    @property
    def deviation(self) -> float:
        return stdev(self.shares.values())

    @property
    def interval(self) -> tuple[float, float]:
        """Where a further training lies, in 19 of 20 such studies."""
        low, high = prediction_interval(list(self.shares.values()))
        return max(0.0, low), min(1.0, high)

    @property
    def outside(self) -> list[str]:
        """The recipes beside it whose one training is not where a further training of this one would be."""
        low, high = self.interval
        return [name for name, share in self.others.items() if not low <= share <= high]


def _repeats(name: str, recipe: str) -> bool:
    return SCALED[name].is_repetition and SCALED[name].beside == recipe


def trainings(rows: Iterable[Row], recipe: str) -> str:
    """The table, of each benchmark and metric."""
    heads = ("benchmark", "samples that are", "each training", "mean", "standard deviation")
    cells: list[Sequence[str]] = []
    found = list(rows)
    for benchmark in dict.fromkeys(row["benchmark"] for row in found):
        own = [row for row in found if row["benchmark"] == benchmark]
        for metric, title in METRICS.items():
            made = Trainings.of(own, recipe, metric)
            low, high = made.interval
            cells.append(
                (
                    *(benchmark, title, ", ".join(f"{100 * share:.1f}" for share in made.shares.values())),
                    *(f"{100 * made.mean:.1f}", f"{100 * made.deviation:.1f}"),
                    f"{100 * low:.1f} to {100 * high:.1f}",
                    ", ".join(f"`{name}`" for name in made.outside) or "none",
                )
            )
    return markdown([*heads, "a further one lies in (95 %)", "outside it"], cells)
