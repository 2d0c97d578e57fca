"""The workspace at each sampled diagnostic, replayed from the edits."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute

from partitions.dates import window
from partitions.keys import DATE_AND_TYPE, Key
from partitions.types import known_types
from repair.curation.policy import project_reject
from repair.error_states import replay_project
from repair.events import EventKind
from repair.sampling import SamplingSettings, sample_partition
from repair.schemas import ERROR_STATES
from repair.storage import Manifest, PartitionStore, PartitionWriter
from repair_assets.session_events import PUBLISHED, session_events
from resources.stages import Input, ManifestCheck, Stage, Verdict, check_specs
from resources.store import StoreResource

pc: Any = pyarrow.compute  # its functions are made at import, so that type checkers do not see them

LIGHT_ROWS = 1 << 13
"""Rows read at a time without their packets and contents."""
SAMPLING_KINDS = pa.array([EventKind.DIAGNOSTICS, EventKind.OT, EventKind.FILE], pa.string())


def _replay_equals_stored_copy(manifest: Manifest) -> Verdict:
    compared, equal = manifest.extra.get("snapshot_files", 0), manifest.extra.get("snapshot_files_equal", 0)
    return Verdict(
        compared == equal,
        f"{equal} of {compared} replayed files equal their stored copy",
        {"compared": compared, "equal": equal, "mismatches": manifest.extra.get("snapshot_mismatches", [])},
    )


CHECKS = (
    ManifestCheck(
        "replay_equals_stored_copy",
        "Each file of a replayed project equals the copy that was stored at the next midnight.",
        _replay_equals_stored_copy,
    ),
)


class Sampling(dg.Config):
    """Which diagnostics are worth a replay."""

    seed: int = 17
    settle_seconds: float = 3.0
    """A state is settled if no edit follows for so long."""
    cap_per_type: int = 2000
    cap_per_project: int = 50


def by_project(batches: Iterator[pa.RecordBatch]) -> Iterator[tuple[str, pa.Table]]:
    """Rows that stand together by project, one table for each."""
    held: list[pa.RecordBatch] = []
    current: str | None = None
    for batch in batches:
        ids = batch["project_id"].to_pylist()
        start = 0
        for index, project_id in enumerate([*ids, None]):
            if project_id == current:
                continue
            if index > start:
                held.append(batch.slice(start, index - start))
            start = index
            if index < len(ids):
                if held and current is not None:
                    yield current, pa.Table.from_batches(held)
                held, current = [], project_id
    if held and current is not None:
        yield current, pa.Table.from_batches(held)


@dg.asset(
    partitions_def=DATE_AND_TYPE,
    deps=[session_events],
    check_specs=check_specs("error_states", DATE_AND_TYPE, CHECKS),
    code_version="1",
    group_name="diagnostics",
    kinds={"parquet"},
)
def error_states(
    context: dg.AssetExecutionContext, config: Sampling, store: StoreResource
) -> dg.MaterializeResult:
    """OT replay to a settled state of each sampled diagnostic, checked against the stored copies.

    What the owner did not release (private, no consent) is rejected before anything is replayed.
    """
    opened = store.store()
    key = Key.of(context)
    day = Input("session_events", Key(key.date))
    stage = Stage(
        context=context,
        store=opened,
        inputs=[day],
        schema=ERROR_STATES,
        configuration=config.model_dump(),
        checks=CHECKS,
    )
    (manifest,) = stage.manifests().values()
    start, _ = window(key.date or "")
    return stage.materialize(
        partial(_replay, store=opened, day=day, key=key, config=config, start=start),
        rows_in=manifest.extra[PUBLISHED].get(key.diagnostic_type, 0),
    )


def _replay(
    writer: PartitionWriter,
    *,
    store: PartitionStore,
    day: Input,
    key: Key,
    config: Sampling,
    start: datetime,
) -> dict[str, Any]:
    segments = day.key.segments()
    projects = {each["project_id"]: each for each in store.table(day.asset, segments, "projects").to_pylist()}
    refused = {name: reason for name, row in projects.items() if (reason := project_reject(row))}
    columns = ["project_id", "session_id", "timestamp", "sequence", "kind", "path", "diagnostics"]
    light = by_project(store.read(day.asset, segments, columns=columns, batch_rows=LIGHT_ROWS))
    sampled, counts = sample_partition(
        (table.filter(pc.is_in(table["kind"], SAMPLING_KINDS)) for _, table in light),
        diagnostic_type=key.diagnostic_type or "",
        known_types=known_types(start.date()),
        project_rejects=refused,
        settings=SamplingSettings(**config.model_dump()),
        reject=writer.write_rejects,
    )
    wanted = set(sampled["project_id"].to_pylist())
    compared = equal = 0
    mismatches: list[str] = []
    for project_id, events in by_project(store.read(day.asset, segments, projects=wanted)):
        episodes = sampled.filter(pc.equal(sampled["project_id"], project_id))
        states, snapshots = replay_project(
            events, episodes, projects[project_id], settle_seconds=config.settle_seconds
        )
        writer.write_outcomes(states)
        compared, equal = compared + snapshots.compared, equal + snapshots.equal
        mismatches += [f"{project_id}/{path} at {when}: {why}" for path, when, why in snapshots.mismatches]
    return {
        "publications": counts.publications,
        "episodes": counts.episodes,
        "settled": counts.settled,
        "sampled": counts.sampled,
        "snapshot_files": compared,
        "snapshot_files_equal": equal,
        "snapshot_mismatches": mismatches[:20],
    }
