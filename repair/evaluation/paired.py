"""Paired comparison: two systems on the same samples, by McNemar's exact test."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from repair.evaluation.intervals import holm, mcnemar_exact
from repair.evaluation.summary import Row, by_benchmark_and_system, first_answers


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedCounts:
    """How often two systems solved the same samples: both, one of them, none."""

    both: int
    first_only: int
    second_only: int
    neither: int

    @property
    def samples(self) -> int:
        return self.both + self.first_only + self.second_only + self.neither


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two systems on one metric of one benchmark, with the p-value of a difference."""

    benchmark: str
    metric: str
    first: str
    second: str
    counts: PairedCounts
    p: float
    """Two-sided, of this comparison alone."""
    adjusted: float = 1.0
    """Holm's, over all comparisons of the benchmark."""


def deciding_metrics(rows: Iterable[Row]) -> tuple[str, ...]:
    """The metrics that decide which of two systems is better; the first is the benchmark's headline.

    Where there are tests, they decide. Exact match is a lower bound of correctness, and `repaired` (the
    servers agree) is no proof of it, so that elsewhere both count.
    """
    tested = any(row.get("functional") is not None for row in rows)
    return ("functional",) if tested else ("ast_or_string_match", "repaired")


def paired_counts(first: Iterable[Row], second: Iterable[Row], metric: str) -> PairedCounts:
    """Counts over the samples that both have a first answer to, for which the metric is known of both."""
    one, other = _solved(first, metric), _solved(second, metric)
    pairs = [(one[key], other[key]) for key in one.keys() & other.keys()]
    return PairedCounts(
        both=pairs.count((True, True)),
        first_only=pairs.count((True, False)),
        second_only=pairs.count((False, True)),
        neither=pairs.count((False, False)),
    )


def _solved(rows: Iterable[Row], metric: str) -> dict[tuple[str, str], bool]:
    return {
        (row["benchmark"], row["sample_id"]): bool(row[metric])
        for row in first_answers(rows)
        if row.get(metric) is not None
    }


def comparisons(rows: Iterable[Mapping[str, Any]]) -> list[Comparison]:
    """Every two systems of rows of `SCORES` on the deciding metrics of each benchmark, Holm-corrected."""
    systems: dict[str, dict[str, list[Row]]] = {}
    for (benchmark, system), group in by_benchmark_and_system(rows).items():
        systems.setdefault(benchmark, {})[system] = group
    found: list[Comparison] = []
    for benchmark, groups in systems.items():
        metrics = deciding_metrics(row for group in groups.values() for row in group)
        own: list[Comparison] = []
        for (first, ours), (second, theirs) in combinations(groups.items(), 2):
            for metric in metrics:
                counts = paired_counts(ours, theirs, metric)
                if counts.samples:
                    p = mcnemar_exact(counts.first_only, counts.second_only)
                    own.append(
                        Comparison(
                            benchmark=benchmark, metric=metric, first=first, second=second, counts=counts, p=p
                        )
                    )
        found += _adjusted(own)
    return found


def _adjusted(family: Sequence[Comparison]) -> list[Comparison]:
    adjusted = holm([comparison.p for comparison in family])
    return [replace(comparison, adjusted=p) for comparison, p in zip(family, adjusted, strict=True)]
