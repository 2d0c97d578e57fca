"""Acceptance rate by model version, with Wilson intervals, and the difference of two versions."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from repair.errors import InputError
from repair.evaluation.intervals import Share, newcombe, two_proportions
from repair.feedback.acceptance import ACCEPTED, REJECTED
from repair.feedback.fate import Fate
from repair.messages import printable
from repair.store.reader import PartitionStore

ACCEPTANCE = "acceptance"
"""The key of the counts by model version, in the `extra` of a partition of `fix_acceptance`."""
NAMES = ("accepted", "rejected", "kept", "reverted")


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """Counts of shown fixes. `observed`: accepted ones that were looked at an hour later."""

    shown: int = 0
    accepted: int = 0
    rejected: int = 0
    observed: int = 0
    kept: int = 0
    edited: int = 0
    reverted: int = 0

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]]) -> Self:
        """The counts of rows of `FIX_ACCEPTANCE`."""
        counts = dict.fromkeys(cls.__dataclass_fields__, 0)
        for row in rows:
            counts["shown"] += 1
            counts["accepted"] += row["outcome"] == ACCEPTED
            counts["rejected"] += row["outcome"] == REJECTED
            counts["observed"] += row["fate"] is not None
            for fate in (Fate.KEPT, Fate.EDITED, Fate.REVERTED):
                counts[fate] += row["fate"] == fate
        return cls(**counts)

    def __add__(self, other: "Acceptance") -> "Acceptance":
        mine, theirs = asdict(self), asdict(other)
        return Acceptance(**{name: mine[name] + theirs[name] for name in mine})

    def share(self, name: str) -> Share | None:
        """A share of `NAMES`: of the shown ones, or of the observed ones; None: there are none."""
        return Share.of(*self._proportion(name))

    def _proportion(self, name: str) -> tuple[int, int]:
        of = self.shown if name in ("accepted", "rejected") else self.observed
        return getattr(self, name), of

    def less(self, other: "Acceptance", name: str) -> "Difference | None":
        """The difference of a share to that of another version; None where one of the two has none."""
        own, theirs = self._proportion(name), other._proportion(name)
        if not own[1] or not theirs[1]:
            return None
        value = own[0] / own[1] - theirs[0] / theirs[1]
        return Difference(
            value=value, interval=newcombe(own, theirs), p=two_proportions(own, theirs), name=name
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Of two proportions on different fixes, with its 95 % interval and p-value (two-sided)."""

    name: str
    value: float
    interval: tuple[float, float]
    p: float

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.name} {100 * self.value:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}] (p = {self.p:.2g})"


def by_model(rows: Iterable[Mapping[str, Any]]) -> dict[str, Acceptance]:
    """Counts by model version, in the order of their first showing."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: (row["moment"], row["sequence"])):
        groups.setdefault(row["model"], []).append(row)
    return {model: Acceptance.of(own) for model, own in groups.items()}


def added(groups: Iterable[Mapping[str, Acceptance]]) -> dict[str, Acceptance]:
    """Counts of several partitions, by model version in the order of first appearance."""
    total: dict[str, Acceptance] = {}
    for group in groups:
        for model, own in group.items():
            total[model] = total.get(model, Acceptance()) + own
    return total


def table(groups: Mapping[str, Acceptance]) -> str:
    """The versions side by side in Markdown, per cent with 95 % intervals."""
    lines = [
        "| model | shown | accepted | rejected | kept after an hour | reverted |",
        "|---|---|---|---|---|---|",
    ]
    for model, own in groups.items():
        shares = (share.text() if (share := own.share(name)) else "-" for name in NAMES)
        lines.append(f"| {printable(model)} | {own.shown} | " + " | ".join(shares) + " |")
    return "\n".join(lines)


def figures(groups: Mapping[str, Acceptance]) -> dict[str, Any]:
    """The counts as JSON."""
    return {model: asdict(own) for model, own in groups.items()}


def from_figures(found: Mapping[str, Mapping[str, int]]) -> dict[str, Acceptance]:
    """The inverse of `figures`."""
    return {model: Acceptance(**own) for model, own in found.items()}


def stored_acceptance(store: PartitionStore) -> dict[str, Acceptance]:
    """The counts of all stored partitions, by model version in the order of the dates."""
    partitions = sorted(store.partitions("fix_acceptance"), key=lambda partition: partition["date"])
    manifests = (store.manifest("fix_acceptance", partition) for partition in partitions)
    return added(from_figures(manifest.extra[ACCEPTANCE]) for manifest in manifests if manifest)


def compared(
    groups: Mapping[str, Acceptance], first: str | None = None, second: str | None = None
) -> list[str]:
    """The differences of two versions, the first less the second; by default of the last two.

    Raises:
        InputError: there is no such version.
    """
    versions = list(groups)
    if first is None or second is None:
        if len(versions) < 2:
            return []
        second, first = versions[-2:]
    for version in (first, second):
        if version not in groups:
            raise InputError(f"no fix of {version!r} was shown; there is {', '.join(versions) or 'none'}")
    differences = (groups[first].less(groups[second], name) for name in NAMES)
    return [f"{first} less {second}: {difference}" for difference in differences if difference]
