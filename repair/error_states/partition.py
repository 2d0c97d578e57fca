"""Error states of one diagnostic type out of a table of events: sampling and replay, in this process.

Tested by `tests/repair/test_pipeline.py`.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa

from repair.diagnostics.types import OTHER, known_types
from repair.error_states.batches import SnapshotTotals, by_project, replay_projects
from repair.error_states.project import SETTLE_SECONDS
from repair.error_states.sampling import SamplingSettings, sample_partition
from repair.schema.outcomes import Reject, outcome_batch
from repair.schema.stages import ERROR_STATES

DEFAULTS = SamplingSettings()


def replay_partition(
    batches: Iterable[pa.RecordBatch],
    *,
    diagnostic_type: str = OTHER,
    seed: int = DEFAULTS.seed,
    settle_seconds: float = SETTLE_SECONDS,
    cap_per_type: int = DEFAULTS.cap_per_type,
    cap_per_project: int = DEFAULTS.cap_per_project,
) -> Iterator[pa.RecordBatch]:
    """Outcomes of `ERROR_STATES` for the events of one day, a project's rows together.

    A file of events holds no record of its projects: each counts as public, with its owner's consent. All
    events are held in memory.
    """
    projects = dict(by_project(batches))
    if not projects:
        return
    first = min(table["timestamp"][0].as_py() for table in projects.values())
    rejects: list[pa.Table] = []
    settings = SamplingSettings(
        seed=seed,
        settle_seconds=settle_seconds,
        cap_per_type=cap_per_type,
        cap_per_project=cap_per_project,
    )
    sampled, _ = sample_partition(
        projects.values(),
        diagnostic_type=diagnostic_type,
        known_types=known_types(first.date()),
        project_rejects={},
        settings=settings,
        reject=rejects.append,
    )
    for table in rejects:
        yield outcome_batch((_reject(row) for row in table.to_pylist()), ERROR_STATES)
    totals = SnapshotTotals()
    events = (batch for table in projects.values() for batch in table.to_batches())
    records: dict[str, dict[str, Any]] = {project_id: {} for project_id in projects}
    for outcome in replay_projects(events, episodes=sampled, projects=records, settle_seconds=settle_seconds):
        yield totals.add(outcome)


def _reject(row: dict[str, Any]) -> Reject:
    known = {name: row[name] for name in ("diagnostic_id", "project_id", "path")}
    recorded = {"code": row["code"], "message": row["message"]}
    return Reject(
        {**known, "moment": row["timestamp"], "recorded": recorded}, row["reason"], row["detail"], row["rows"]
    )
