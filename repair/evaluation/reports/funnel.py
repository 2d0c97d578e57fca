"""Funnel of the pipeline: rows left after each stage and reject counts, by diagnostic type.

Tested by `tests/eval_assets/test_eval_results.py`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from repair.store.manifest import Manifest
from repair.store.reader import PartitionStore


class CountedStage(Protocol):
    """What the funnel knows of a stage (`repair.pipeline.StageSpec`)."""

    @property
    def name(self) -> str: ...
    @property
    def counted_as(self) -> str:
        """The heading of its rows; empty: it is not in the funnel."""
        ...

    @property
    def counters(self) -> Sequence[str]:
        """Counts in the manifest's `extra` that come before its rows."""
        ...


Stages = Sequence[CountedStage]


def steps_of(stages: Stages) -> tuple[str, ...]:
    """The columns of the funnel, in the order of the data."""
    return tuple(step for stage in stages if stage.counted_as for step in (*stage.counters, stage.counted_as))


@dataclass(slots=True)
class Funnel:
    """Row counts of one diagnostic type, summed over dates."""

    diagnostic_type: str
    steps: dict[str, int]
    rejects: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])
    """Stage -> reason -> rows."""

    def add(self, stage: CountedStage, manifest: Manifest) -> None:
        """Count a stage's partition."""
        for name in stage.counters:
            self.steps[name] += int(manifest.extra.get(name, 0))
        self.steps[stage.counted_as] += manifest.rows_out
        reasons = self.rejects.setdefault(stage.name, {})
        for reason, rows in manifest.rejects.items():
            reasons[reason] = reasons.get(reason, 0) + rows


def funnels(store: PartitionStore, stages: Stages, dates: Iterable[str] | None = None) -> list[Funnel]:
    """One funnel per diagnostic type that has rows, sorted by name; `dates` None: all stored dates."""
    wanted = None if dates is None else set(dates)
    steps = steps_of(stages)
    found: dict[str, Funnel] = {}
    for stage in stages:
        if not stage.counted_as:
            continue
        for partition in store.partitions(stage.name):
            if wanted is not None and partition["date"] not in wanted:
                continue
            manifest = store.manifest(stage.name, partition)
            if manifest is not None and (manifest.rows_in or manifest.rows_out):
                name = partition["diagnostic_type"]
                found.setdefault(name, Funnel(name, dict.fromkeys(steps, 0))).add(stage, manifest)
    return [found[name] for name in sorted(found)]


def total(rows: Sequence[Funnel], stages: Stages) -> Mapping[str, int]:
    """The steps summed over all types."""
    return {name: sum(funnel.steps[name] for funnel in rows) for name in steps_of(stages)}
