"""Funnel of the pipeline: rows left after each stage and reject counts, by diagnostic type."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from repair.store.manifest import Manifest
from repair.store.reader import PartitionStore

# Counted inside `error_states`: publications become episodes, settled ones are sampled.
SAMPLING = ("publications", "episodes", "settled", "sampled")
STAGES = {
    "error_states": "replayed",
    "reproduced_diagnostics": "reproduced",
    "repair_candidates": "candidates",
    "synthesized_diffs": "diffs",
    "verified_diffs": "verified",
    "repair_examples": "examples",
}
STEPS = (*SAMPLING, *STAGES.values())


@dataclass(slots=True)
class Funnel:
    """Row counts of one diagnostic type, summed over dates."""

    diagnostic_type: str
    steps: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STEPS, 0))
    rejects: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])
    """Stage -> reason -> rows."""

    def add(self, manifest: Manifest) -> None:
        """Count a stage's partition."""
        if manifest.asset == "error_states":
            for name in SAMPLING:
                self.steps[name] += int(manifest.extra.get(name, 0))
        self.steps[STAGES[manifest.asset]] += manifest.rows_out
        reasons = self.rejects.setdefault(manifest.asset, {})
        for reason, rows in manifest.rejects.items():
            reasons[reason] = reasons.get(reason, 0) + rows


def funnels(store: PartitionStore, dates: Iterable[str] | None = None) -> list[Funnel]:
    """One funnel per diagnostic type that has rows, sorted by name; `dates` None: all stored dates."""
    wanted = None if dates is None else set(dates)
    found: dict[str, Funnel] = {}
    for asset in STAGES:
        for partition in store.partitions(asset):
            if wanted is not None and partition["date"] not in wanted:
                continue
            manifest = store.manifest(asset, partition)
            if manifest is not None and (manifest.rows_in or manifest.rows_out):
                name = partition["diagnostic_type"]
                found.setdefault(name, Funnel(name)).add(manifest)
    return [found[name] for name in sorted(found)]


def total(rows: Iterable[Funnel]) -> Mapping[str, int]:
    """The steps summed over all types."""
    known = list(rows)
    return {name: sum(funnel.steps[name] for funnel in known) for name in STEPS}
