"""Regression test of a checkpoint against the one before it, on the same release of a benchmark.

| over | is a regression |
|---|---|
| all samples of a benchmark | p < 0.05 on one of the metrics that decide (`deciding_metrics`) |
| those of one diagnostic type | p < 0.05 after Holm's correction over all types, benchmarks and metrics |

p is that of McNemar's exact test, one-sided: so many samples lost against those won by chance alone. Of two
equally good checkpoints at most one in twenty fails each of the tests over all samples, which are up to four
a day, and one in twenty any of those by type. Five samples lost and none won are a regression; four are not.

Compared are answers to samples of equal data versions, scored by the same language servers: a difference is
then the checkpoint's. The prompt format belongs to the checkpoint and may differ.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from repair.evaluation.benchmark import ASSETS, REPORTED
from repair.evaluation.intervals import holm, mcnemar_worse
from repair.evaluation.paired import PairedCounts, deciding_metrics, paired_counts
from repair.evaluation.summary import Row
from repair.store.manifest import Manifest
from repair.store.reader import PartitionStore

CHECKPOINT = "model"
"""The system that is the checkpoint of the date; a change of others is not its fault."""
SIGNIFICANT = 0.05
ALL_TYPES = "all types"

Cell = tuple[str, str]
"""(benchmark, diagnostic type)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegressionTest:
    """One metric on one group of samples, then and now."""

    benchmark: str
    group: str
    """A diagnostic type, or `ALL_TYPES`."""
    metric: str
    counts: PairedCounts
    """`first` is the earlier checkpoint."""
    p: float
    """One-sided, that the later one is worse; by type Holm's."""

    @property
    def regressed(self) -> bool:
        return self.p < SIGNIFICANT

    def __str__(self) -> str:
        lost, won = self.counts.first_only, self.counts.second_only
        return (
            f"{self.benchmark}, {self.group}, {self.metric}: {lost} lost and {won} won"
            f" of {self.counts.samples} (p = {self.p:.2g})"
        )


def regression_tests(
    earlier: Mapping[Cell, Sequence[Row]], later: Mapping[Cell, Sequence[Row]]
) -> list[RegressionTest]:
    """Tests over all types, then by type, on the cells that both have: rows of `SCORES` of one system each.

    The caller leaves out cells whose benchmarks are of different releases.
    """
    cells = sorted(earlier.keys() & later.keys())
    overall: list[RegressionTest] = []
    by_type: list[RegressionTest] = []
    for benchmark in sorted({benchmark for benchmark, _ in cells}):
        own = [cell for cell in cells if cell[0] == benchmark]
        before = [row for cell in own for row in earlier[cell]]
        after = [row for cell in own for row in later[cell]]
        metrics = deciding_metrics([*before, *after])
        overall += [_test(benchmark, ALL_TYPES, metric, before, after) for metric in metrics]
        by_type += [
            _test(benchmark, cell[1], metric, earlier[cell], later[cell])
            for cell in own
            for metric in metrics
        ]
    by_type = [test for test in by_type if test.counts.samples]
    corrected = holm([test.p for test in by_type])
    return [
        *(test for test in overall if test.counts.samples),
        *(replace(test, p=p) for test, p in zip(by_type, corrected, strict=True)),
    ]


def _test(
    benchmark: str, group: str, metric: str, before: Sequence[Row], after: Sequence[Row]
) -> RegressionTest:
    counts = paired_counts(before, after, metric)
    p = mcnemar_worse(counts.first_only, counts.second_only)
    return RegressionTest(benchmark=benchmark, group=group, metric=metric, counts=counts, p=p)


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """A checkpoint compared with the latest earlier one that answered the same release of a benchmark."""

    earlier: str | None
    """The date of the earlier checkpoint; None: there is none to compare with."""
    tests: Sequence[RegressionTest] = ()
    left_out: Sequence[str] = ()
    """Benchmarks and types of the later one that the earlier one answered in another release, or not."""
    code_changed: bool = False
    """The two were scored by different code: a difference may be the code's."""

    @property
    def regressions(self) -> list[RegressionTest]:
        return [test for test in self.tests if test.regressed]

    def __str__(self) -> str:
        if self.earlier is None:
            return "no earlier checkpoint answered the same release of a benchmark: nothing to compare with"
        found = "; ".join(map(str, self.regressions))
        said = (
            f"worse than the checkpoint of {self.earlier}: {found}"
            if found
            else f"no worse than the checkpoint of {self.earlier}, beyond chance, in {len(self.tests)} tests"
        )
        if self.code_changed:
            said = (
                f"{said}; the code that scores changed in between: evaluate {self.earlier} again to be sure"
            )
        return f"{said}; not compared: {', '.join(self.left_out)}" if self.left_out else said

    def figures(self) -> dict[str, Any]:
        """As JSON, for a manifest."""
        return {
            "earlier": self.earlier,
            "said": str(self),
            "tests": len(self.tests),
            "regressions": [str(test) for test in self.regressions],
        }


def compare_with_earlier(store: PartitionStore, date: str) -> tuple[Regression, dict[str, str]]:
    """The checkpoint of `date` against the latest earlier one; and the data versions of that one's scores.

    It is the latest date before `date` that has a cell in common: a benchmark and type whose samples were of
    one release, and which the same servers scored.
    """
    stored: dict[str, list[Manifest]] = {}
    for partition in store.partitions("eval_results"):
        if partition["date"] <= date and (manifest := store.manifest("eval_results", partition)):
            stored.setdefault(partition["date"], []).append(manifest)
    own_manifests = stored.pop(date, [])
    own = comparable_cells(store, own_manifests)
    for earlier in sorted(stored, reverse=True):
        known = comparable_cells(store, stored[earlier], {release for release, _ in own.values()})
        common = [cell for cell in own if cell in known and known[cell][0] == own[cell][0]]
        if common:
            tests = regression_tests(
                {cell: known[cell][1] for cell in common}, {cell: own[cell][1] for cell in common}
            )
            left_out = [f"{benchmark} {name}" for benchmark, name in sorted(own.keys() - set(common))]
            read = {
                f"eval_results[{earlier}|{_type(found)}]": found.data_version for found in stored[earlier]
            }
            code = {found.definitions for found in (*stored[earlier], *own_manifests)}
            found = Regression(earlier=earlier, tests=tests, left_out=left_out, code_changed=len(code) > 1)
            return found, read
    return Regression(earlier=None), {}


Comparable = tuple[tuple[str, str], ...]


def comparable_cells(
    store: PartitionStore, manifests: Sequence[Manifest], wanted: set[Comparable] | None = None
) -> dict[Cell, tuple[Comparable, list[Row]]]:
    """The checkpoint's rows by cell, of these manifests of `eval_results`, each with what makes them
    comparable: the data version of the samples, and the servers. `wanted`: no others."""
    cells: dict[Cell, tuple[Comparable, list[Row]]] = {}
    for manifest in manifests:
        rows: list[Row] | None = None
        for source, version in manifest.inputs.items():
            asset = source.partition("[")[0]
            benchmarks = [benchmark for benchmark in REPORTED if ASSETS[benchmark] == asset]
            servers = {name: value for name, value in manifest.versions.items() if name != "prompt"}
            release = (
                ("samples", str(version)),
                *sorted((name, str(value)) for name, value in servers.items()),
            )
            if not benchmarks or (wanted is not None and release not in wanted):
                continue
            if rows is None:
                rows = store.table("eval_results", manifest.partition, manifest=manifest).to_pylist()
            for benchmark in benchmarks:
                wanted_rows = benchmark, CHECKPOINT
                if own := [row for row in rows or () if (row["benchmark"], row["system"]) == wanted_rows]:
                    cells[benchmark, _type(manifest)] = (release, own)
    return cells


def _type(manifest: Manifest) -> str:
    return manifest.partition["diagnostic_type"]
