"""Asset checks of a stored partition: what each found, as Dagster shows it.

A check looks at the manifest of the partition, or at its rows and those of others, after they are stored.
Its severity, its limit and what to do stand in `resources.thresholds`.
"""

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from repair.evaluation.intervals import wilson
from repair.store.manifest import Manifest
from repair.store.reader import PartitionStore
from repair.unexpected import UNEXPECTED
from resources.thresholds import THRESHOLDS, Threshold

ROWS_ADD_UP = "rows_add_up"


@dataclass(frozen=True, slots=True)
class CheckVerdict:
    """What a check found: passed or not, a sentence for people, and figures."""

    passed: bool
    description: str
    figures: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check looks at: a partition as it is stored, and the check's limit."""

    manifest: Manifest
    store: PartitionStore
    limit: float


@dataclass(frozen=True, slots=True)
class PartitionCheck:
    """An asset check of a stored partition; `name` is its row in `THRESHOLDS`."""

    name: str
    evaluate: Callable[[Checked], CheckVerdict]

    @property
    def threshold(self) -> Threshold:
        return THRESHOLDS[self.name]

    def result(self, store: PartitionStore, manifest: Manifest, **shown: Any) -> dg.AssetCheckResult:
        """The check's result; `shown`: more metadata."""
        return check_result(self.name, self.evaluate(Checked(manifest, store, self.threshold.limit)), **shown)


def check_result(
    name: str, verdict: CheckVerdict, *, asset: str | None = None, **shown: Any
) -> dg.AssetCheckResult:
    """A verdict as Dagster's result, with what to do if it failed; `asset`: where the run has several."""
    threshold, said = THRESHOLDS[name], verdict.description
    is_warning = threshold.severity == "warning"
    return dg.AssetCheckResult(
        check_name=name,
        asset_key=asset,
        passed=verdict.passed,
        severity=dg.AssetCheckSeverity.WARN if is_warning else dg.AssetCheckSeverity.ERROR,
        description=said if verdict.passed else f"{said}. What to do: {threshold.action}",
        metadata={**verdict.figures, "expected": threshold.expectation, **shown},
    )


def check_specs(
    asset: str, partitions_def: dg.PartitionsDefinition | None, checks: Sequence[PartitionCheck] = ()
) -> list[dg.AssetCheckSpec]:
    """The specifications of a stage's checks: the one helper that touches partitioned checks.

    They are a preview in this release of Dagster, which is pinned; its warning is for those who meet
    them unawares.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return [
            dg.AssetCheckSpec(
                check.name,
                asset=asset,
                description=check.threshold.description,
                blocking=check.threshold.blocking,
                partitions_def=partitions_def,
            )
            for check in (*ALWAYS, *checks)
        ]


def results(
    checks: Iterable[PartitionCheck], store: PartitionStore, manifest: Manifest, **shown: Any
) -> list[dg.AssetCheckResult]:
    """The results of the checks that every stage has, and of its own; `shown`: metadata of each."""
    return [check.result(store, manifest, **shown) for check in (*ALWAYS, *checks)]


def at_least(name: str, rows: int, of: int, limit: float, **figures: Any) -> CheckVerdict:
    """Passes unless the share is below `limit` by more than chance (95 % Wilson interval)."""
    if not of:
        return CheckVerdict(True, "no rows")
    said = f"{rows} of {of} ({rows / of:.0%}) {name}; at least {limit:.0%} expected"
    return CheckVerdict(wilson(rows, of)[1] >= limit, said, {"share": rows / of, **figures})


def at_most(name: str, rows: int, of: int, limit: float, **figures: Any) -> CheckVerdict:
    """Passes unless the share is above `limit` by more than chance (95 % Wilson interval)."""
    if not of:
        return CheckVerdict(True, "no rows")
    said = f"{rows} of {of} ({rows / of:.0%}) {name}; at most {limit:.0%} expected"
    return CheckVerdict(wilson(rows, of)[0] <= limit, said, {"share": rows / of, **figures})


def yield_check(name: str, what: str) -> PartitionCheck:
    """Warns where too small a share of the rows goes on, beyond chance."""

    def evaluate(checked: Checked) -> CheckVerdict:
        return at_least(what, checked.manifest.rows_out, checked.manifest.rows_in, checked.limit)

    return PartitionCheck(name, evaluate)


def count_of_rows(manifest: Manifest) -> str:
    rejected = sum(manifest.rejects.values())
    return f"{manifest.rows_in} rows in, {manifest.rows_out} out, {rejected} rejected"


def _add_up(checked: Checked) -> CheckVerdict:
    manifest = checked.manifest
    figures = {
        "rows_in": manifest.rows_in,
        "rows_out": manifest.rows_out,
        "rejected": sum(manifest.rejects.values()),
    }
    return CheckVerdict(manifest.adds_up, count_of_rows(manifest), figures)


def _nothing_unexpected(checked: Checked) -> CheckVerdict:
    count, rows_in = checked.manifest.rejects.get(UNEXPECTED, 0), checked.manifest.rows_in
    said = f"{count} of {rows_in} rows met an error that no step foresaw"
    return CheckVerdict(count <= checked.limit, said, {"unexpected": count})


ALWAYS = (
    PartitionCheck(ROWS_ADD_UP, _add_up),
    PartitionCheck("nothing_unexpected", _nothing_unexpected),
)
"""The checks of every stage."""
