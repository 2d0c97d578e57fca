"""Cost estimates of partitions by the measured cost of a row: seconds and paid answers in the manifests.

Tested by `tests/code_location/backfill/test_plan.py`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from repair.store.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of work in one run, and the price of a language model's answers."""

    seconds: float = 0.0
    usd: float = 0.0
    measured: bool = True
    """Whether partitions like it are stored; otherwise it is a lower bound."""

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.seconds + other.seconds, self.usd + other.usd, measured=self.measured and other.measured
        )


def usd_of(manifest: Manifest) -> float:
    """What the answers of a language model cost, those from the cache included."""
    usage: Any = manifest.extra.get("usage") or {}
    systems = [usage] if "cost_usd" in usage else usage.values()
    return sum(float(system["cost_usd"]) for system in systems)


@dataclass(slots=True)
class _Totals:
    partitions: int = 0
    rows: int = 0
    seconds: float = 0.0
    usd: float = 0.0
    empty: list[float] = field(default_factory=list[float])
    """The seconds of each partition without rows."""

    def add(self, manifest: Manifest) -> None:
        self.partitions += 1
        seconds = float(manifest.extra.get("seconds", 0.0))
        if not manifest.rows_in:
            self.empty.append(seconds)
            return
        self.rows += manifest.rows_in
        self.seconds += seconds
        self.usd += usd_of(manifest)


class MeasuredCosts:
    """What a row of each asset and diagnostic type took in the stored partitions.

    A type that was never stored costs what the others of its asset do. Of a partition that is not stored the
    rows are the mean of those that are.
    """

    def __init__(self, manifests: Iterable[Manifest]) -> None:
        self._by_type: dict[tuple[str, str | None], _Totals] = defaultdict(_Totals)
        self._by_asset: dict[str, _Totals] = defaultdict(_Totals)
        for manifest in manifests:
            self._by_type[manifest.asset, manifest.partition.get("diagnostic_type")].add(manifest)
            self._by_asset[manifest.asset].add(manifest)

    def of(self, asset: str, partition: Mapping[str, str], stored: Manifest | None) -> Cost:
        """The estimate for a partition, of which `stored` is the present result."""
        own = self._by_type.get((asset, partition.get("diagnostic_type")))
        every = self._by_asset.get(asset)
        if own is None or every is None:
            own = every
        if own is None or every is None:
            return Cost(measured=False)
        rows = stored.rows_in if stored else own.rows / own.partitions
        if not rows:
            return Cost(sum(own.empty) / len(own.empty) if own.empty else 0.0)
        totals = own if own.rows else every
        if not totals.rows:
            return Cost(measured=False)
        return Cost(totals.seconds * rows / totals.rows, totals.usd * rows / totals.rows)
