"""The workspace at each sampled diagnostic, replayed from the edits.

Tested by `tests/code_location/test_graph.py`.
"""

from dataclasses import asdict
from functools import partial
from typing import Any

import dagster as dg

from partitions.dates import window
from partitions.keys import DATE_AND_TYPE, Key
from repair.curation.policy import project_rejects
from repair.diagnostics.types import decisive_types, known_types, partition_of
from repair.error_states.batches import SnapshotTotals, replay_projects
from repair.error_states.sampling import SamplingSettings, sample_partition
from repair.schema.stages import ERROR_STATES
from repair.store.writer import PartitionWriter
from repair_assets.session_events import published_by_type, session_events
from repair_assets.stored_day import StoredDay
from resources.checks import Checked, CheckVerdict, PartitionCheck, at_most, check_specs
from resources.engine import EngineResource
from resources.stages import Input, Stage
from resources.store import StoreResource


def _replay_equals_stored_copy(checked: Checked) -> CheckVerdict:
    extra = checked.manifest.extra
    compared, equal = extra.get("snapshot_files", 0), extra.get("snapshot_files_equal", 0)
    return CheckVerdict(
        equal >= checked.limit * compared,
        f"{equal} of {compared} replayed files equal their stored copy",
        {"compared": compared, "equal": equal, "mismatches": extra.get("snapshot_mismatches", [])},
    )


def code_action_share(having: int, of: int, limit: float) -> CheckVerdict:
    return at_most("have a CodeAction (published: 10% over all types)", having, of, limit)


def _recorded_code_actions(checked: Checked) -> CheckVerdict:
    manifest = checked.manifest
    having, of = manifest.rejects.get("has_code_action", 0), manifest.extra.get("episodes", 0)
    return code_action_share(having, of, checked.limit)


CHECKS = (
    PartitionCheck("code_action_share", _recorded_code_actions),
    PartitionCheck("replay_equals_stored_copy", _replay_equals_stored_copy),
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

    Rejected before any replay: what the owner did not release, what is stylistic, what had a CodeAction.
    """
    key = Key.of(context)
    day, diagnostic_type = Input("session_events", Key(key.date)), key.diagnostic_type or ""
    known = known_types(window(key.date or "")[0].date())
    stage = Stage(
        context=context,
        store=store.store(),
        inputs=[day],
        schema=ERROR_STATES,
        configuration=config.model_dump(),
        types=decisive_types(diagnostic_type, known),
        checks=CHECKS,
        engine=engine.engine(),
    )

    def work(writer: PartitionWriter) -> dict[str, Any]:
        events, totals = StoredDay.of(stage.store, day, stage.manifests()[str(day)]), SnapshotTotals()
        sampled, counts = sample_partition(
            events.publishing(lambda code: partition_of(code, known) == diagnostic_type),
            diagnostic_type=diagnostic_type,
            known_types=known,
            project_rejects=project_rejects(events.projects),
            settings=SamplingSettings(**config.model_dump()),
            reject=writer.write_rejects,
        )
        projects = {name: events.projects[name] for name in sampled["project_id"].unique().to_pylist()}
        replay = partial(
            replay_projects, episodes=sampled, projects=projects, settle_seconds=config.settle_seconds
        )
        for outcome in stage.on_engine(replay, events.tasks(projects, stage.engine.rows_per_task)):
            writer.write_outcomes(totals.add(outcome))
        return {**asdict(counts), **totals.figures()}

    return stage.materialize(work, rows_in=published_by_type(stage.manifests()[str(day)])[diagnostic_type])
