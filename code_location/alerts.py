"""Alert sensors: one reads what ended and all ticks and delivers what is due, one watches the first.

`alerts` is no run-status sensor: those read five runs a tick, go on to the next run when they fail, and so
lose what they should have told. It reads runs by the time of their last change, and failed backfills, notes
in the outbox which it has read, and raises if something is wrong: nothing is skipped, and its tick is red.
`alerts_watch` tells of that, and of an `alerts` that was switched off or stopped ticking; its own failure is
told by `alerts`.
"""

import json
import sqlite3
import time
from datetime import UTC, datetime

import dagster as dg

from code_location.backfill_outcomes import failed_backfills, of_backfill
from code_location.run_outcomes import FAILED_TICK, State, automation_path, latest_tick, of_run, of_ticks
from repair.errors import RepairError
from resources.alerts.channels import DeliveryError
from resources.alerts.incidents import Observation
from resources.alerts.message import Alert, Cause, safe
from resources.alerts.resource import AlertsResource

INTERVAL_S, WATCH_INTERVAL_S = 30, 60
RUNS_OF_A_TICK = 200
OVERLAP_S = 900.0
"""Runs are read again from so long before the latest one on: the clocks of machines differ."""
OVERDUE_S = 900.0
"""A message that waits longer for its channel makes the tick red, so that the other channels are told."""
SILENT_S = 1800.0
"""After so long without a tick `alerts` counts as stopped."""
_FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]


def tell(instance: dg.DagsterInstance, alerts: AlertsResource) -> str:
    """Reads what has finished, delivers what is due, and says what was done. Raises what went wrong."""
    with alerts.open() as outbox:
        channels = alerts.channels()
        since = max(outbox.started(), (outbox.latest_read() or 0.0) - OVERLAP_S)
        records = instance.get_run_records(
            dg.RunsFilter(statuses=_FINISHED, updated_after=datetime.fromtimestamp(since, UTC)),
            order_by="update_timestamp",
            ascending=True,
        )
        ended = {record.dagster_run.run_id: record for record in records}
        unread = outbox.unread(ended)[:RUNS_OF_A_TICK]
        backfills = failed_backfills(instance, outbox.started())
        observed, failures = list[Observation](), list[Exception]()
        read, read_backfills = list[tuple[str, float]](), list[str]()
        for run_id in unread:
            record = ended[run_id]
            try:
                observed += of_run(instance, record.dagster_run)
            except Exception as error:  # it stays unread, and the others are told
                failures.append(error)
            else:
                read.append((run_id, record.update_timestamp.timestamp()))
        for backfill_id in outbox.unread_backfills(backfills):
            try:
                observed += of_backfill(instance, backfills[backfill_id], time.time())
            except Exception as error:
                failures.append(error)
            else:
                read_backfills.append(backfill_id)
        observed += of_ticks(instance, without=alerts_sensor.name)
        made = outbox.record(observed, channels, read, read_backfills)
        done = outbox.deliver(channels)
        pending, overdue = outbox.pending(), outbox.pending(older_than_s=OVERDUE_S)
    if overdue:
        failures.append(DeliveryError(f"messages wait too long: {overdue}; {done.errors or 'no answer yet'}"))
    if failures:
        raise ExceptionGroup("; ".join(map(str, failures)), failures)
    waiting = ", ".join(f"{count} for {name}" for name, count in pending.items())
    said = f"{len(read)} runs read, {made} messages made, {done.sent} sent; waiting: {waiting or 'none'}"
    errors = "; ".join(done.errors.values())
    return f"{said}; {errors}" if errors else said


@dg.sensor(
    name="alerts",
    minimum_interval_seconds=INTERVAL_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells failing checks, steps, runs, backfills, sensors and schedules to the configured "
    "channels, once a cause, and when they recovered.",
)
def alerts_sensor(context: dg.SensorEvaluationContext, alerts: AlertsResource) -> dg.SkipReason:
    return dg.SkipReason(tell(context.instance, alerts))


def trouble_of(
    instance: dg.DagsterInstance, now: float, watched_since: float
) -> tuple[str, str, State] | None:
    """What is wrong with the sensor `alerts`: class and detail; None: nothing, or it never ran.

    That it does not tick counts from `watched_since` on: after a pause of the daemon it has not ticked yet.
    """
    for state in instance.all_instigator_state():
        if state.instigator_name != alerts_sensor.name:
            continue
        tick = latest_tick(instance, state)
        if not state.is_running:
            return "switched off", "nothing is told of failing checks and runs until it runs again", state
        if tick is not None and tick.status.value == FAILED_TICK:
            error = tick.error
            return "its ticks fail", safe(error.to_string()[-2000:] if error else ""), state
        if tick is not None and now - max(tick.timestamp, watched_since) > SILENT_S:
            last = datetime.fromtimestamp(tick.timestamp, UTC)
            return "no tick", f"the last one was at {last:%F %R} UTC", state
    return None


@dg.sensor(
    name="alerts_watch",
    minimum_interval_seconds=WATCH_INTERVAL_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells if the sensor `alerts` fails, was switched off or does not tick.",
)
def alerts_watch(context: dg.SensorEvaluationContext, alerts: AlertsResource) -> dg.SkipReason:
    """Its state is the sensor's cursor: it needs no outbox, whose fault it may have to tell."""
    told, watched_since, now = _state(context)
    found = trouble_of(context.instance, now, watched_since)
    what, detail, path = "", "", ""
    if found:
        what, detail, state = found
        path = automation_path(state)
    if what != told:
        cause = Cause("automation", f"sensor {alerts_sensor.name}", what or told)
        alert = Alert(
            status="failing" if what else "recovered",
            severity="error",
            cause=cause,
            partitions=[],
            count=0,
            detail=detail,
            path=path or "/automation",
        )
        send_somehow(alert, alerts, key=f"{alerts_sensor.name}-{time.time_ns()}")
    context.update_cursor(json.dumps([what, watched_since]))
    return dg.SkipReason(f"alerts: {what or 'works'}")


def _state(context: dg.SensorEvaluationContext) -> tuple[str, float, float]:
    """What was told last, since when it ticks without a pause, and the time."""
    told, since = json.loads(context.cursor) if context.cursor else ("", 0.0)
    now = time.time()
    paused = now - (context.last_tick_completion_time or 0.0) > 5 * WATCH_INTERVAL_S
    return told, now if paused else since, now


def send_somehow(alert: Alert, alerts: AlertsResource, key: str) -> None:
    """By the outbox; where that does not work, to each channel that does. Raises if none does."""
    channels = alerts.channels()
    try:
        with alerts.open() as outbox:
            outbox.put(alert, channels)
            outbox.deliver(channels)
    except (OSError, ValueError, RepairError, sqlite3.Error):
        failures: list[Exception] = []
        for channel in channels:
            try:
                channel.send(alert, key)
            except Exception as error:
                failures.append(error)
        if len(failures) == len(channels):
            raise ExceptionGroup("no channel works", failures) from None


ALERT_SENSORS = [alerts_sensor, alerts_watch]
