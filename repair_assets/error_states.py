"""The workspace at each sampled diagnostic, replayed from the edits.

Tested by `tests/code_location/test_graph.py`.
"""

from functools import partial
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute

from partitions.dates import window
from partitions.keys import DATE_AND_TYPE, Key
from repair.curation.policy import project_reject
from repair.diagnostics.types import decisive_types, known_types, partition_of
from repair.error_states.batches import SnapshotTotals, by_project, replay_projects
from repair.error_states.sampling import SamplingSettings, sample_partition
from repair.execution.tasks import StoredRows
from repair.recording.row_ranges import RowRanges
from repair.schema.events import EventKind
from repair.schema.stages import ERROR_STATES
from repair.store.manifest import Manifest
from repair.store.writer import PartitionWriter
from repair_assets.session_events import PROJECT_ROWS_TABLE, published_by_type, session_events
from resources.engine import EngineResource
from resources.stages import Input, ManifestCheck, Stage, Verdict, check_specs
from resources.store import StoreResource

pc: Any = pyarrow.compute  # its functions are made at import, so that type checkers do not see them

# Projects are small, as a rule: thousands of events, which are replayed in less than a second.
EVENTS_PER_TASK = 50_000

LIGHT_ROWS = 1 << 13
"""Rows read at a time: never more than a row group's."""

MOST_WITH_CODE_ACTION = 0.5

SAMPLED_COLUMNS = ["project_id", "session_id", "timestamp", "sequence", "kind", "path", "diagnostics"]
SAMPLING_KINDS = pa.array([EventKind.DIAGNOSTICS, EventKind.OT, EventKind.FILE], pa.string())


def _replay_equals_stored_copy(manifest: Manifest) -> Verdict:
    compared, equal = manifest.extra.get("snapshot_files", 0), manifest.extra.get("snapshot_files_equal", 0)
    return Verdict(
        compared == equal,
        f"{equal} of {compared} replayed files equal their stored copy",
        {"compared": compared, "equal": equal, "mismatches": manifest.extra.get("snapshot_mismatches", [])},
    )


def code_action_share(having: int, of: int) -> Verdict:
    if not of:
        return Verdict(True, "no rows")
    share = having / of
    said = f"{having} of {of} ({share:.0%}) have a CodeAction; published: 10% over all types"
    return Verdict(share <= MOST_WITH_CODE_ACTION, said, {"share": share})


def _recorded_code_actions(manifest: Manifest) -> Verdict:
    return code_action_share(manifest.rejects.get("has_code_action", 0), manifest.extra.get("episodes", 0))


CHECKS = (
    ManifestCheck(
        "code_action_share",
        "The recorded servers themselves fix only a minor share of this type.",
        _recorded_code_actions,
    ),
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


@dg.asset(
    partitions_def=DATE_AND_TYPE,
    deps=[session_events],
    check_specs=check_specs("error_states", DATE_AND_TYPE, CHECKS),
    group_name="diagnostics",
    kinds={"parquet"},
)
def error_states(
    context: dg.AssetExecutionContext, config: Sampling, store: StoreResource, engine: EngineResource
) -> dg.MaterializeResult:
    """OT replay to a settled state of each sampled diagnostic, checked against the stored copies.

    What the owner did not release (private, no consent) is rejected before anything is replayed, and so is
    what is stylistic or had a CodeAction when it was recorded.
    """
    key = Key.of(context)
    day = Input("session_events", Key(key.date))
    known = known_types(window(key.date or "")[0].date())
    stage = Stage(
        context=context,
        store=store.store(),
        inputs=[day],
        schema=ERROR_STATES,
        configuration=config.model_dump(),
        types=decisive_types(key.diagnostic_type or "", known),
        checks=CHECKS,
        engine=engine.engine(),
    )
    (manifest,) = stage.manifests().values()
    return stage.materialize(
        partial(_replay, stage=stage, key=key, config=config),
        rows_in=published_by_type(manifest)[key.diagnostic_type or ""],
    )


def _replay(writer: PartitionWriter, *, stage: Stage, key: Key, config: Sampling) -> dict[str, Any]:
    store, (day,) = stage.store, stage.inputs
    segments = day.key.segments()
    projects = {row["project_id"]: row for row in store.table(day.asset, segments, "projects").to_pylist()}
    refused = {name: reason for name, row in projects.items() if (reason := project_reject(row))}
    events = store.stored(day.asset, segments)
    rows = RowRanges.of_table(store.table(day.asset, segments, PROJECT_ROWS_TABLE))
    known = known_types(window(key.date or "")[0].date())
    publishing = rows.publishing(lambda code: partition_of(code, known) == key.diagnostic_type)
    light = (
        batch
        for span in rows.coalesce(publishing, None)
        for batch in store.read_file(
            day.asset, segments, events, SAMPLED_COLUMNS, rows=span, batch_rows=LIGHT_ROWS
        )
    )
    sampled, counts = sample_partition(
        (table.filter(pc.is_in(table["kind"], SAMPLING_KINDS)) for _, table in by_project(light)),
        diagnostic_type=key.diagnostic_type or "",
        known_types=known,
        project_rejects=refused,
        settings=SamplingSettings(**config.model_dump()),
        reject=writer.write_rejects,
    )
    wanted = set(sampled["project_id"].to_pylist())
    replay = partial(
        replay_projects,
        episodes=sampled,
        projects={name: projects[name] for name in wanted},
        settle_seconds=config.settle_seconds,
    )
    most = None if stage.engine.rows_per_task is None else EVENTS_PER_TASK
    tasks = [
        StoredRows(
            store=store,
            asset=day.asset,
            partition=segments,
            file=events,
            start=start,
            stop=stop,
            batch_rows=LIGHT_ROWS,
        )
        for start, stop in rows.coalesce(wanted, most)
    ]
    totals = SnapshotTotals()
    for outcome in stage.on_engine(replay, tasks):
        writer.write_outcomes(totals.add(outcome))
    return {
        "publications": counts.publications,
        "episodes": counts.episodes,
        "settled": counts.settled,
        "sampled": counts.sampled,
        "snapshot_files": totals.compared,
        "snapshot_files_equal": totals.equal,
        "snapshot_mismatches": totals.mismatches[:20],
    }
