"""Freshness checks of the assets by date alone: whether what was recorded has arrived, by the store itself.

Dagster's own freshness policies ask when anything of an asset was made last: a backfill of old dates would
make it fresh. These ask for the latest date. They run in a job of their own, since what is late makes no run
that could say so; a run of a partition, which may be of any age, answers nothing.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from partitions.dates import DATES, window
from repair.store.reader import PartitionStore
from resources.checks import CheckVerdict, check_result
from resources.recordings import RecordingsResource
from resources.settings import Settings
from resources.store import StoreResource, latest_date
from resources.thresholds import THRESHOLDS

RECORDING, DATA, MODEL = "recording_fresh", "data_fresh", "model_fresh"
EVENTS = "session_events"
EVERY_SIX_HOURS = "30 */6 * * *"


def verdicts(
    store: PartitionStore, recorded: Iterable[date], now: datetime, checkpoint_days: int
) -> Iterator[tuple[str, str, CheckVerdict]]:
    """(asset, check, what it found)"""
    days = sorted(recorded)
    yield EVENTS, RECORDING, _recording(days, now)
    expected = _due(days, now - _limit(DATA))
    for asset in THRESHOLDS[DATA].assets:
        yield asset, DATA, _data(latest_date(store, asset), expected)
    newest = latest_date(store, EVENTS)
    for asset in THRESHOLDS[MODEL].assets:
        yield asset, MODEL, _model(latest_date(store, asset), newest, timedelta(days=checkpoint_days))


def _recording(days: list[date], now: datetime) -> CheckVerdict:
    if not days:
        return CheckVerdict(False, "nothing is recorded")
    said = f"the latest recorded day is {days[-1]}"
    return CheckVerdict(now.date() - days[-1] <= _limit(RECORDING), said)


def _due(days: list[date], until: datetime) -> str | None:
    """The latest date that has recorded days and was over at `until`."""
    for key in reversed(DATES.get_partition_keys()):
        start, end = window(key)
        if end <= until and any(start.date() <= day < end.date() for day in days):
            return key
    return None


def _data(latest: str | None, expected: str | None) -> CheckVerdict:
    if expected is None:
        return CheckVerdict(True, "nothing is due")
    return CheckVerdict(
        latest is not None and latest >= expected, f"stored up to {latest or 'no date'}, due is {expected}"
    )


def _model(latest: str | None, newest: str | None, cadence: timedelta) -> CheckVerdict:
    if newest is None or window(newest)[1] - window(DATES.get_first_partition_key() or newest)[0] < cadence:
        return CheckVerdict(True, "there are too few dates for one to be due")
    said = f"stored up to {latest or 'no date'}, the events up to {newest}"
    if latest is None:
        return CheckVerdict(False, said)
    return CheckVerdict(window(newest)[1] - window(latest)[1] <= cadence + _limit(MODEL), said)


def _limit(check: str) -> timedelta:
    return timedelta(hours=THRESHOLDS[check].limit)


@dg.multi_asset_check(
    name="latest_dates",  # no job may have the name of an op
    specs=[
        dg.AssetCheckSpec(name, asset=asset, description=THRESHOLDS[name].description)
        for name in (RECORDING, DATA, MODEL)
        for asset in THRESHOLDS[name].assets
    ],
    can_subset=True,  # a run of one asset takes its checks along, and may leave them unanswered
)
def freshness(
    context: dg.AssetCheckExecutionContext, store: StoreResource, recordings: RecordingsResource
) -> Iterator[dg.AssetCheckResult]:
    """Whether the latest dates are there."""
    if context.has_partition_key or context.has_partition_key_range:
        return
    selected = context.selected_asset_check_keys
    of_recording = any(key.name != MODEL for key in selected)
    days = recordings.recording().dates() if of_recording else []  # which is not on every machine
    checkpoint_days = Settings.load().checkpoint_days
    for asset, name, verdict in verdicts(store.store(), days, datetime.now(UTC), checkpoint_days):
        if dg.AssetCheckKey(dg.AssetKey(asset), name) in selected:
            yield check_result(name, verdict, asset=asset)


freshness_job = dg.define_asset_job(
    "freshness_checks",
    dg.AssetSelection.checks(freshness),
    description="Whether the latest recorded date has arrived in the store, and a model of it.",
)
freshness_schedule = dg.ScheduleDefinition(
    name="freshness",
    job=freshness_job,
    cron_schedule=EVERY_SIX_HOURS,
    description="Runs the freshness checks. Switch it on together with the automation.",
)
