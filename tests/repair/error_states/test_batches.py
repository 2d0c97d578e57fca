"""Many projects in one stream of events: which are replayed, and in which batches their states come."""

from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest

from repair.error_states import batches as project_replays
from repair.error_states.batches import REPLAYED, SnapshotTotals, replay_projects
from repair.error_states.project import error_states
from repair.schema.events import EVENTS, EventKind
from repair.schema.outcomes import outcome_schema
from repair.schema.stages import ERROR_STATES, SAMPLED_EPISODES
from tests.recorded import NOON, diagnostic

PROJECT = {"licence": "MIT"}


def events(project_id: str, text: str, later: str) -> list[dict[str, Any]]:
    """A project of one file that nobody edits, and its two snapshots."""
    row = dict.fromkeys(EVENTS.names) | {"project_id": project_id, "path": "main.py", "version": 0}
    snapshots = [(0, NOON, text), (1, NOON + timedelta(hours=9), later)]
    return [
        row | {"sequence": n, "timestamp": at, "kind": EventKind.SNAPSHOT.value, "content": content.encode()}
        for n, at, content in snapshots
    ]


def episode(project_id: str, number: int) -> dict[str, Any]:
    row = dict.fromkeys(SAMPLED_EPISODES.names) | {"project_id": project_id, "path": "main.py"}
    moment = NOON + timedelta(minutes=number)
    return row | {
        "diagnostic_id": f"{project_id}-{number}",
        "moment": moment,
        "sequence": 0,
        "first_seen": moment,
        "recorded": diagnostic(),
    }


@pytest.fixture
def day() -> tuple[pa.Table, pa.Table]:
    """Three projects, of which one's replay does not equal its stored copy and one has no episode."""
    rows = [*events("a", "x", "x"), *events("b", "x", "x"), *events("c", "x", "y")]
    sampled = [episode(project, number) for project in "ac" for number in range(4)]
    return (
        pa.Table.from_pylist(rows, schema=EVENTS),
        pa.Table.from_pylist(sampled, schema=SAMPLED_EPISODES),
    )


@pytest.mark.parametrize(("code_points", "batches"), [(1, 4 + 1), (2, 2 + 1), (1000, 1 + 1)])
def test_states_come_in_batches_of_a_bounded_size_and_comparisons_once(
    day: tuple[pa.Table, pa.Table], monkeypatch: pytest.MonkeyPatch, code_points: int, batches: int
):
    monkeypatch.setattr(project_replays, "BATCH_CODE_POINTS", code_points)
    table, sampled = day
    projects = dict.fromkeys("ac", PROJECT)
    found = list(
        replay_projects(
            table.to_batches(max_chunksize=1), episodes=sampled, projects=projects, settle_seconds=3
        )
    )
    assert len(found) == batches  # those of `c` are rejects, which hold no files
    assert all(batch.schema == REPLAYED for batch in found)
    totals = SnapshotTotals()
    outcomes = pa.Table.from_batches([totals.add(batch) for batch in found])
    assert outcomes.schema == outcome_schema(ERROR_STATES)
    assert (totals.compared, totals.equal, len(totals.mismatches)) == (2, 1, 1)
    assert totals.mismatches[0].startswith("c/main.py at ")
    alone = [
        error_states(
            table.filter(pa.compute.equal(table["project_id"], name)),
            sampled.filter(pa.compute.equal(sampled["project_id"], name)),
            PROJECT,
        )
        for name in "ac"
    ]
    assert outcomes.to_pylist() == pa.Table.from_batches(alone).to_pylist()
    assert outcomes["reason"].to_pylist() == [None] * 4 + ["snapshot_mismatch"] * 4
