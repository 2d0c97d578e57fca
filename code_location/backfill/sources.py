"""What a backfill is planned from: manifests, the recording, what runs would record now, and earlier runs.

Tested by `tests/code_location/backfill/test_job.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

import dagster as dg

from code_location.backfill.costs import MeasuredCosts
from code_location.backfill.plan import (
    DIAGNOSTICS,
    EVENTS,
    EXAMPLES,
    MIXTURE,
    MODEL,
    PAGE,
    SCHEDULED,
    SCORES,
    Budget,
    Partition,
    Plan,
    State,
    plan,
)
from partitions.dates import DATES, last_dates, window
from partitions.keys import DATE, Key
from partitions.types import DIAGNOSTIC_TYPES
from repair.execution.staleness import RunSettings, Staleness, staleness
from repair.recording.reader import Recording
from repair.store.manifest import Manifest
from repair.store.reader import PartitionStore
from repair.verification.confidence import verifiers_own
from repair_assets.session_events import published_by_type
from resources.language_models import LanguageModelResource
from resources.language_servers import LanguageServersResource
from training_assets.training_mixture import WINDOW

TAG = "repair/scheduled_backfill"
"""Tag of the runs of a scheduled backfill."""

JOBS = {
    "events": EVENTS,
    "diagnostics": DIAGNOSTICS,
    "examples": EXAMPLES,
    "training": MODEL[:2],
    "prediction": MODEL[2:],
    "evaluation": SCORES,
    "scorecards": PAGE,
}
"""What the jobs of scheduled assets make: a run of a whole job does not name its assets."""

_AT_WORK = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_MOST_RUNS = 2000
"""Runs that are looked through for those that failed."""


@dataclass(frozen=True, slots=True)
class Sources:
    """The stored partitions of the look-back window with their staleness, and what was recorded in it."""

    found: Mapping[Partition, Staleness]
    dates: tuple[str, ...]
    recorded: frozenset[str]

    @classmethod
    def of(
        cls,
        store: PartitionStore,
        recording: Recording,
        language_servers: LanguageServersResource,
        language_model: LanguageModelResource,
        *,
        look_back: int,
    ) -> "Sources":
        """Reads the manifests of the last `look_back` dates, and of the newest mixture's."""
        keys = DATES.get_partition_keys()
        dates = last_dates(keys[-1], look_back) if keys else []
        mixtures = [partition[DATE] for partition in store.partitions(MIXTURE)]

        def recorded(manifest: Manifest) -> Mapping[str, Any]:
            if manifest.asset != SCHEDULED[0]:
                return {}
            return {"recording": recording.fingerprint(*window(manifest.partition[DATE]))}

        versions = {"calibration": verifiers_own().sha256, **language_servers.versions()}
        if language_model.model:
            versions["model"] = language_model.fingerprint_settings()
        found = staleness(store, {*dates, *mixtures[-1:]}, RunSettings(versions, recorded))
        return cls(
            found={
                (partition.manifest.asset, Key(**partition.manifest.partition)): partition
                for partition in found
                if partition.manifest.asset in SCHEDULED
            },
            dates=tuple(dates),
            recorded=frozenset(day for day in dates if _has_events(recording, day)),
        )

    def manifests(self) -> list[Manifest]:
        return [partition.manifest for partition in self.found.values()]

    def newest_configurations(self) -> dict[str, Mapping[str, Any]]:
        """What each asset's newest stored partition was configured with."""
        newest = sorted(self.manifests(), key=lambda manifest: manifest.created)
        return {manifest.asset: manifest.configuration for manifest in newest}

    def state(self, instance: dg.DagsterInstance) -> State:
        """What a plan is made from, with the runs at work and those that failed."""
        published = {
            key.date or "": published_by_type(partition.manifest)
            for (asset, key), partition in self.found.items()
            if asset == SCHEDULED[0]
        }
        return State(
            stored=self.found,
            dates=self.dates,
            types=DIAGNOSTIC_TYPES.get_partition_keys(),
            recorded=self.recorded,
            published={
                day: [name for name, count in counts.items() if count] for day, counts in published.items()
            },
            window_of=lambda day: last_dates(day, WINDOW),
            at_work=partitions_at_work(instance),
            failures=failures_in_a_row(instance),
        )


def plan_of(sources: Sources, instance: dg.DagsterInstance, budget: Budget, *, code_changes: bool) -> Plan:
    """The plan of what is stored now."""
    return plan(
        sources.state(instance), MeasuredCosts(sources.manifests()), budget, code_changes=code_changes
    )


def partitions_at_work(instance: dg.DagsterInstance) -> set[Partition]:
    """The partitions of runs that are queued or started."""
    runs = instance.get_runs(dg.RunsFilter(statuses=_AT_WORK))
    return {partition for run in runs for partition in _partitions(run)}


def failures_in_a_row(instance: dg.DagsterInstance) -> dict[Partition, int]:
    """Failed runs of scheduled backfills since a partition was last made, by partition.

    A run that was started again counts once.
    """
    statuses = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS]
    counts: dict[Partition, int] = {}
    made: set[Partition] = set()
    for run in instance.get_runs(dg.RunsFilter(statuses=statuses), limit=_MOST_RUNS):  # the latest first
        for partition in _partitions(run):
            if partition in made:
                continue
            if run.status is dg.DagsterRunStatus.SUCCESS:
                made.add(partition)
            elif TAG in run.tags and run.tags.get("dagster/will_retry") != "true":
                counts[partition] = counts.get(partition, 0) + 1
    return counts


def _partitions(run: dg.DagsterRun) -> list[Partition]:
    key = run.tags.get("dagster/partition")
    if key is None:
        return []
    day, _, diagnostic_type = key.partition("|")
    selected = [asset.path[-1] for asset in run.asset_selection or ()]
    names = selected or JOBS.get(run.job_name, ())
    return [(name, Key(day, diagnostic_type or None)) for name in names]


def _has_events(recording: Recording, day: str) -> bool:
    start, end = window(day)
    days = [known for known in recording.dates() if start <= _midnight(known) < end]
    return bool(recording.active_dates(days))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
