"""Aggregated scores of the systems over a benchmark, with Wilson intervals.

Tested by `tests/eval_assets/test_eval_results.py` and `tests/repair/evaluation/test_teachers.py`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from repair.evaluation.intervals import wilson
from repair.store.reader import PartitionStore

METRICS = ("ast_match", "ast_or_string_match", "repaired", "functional")


@dataclass(frozen=True, slots=True)
class Share:
    """A proportion, `successes` of `samples`, with its 95 % Wilson interval."""

    successes: int
    samples: int

    @property
    def value(self) -> float:
        return self.successes / self.samples

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.successes, self.samples)

    def text(self) -> str:
        low, high = self.interval
        return f"{100 * self.value:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


@dataclass(frozen=True, slots=True)
class SystemScore:
    """One system's shares on one group of samples."""

    benchmark: str
    system: str
    samples: int
    metrics: Mapping[str, Share | None]
    """Metric -> share; None: no sample of the group has it."""

    def shares(self) -> list[Share | None]:
        """The metrics in the order of `METRICS`."""
        return [self.metrics[name] for name in METRICS]


def system_scores(rows: Iterable[Mapping[str, Any]]) -> list[SystemScore]:
    """One score for each benchmark and system of rows of `SCORES`, in order of first appearance."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["benchmark"], row["system"]), []).append(row)
    return [
        SystemScore(benchmark, system, len(group), {name: _share(group, name) for name in METRICS})
        for (benchmark, system), group in groups.items()
    ]


def _share(rows: Sequence[Mapping[str, Any]], metric: str) -> Share | None:
    known = [row[metric] for row in rows if row[metric] is not None]
    return Share(sum(known), len(known)) if known else None


def score_rows(store: PartitionStore, date: str) -> dict[str, list[dict[str, Any]]]:
    """Diagnostic type -> rows of `SCORES` of the checkpoint of `date`, without the answer texts."""
    columns = ["benchmark", "system", "outcome", *METRICS]
    return {
        partition["diagnostic_type"]: store.table("eval_results", partition, columns=columns).to_pylist()
        for partition in store.partitions("eval_results")
        if partition["date"] == date
    }


def summarize(store: PartitionStore, date: str) -> list[SystemScore]:
    """The scores of the checkpoint of `date` over all diagnostic types."""
    return system_scores(row for rows in score_rows(store, date).values() for row in rows)
