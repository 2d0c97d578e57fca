"""Outcomes of backfills as observations for alerts: a backfill that Dagster gave up, and what it left unmade.

Its runs tell of their own failures. What no run tells: that the backfill itself failed, as where its assets
are gone from the code location, so that its queued runs were cancelled; or that all its runs ended well and
partitions are still not made. A backfill that a person cancelled is none of them.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus, PartitionBackfill

from code_location.run_outcomes import ASSETS, PARTITION_TAG, class_of, failed, label, message_of
from resources.alerts.incidents import Failed
from resources.alerts.message import Cause, backfill_path

LONGEST = timedelta(days=30)
"""A backfill that is older is not looked at."""
INCOMPLETE = "INCOMPLETE"
"""All runs ended well, and partitions are not made: Dagster gives no error for it."""
_GIVEN_UP = (BulkActionStatus.FAILING, BulkActionStatus.FAILED)
_FAILED_RUNS = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


def failed_backfills(instance: dg.DagsterInstance, since: float) -> dict[str, PartitionBackfill]:
    """By their ids: the backfills that failed at `since` or later, as far as no run of theirs says so."""
    wanted = BulkActionsFilter(
        statuses=[*_GIVEN_UP, BulkActionStatus.COMPLETED_FAILED], created_after=datetime.now(UTC) - LONGEST
    )
    return {
        found.backfill_id: found
        for found in instance.get_backfills(wanted)
        if found.backfill_end_timestamp is None or found.backfill_end_timestamp >= since
    }


def of_backfill(instance: dg.DagsterInstance, backfill: PartitionBackfill, now: float) -> Iterator[Failed]:
    """Each partition that it was to make and did not."""
    tags = dg.DagsterRun.tags_for_backfill_id(backfill.backfill_id)
    if backfill.status in _GIVEN_UP:
        what, detail = class_of(backfill.error), message_of(backfill.error)
    elif instance.get_runs_count(dg.RunsFilter(tags=tags, statuses=_FAILED_RUNS)):
        return  # they are told
    else:
        what, detail = INCOMPLETE, "all its runs ended well, and these partitions were not made"
    done = instance.get_runs(dg.RunsFilter(tags=tags, statuses=[dg.DagsterRunStatus.SUCCESS]))
    # Each has a message of its own: of an earlier one a partition may stay unmade, as nothing asks for it.
    cause = Cause("backfill", backfill.job_name or ASSETS, f"{what} ({backfill.backfill_id})")
    at, path = backfill.backfill_end_timestamp or now, backfill_path(backfill.backfill_id)
    for partition in sorted(_wanted(backfill) - _made(backfill, done)):
        yield failed(cause, at, partition, detail, path)


def _wanted(backfill: PartitionBackfill) -> set[str]:
    """Of assets `asset partition`, of a job the partitions; as `run_outcomes` names what a run made."""
    if data := backfill.asset_backfill_data:
        targets = data.target_subset.iterate_asset_partitions()
        made = data.materialized_subset
        return {label(target.asset_key, target.partition_key) for target in targets if target not in made}
    return set(backfill.partition_names or [""])


def _made(backfill: PartitionBackfill, done: Iterable[dg.DagsterRun]) -> set[str]:
    """What its runs made: the backfill's own record is not kept up once it failed."""
    if backfill.asset_backfill_data is None:
        return {run.tags.get(PARTITION_TAG, "") for run in done}
    return {label(asset, run.tags.get(PARTITION_TAG)) for run in done for asset in run.asset_selection or ()}
