"""Days of the recording as an external asset, and the sensor that reports which of them got data.

The data version of a date is the checksum of its files, so that files which were only written again start
nothing. A date that is not over is left for later.
"""

import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from datetime import date

import dagster as dg

from partitions.dates import DATES, LOOKBACK, DateSettings, days_before_the_first, window
from resources.recordings import RecordingsResource

recorded_days = dg.AssetSpec(
    "recorded_days",
    partitions_def=DATES,
    group_name="events",
    kinds={"parquet"},
    description="What was recorded on the date, as `recorded_days_sensor` saw it last. New data, also of a"
    " date that was processed before, starts the automation at the date's `session_events`.",
)


@dg.sensor(
    name="recorded_days_sensor",
    minimum_interval_seconds=300,
    description=f"Reports the dates whose recorded files are new or changed. Of what was recorded before it"
    f" is switched on it reports the latest {LOOKBACK} dates; older ones are for a backfill.",
)
def recorded_days_sensor(
    context: dg.SensorEvaluationContext, recordings: RecordingsResource
) -> dg.SensorResult:
    """A materialization event for each date that got data; the cursor holds the state of every date."""
    recording = recordings.recording()
    recorded = recording.dates()
    days = _days_by_date(recorded)
    states = {key: recording.state(own) for key, own in days.items()}
    known: dict[str, str] = json.loads(context.cursor) if context.cursor else {}
    changed = [key for key, state in states.items() if known.get(key) != state]
    said = _left_out(recorded)
    if context.cursor is None:
        latest = set(DATES.get_partition_keys()[-LOOKBACK:])
        older = [key for key in changed if key not in latest]
        changed = [key for key in changed if key in latest]
        said += f"; {len(older)} older dates were recorded before: materialize them by a backfill"
    context.log.info("%d dates got data: %s; %s", len(changed), ", ".join(changed) or "none", said)
    return dg.SensorResult(
        asset_events=[
            dg.AssetMaterialization(
                recorded_days.key,
                partition=key,
                tags={"dagster/data_version": recording.checksum(days[key])},
            )
            for key in changed
        ],
        skip_reason=None if changed else f"no date got data; {said}",
        cursor=json.dumps(states),
    )


def _days_by_date(days: Iterable[date]) -> dict[str, list[date]]:
    """The days of each date partition that is over."""
    keys = DATES.get_partition_keys()
    windows = [tuple(instant.date() for instant in window(key)) for key in keys]
    starts = [start for start, _ in windows]
    found: dict[str, list[date]] = defaultdict(list)
    for day in days:
        index = bisect_right(starts, day) - 1
        if index >= 0 and day < windows[index][1]:
            found[keys[index]].append(day)
    return dict(found)


def _left_out(days: Iterable[date]) -> str:
    before = days_before_the_first(days)
    if not before:
        return "no recorded day is before the first partition"
    variable = DateSettings.variable("first_date")
    return (
        f"{len(before)} recorded days, {before[0]} to {before[-1]}, are before the first partition, so no run"
        f" reads them: {variable}={before[0]} would"
    )
