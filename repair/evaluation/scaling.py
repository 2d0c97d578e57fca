"""Scaling study: scores by model and number of training examples, each size compared with the one before.

Rows are of one mixture and one release of the benchmark. A model that was trained from scratch and one that
was pretrained differ in far more than their size: they are never one curve.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from repair.evaluation.benchmark import OF_PROBLEMS, REPORTED, SCORES
from repair.evaluation.intervals import Share, holm, mcnemar_exact
from repair.evaluation.paired import paired_counts
from repair.evaluation.summary import Row

BENCHMARKS = tuple(benchmark for benchmark in REPORTED if benchmark in OF_PROBLEMS)
"""Those whose samples are answered: LeetCode problems that are reported."""

METRICS = ("functional", "repaired", "ast_match")

_MODEL = (
    ("recipe", pa.string()),
    ("size", pa.int64()),  # training examples that were asked for
    ("pretrained", pa.bool_()),
    ("parameters", pa.int64()),  # with those of the adapter; null: nothing was trained
    ("examples", pa.int64()),  # of the size those that fit the recipe's context
    ("tokens", pa.int64()),  # that the training read, over all epochs
)
SCALING_RESULTS = pa.schema([*SCORES, *_MODEL])
SCALING_POINTS = pa.schema(
    [
        ("benchmark", pa.string()),
        *_MODEL,
        ("n", pa.int64()),
        *((metric, pa.int64()) for metric in METRICS),  # how many samples
        ("size_before", pa.int64()),  # the next smaller size of the recipe; null: there is none
        ("gained", pa.int64()),  # samples that pass the tests at this size and not at the one before
        ("lost", pa.int64()),  # the other way round
        ("p", pa.float64()),  # McNemar's exact test, two-sided
        ("p_adjusted", pa.float64()),  # Holm's, over all comparisons of the benchmark
    ]
)


@dataclass(frozen=True, slots=True)
class _Group:
    """The answers of one model at one size to one benchmark."""

    recipe: str
    size: int
    rows: list[Row]


def scaling_points(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Rows of `SCALING_POINTS` for rows of `SCALING_RESULTS`, by benchmark, recipe and size."""
    groups: dict[str, dict[tuple[str, int], _Group]] = {}
    for row in rows:
        key = row["recipe"], row["size"]
        groups.setdefault(row["benchmark"], {}).setdefault(key, _Group(*key, [])).rows.append(row)
    return [
        point
        for benchmark in sorted(groups, key=BENCHMARKS.index)
        for point in _adjusted(_points(benchmark, groups[benchmark].values()))
    ]


def _points(benchmark: str, groups: Iterable[_Group]) -> Iterator[dict[str, Any]]:
    before: _Group | None = None
    for group in sorted(groups, key=lambda group: (group.recipe, group.size)):
        counts = {metric: sum(bool(row[metric]) for row in group.rows) for metric in METRICS}
        compared = before if before and before.recipe == group.recipe else None
        model = {name: group.rows[0][name] for name, _ in _MODEL}
        yield {"benchmark": benchmark, **model, "n": len(group.rows), **counts, **_compared(compared, group)}
        before = group


def _compared(before: _Group | None, group: _Group) -> dict[str, Any]:
    if before is None:
        return dict.fromkeys(("size_before", "gained", "lost", "p", "p_adjusted"))
    counts = paired_counts(before.rows, group.rows, "functional")
    gained, lost = counts.second_only, counts.first_only
    p = mcnemar_exact(gained, lost)
    return {"size_before": before.size, "gained": gained, "lost": lost, "p": p, "p_adjusted": p}


def _adjusted(points: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    found = list(points)
    tested = [point for point in found if point["p"] is not None]
    for point, p in zip(tested, holm([point["p"] for point in tested]), strict=True):
        point["p_adjusted"] = p
    return found


def share(point: Mapping[str, Any], metric: str) -> Share:
    """Of the samples of a point, those for which a metric holds."""
    return Share(point[metric], point["n"])
