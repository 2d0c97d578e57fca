"""The nightly backfill job and its schedule: plans, tells the plan, and submits it as one Dagster backfill.

The backfill daemon then starts the runs in the order of the graph, each once its inputs are made; what hangs
on a failed partition is held back. Dagster's classes of backfills are not public: they are used here alone,
its release is pinned, and the tests run a backfill to its end.
"""

from typing import Any

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.definitions.events import AssetKeyPartitionKey
from dagster._core.execution.backfill import (
    BulkActionsFilter,
    BulkActionStatus,
    PartitionBackfill,
)
from dagster._core.utils import make_new_backfill_id
from dagster._time import get_current_timestamp

from code_location.backfill.page import markdown
from code_location.backfill.plan import Budget, Plan
from code_location.backfill.sources import TAG, Sources, plan_of
from resources.language_models import LanguageModelResource
from resources.language_servers import LanguageServersResource
from resources.recordings import RecordingsResource
from resources.settings import Settings
from resources.store import StoreResource

NIGHT = "0 4 * * *"
"""After the day's own schedules; UTC."""

_UNFINISHED = (BulkActionStatus.REQUESTED, BulkActionStatus.CANCELING, BulkActionStatus.FAILING)


class Backfill(dg.Config):
    """What a scheduled backfill may make again."""

    look_back: int
    """Date partitions that are looked at, the latest ones."""
    hours: float
    """Of work a night, by the measured cost of a row."""
    usd: float
    """For answers of a language model a night."""
    code_changes: bool
    """Whether what only our own code made stale is made again."""
    dry_run: bool = False
    """Plan and tell the plan, and start nothing."""

    @classmethod
    def of(cls, settings: Settings) -> "Backfill":
        """As the deployment's settings say."""
        return cls(
            look_back=settings.backfill_look_back,
            hours=settings.backfill_hours,
            usd=settings.backfill_usd,
            code_changes=settings.backfill_code_changes,
        )

    def budget(self) -> Budget:
        return Budget(seconds=self.hours * 3600, usd=self.usd)


def unfinished(instance: dg.DagsterInstance) -> list[str]:
    """The scheduled backfills that are still at work."""
    filters = BulkActionsFilter(statuses=_UNFINISHED)
    return [found.backfill_id for found in instance.get_backfills(filters) if TAG in found.tags]


def submit(plan: Plan, sources: Sources, instance: dg.DagsterInstance) -> str:
    """One Dagster backfill of all planned partitions; its id."""
    from code_location.definitions import defs  # which has this job

    repository = defs.get_repository_def()
    partitions = {
        AssetKeyPartitionKey(dg.AssetKey(asset), str(key.dagster())) for asset, key in plan.partitions()
    }
    backfill = PartitionBackfill.from_asset_graph_subset(
        backfill_id=make_new_backfill_id(),
        backfill_timestamp=get_current_timestamp(),
        tags={TAG: "true"},
        dynamic_partitions_store=instance,
        asset_graph_subset=AssetGraphSubset.from_asset_partition_set(partitions, repository.asset_graph),
        title="Scheduled backfill",
        description=f"{len(plan.runs)} partitions, about {plan.cost.seconds / 3600:.2f} hours",
        run_config=_run_config(sources, repository),
    )
    instance.add_backfill(backfill)
    return backfill.backfill_id


def _run_config(sources: Sources, repository: dg.RepositoryDefinition) -> dict[str, Any]:
    """The run configuration with which the newest stored partition of each asset was made."""
    ops: dict[str, Any] = {}
    for asset, configuration in sources.newest_configurations().items():
        op = repository.assets_defs_by_key[dg.AssetKey(asset)].op
        fields: Any = getattr(op.config_schema.config_type, "fields", {}) if op.config_schema else {}
        if own := {name: value for name, value in configuration.items() if name in fields}:
            ops[asset] = {"config": own}
    return {"ops": ops} if ops else {}


@dg.op
def plan_backfill(
    context: dg.OpExecutionContext,
    config: Backfill,
    store: StoreResource,
    recordings: RecordingsResource,
    language_servers: LanguageServersResource,
    language_model: LanguageModelResource,
) -> dg.Output[str]:
    """Plans the night's backfill and submits it, unless the one before is still at work."""
    sources = Sources.of(
        store.store(), recordings.recording(), language_servers, language_model, look_back=config.look_back
    )
    plan = plan_of(sources, context.instance, config.budget(), code_changes=config.code_changes)
    backfill = ""
    if others := unfinished(context.instance):
        context.log.warning("nothing is started: %s is still at work", ", ".join(others))
    elif config.dry_run:
        context.log.info("a dry run: nothing is started")
    elif not plan.runs:
        context.log.info("nothing is due within the budget")
    else:
        backfill = submit(plan, sources, context.instance)
        context.log.info("submitted the backfill %s", backfill)
    figures = {
        "plan": dg.MetadataValue.md(markdown(plan)),
        "runs": len(plan.runs),
        "left_out": len(plan.left_out),
        "hours": plan.cost.seconds / 3600,
        "usd": plan.cost.usd,
    }
    return dg.Output(backfill, metadata=figures)


def scheduled_backfill(settings: Settings) -> dg.ScheduleDefinition:
    """The schedule, which is off until somebody turns it on, and its job."""
    config = dg.RunConfig(ops={"plan_backfill": Backfill.of(settings)})

    @dg.job(name="scheduled_backfill", config=config, executor_def=dg.in_process_executor)
    def job() -> None:
        """Makes stale and missing partitions again, newest first, within a budget; `dry_run` only tells."""
        plan_backfill()

    return dg.ScheduleDefinition(
        name="scheduled_backfill_schedule",
        job=job,
        cron_schedule=NIGHT,
        description="Makes again what is stale or missing of the latest dates, newest first, within the"
        " budget of a night. Off until it is switched on.",
    )
