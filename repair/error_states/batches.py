"""Batches in, batches out: OT replay of every project in a stream of events, one project after the other."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute

from repair.error_states.project import SnapshotComparison, replay_project
from repair.schema.outcomes import Reject, outcome_batch, outcome_schema
from repair.schema.stages import ERROR_STATES

pc: Any = pyarrow.compute  # its functions are made at import, so that type checkers do not see them

# Beside the first outcome of each project: how its replay compares with its stored copies.
SNAPSHOTS = pa.field(
    "snapshots",
    pa.struct(
        [("compared", pa.int64()), ("equal", pa.int64()), ("mismatches", pa.list_(pa.string()))],
    ),
)

# Of the files in one batch: a project of a thousand files has 10 MB of them in each row.
BATCH_CODE_POINTS = 32 << 20

MOST_MISMATCHES = 20
"""That are reported of a partition."""

REPLAYED = pa.schema([*outcome_schema(ERROR_STATES), SNAPSHOTS])


def by_project(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[str, pa.Table]]:
    """Group by project: one table for the consecutive rows of each."""
    pieces: list[pa.RecordBatch] = []
    current: str | None = None
    for batch in batches:
        ids = batch["project_id"].to_pylist()
        start = 0
        for index, project_id in enumerate([*ids, None]):
            if project_id == current:
                continue
            if index > start:
                pieces.append(batch.slice(start, index - start))
            start = index
            if index < len(ids):
                if pieces and current is not None:
                    yield current, pa.Table.from_batches(pieces)
                pieces, current = [], project_id
    if pieces and current is not None:
        yield current, pa.Table.from_batches(pieces)


def replay_projects(
    batches: Iterable[pa.RecordBatch],
    *,
    episodes: pa.Table,
    projects: Mapping[str, Mapping[str, Any]],
    settle_seconds: float,
) -> Iterator[pa.RecordBatch]:
    """Batches of `REPLAYED` for batches of `repair.schema.events.EVENTS`, in which the rows of each
    project are together.

    `episodes` are rows of `repair.schema.stages.SAMPLED_EPISODES`. A project of which there is none is passed
    over.
    """
    wanted = set(episodes["project_id"].unique().to_pylist())
    for project_id, events in by_project(batches):
        if project_id not in wanted:
            continue
        sampled = episodes.filter(pc.equal(episodes["project_id"], project_id))
        outcomes, comparison = replay_project(
            events, sampled, projects[project_id], settle_seconds=settle_seconds
        )
        compared: dict[str, Any] | None = _row(project_id, comparison)
        for part in _parts(outcomes):
            states = outcome_batch(part, ERROR_STATES)
            snapshots = pa.array([compared, *([None] * (len(part) - 1))], SNAPSHOTS.type)
            yield pa.RecordBatch.from_arrays([*states.columns, snapshots], schema=REPLAYED)
            compared = None


def _parts(outcomes: Iterable[dict[str, Any] | Reject]) -> Iterator[list[dict[str, Any] | Reject]]:
    """The outcomes in runs of about `BATCH_CODE_POINTS` at most, one at least."""
    buffer: list[dict[str, Any] | Reject] = []
    size = 0
    for outcome in outcomes:
        here = 0 if isinstance(outcome, Reject) else sum(len(file["text"]) for file in outcome["files"])
        if buffer and size + here > BATCH_CODE_POINTS:
            yield buffer
            buffer, size = [], 0
        buffer.append(outcome)
        size += here
    if buffer:
        yield buffer


def _row(project_id: str, comparison: SnapshotComparison) -> dict[str, Any]:
    mismatches = [f"{project_id}/{path} at {when}: {why}" for path, when, why in comparison.mismatches]
    return {"compared": comparison.compared, "equal": comparison.equal, "mismatches": mismatches}


@dataclass(slots=True)
class SnapshotTotals:
    """How the replays of all projects compare with their stored copies."""

    compared: int = 0
    equal: int = 0
    mismatches: list[str] = field(default_factory=list[str])

    def add(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Adds the comparisons of a batch of `REPLAYED`; returns its outcomes of `ERROR_STATES`."""
        for row in batch.column(SNAPSHOTS.name).drop_null().to_pylist():
            self.compared += row["compared"]
            self.equal += row["equal"]
            self.mismatches += row["mismatches"]
        return batch.drop_columns([SNAPSHOTS.name])

    def figures(self) -> dict[str, Any]:
        """The totals as JSON, with the first mismatches."""
        return {
            "snapshot_files": self.compared,
            "snapshot_files_equal": self.equal,
            "snapshot_mismatches": self.mismatches[:MOST_MISMATCHES],
        }
