"""Outcomes of runs and ticks as observations for alerts: failing checks, steps, runs and sensors.

A check that fails and does not block leaves its run successful, so that both kinds of runs are read. What a
run made is no longer missing from a backfill that failed (`backfill_outcomes`).

Tested by `tests/code_location/test_alerts.py`.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from resources.alerts.incidents import Failed, Observation, Passed
from resources.alerts.message import Cause, check_path, run_path, safe

PARTITION_TAG = "dagster/partition"
BLOCKED = "DagsterAssetCheckFailedError"
"""The error of a step whose blocking check failed: the check itself is told."""
ENDED = "ENDED_FROM_OUTSIDE"
"""Of a run whose process was killed or lost: Dagster gives no reason for it."""
ASSETS = "assets"
"""What a backfill makes that is not one of a job."""
_READ = {
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
    dg.DagsterEventType.ASSET_MATERIALIZATION,
    dg.DagsterEventType.STEP_FAILURE,
    dg.DagsterEventType.STEP_SUCCESS,
    dg.DagsterEventType.RUN_FAILURE,
    dg.DagsterEventType.RUN_SUCCESS,
}
FAILED_TICK, STARTED_TICK = "FAILURE", "STARTED"
State = Any
"""Of a sensor or schedule, as the instance stores it: Dagster's class for it is none of its public ones."""


def of_run(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Iterator[Observation]:
    """What a finished run says, from its event log."""
    own_partition = run.tags.get(PARTITION_TAG, "")
    step_failed = False
    for entry in instance.all_logs(run.run_id, of_type=_READ):
        event, at = entry.dagster_event, entry.timestamp
        if event is None:
            continue
        match event.event_type:
            case dg.DagsterEventType.ASSET_CHECK_EVALUATION:
                yield _check(event, at, own_partition)
            case dg.DagsterEventType.ASSET_MATERIALIZATION if event.asset_key:
                made = label(event.asset_key, event.partition)
                yield Passed(at=at, kind="backfill", subject=ASSETS, partition=made)
            case dg.DagsterEventType.STEP_FAILURE:
                step_failed = True
                error = event.step_failure_data.error
                if (name := class_of(error)) != BLOCKED:
                    cause = Cause("step", event.step_key or "", name)
                    yield failed(cause, at, own_partition, message_of(error), run_path(run.run_id))
            case dg.DagsterEventType.STEP_SUCCESS:
                yield Passed(at=at, kind="step", subject=event.step_key or "", partition=own_partition)
            case dg.DagsterEventType.RUN_FAILURE if not step_failed:
                reason = getattr(event.event_specific_data, "failure_reason", None)
                cause = Cause("run", _subject(run), reason.value if reason else ENDED)
                yield failed(cause, at, own_partition, event.message or "", run_path(run.run_id))
            case dg.DagsterEventType.RUN_SUCCESS:
                for kind in ("run", "backfill"):
                    yield Passed(at=at, kind=kind, subject=_subject(run), partition=own_partition)
            case _:
                pass


def of_ticks(instance: dg.DagsterInstance, *, without: str) -> Iterator[Observation]:
    """Whether the latest finished tick of each sensor and schedule failed, but for the sensor `without`."""
    if instance.schedule_storage is None:  # of an instance in memory
        return
    for state in instance.all_instigator_state():
        tick = latest_tick(instance, state)
        if tick is None or state.instigator_name == without:
            continue
        at = tick.end_timestamp or tick.timestamp
        if tick.status.value != FAILED_TICK:
            yield Passed(at=at, kind="automation", subject=name_of(state), partition="")
            continue
        cause = Cause("automation", name_of(state), class_of(tick.error))
        yield failed(cause, at, "", message_of(tick.error), automation_path(state))


def latest_tick(instance: dg.DagsterInstance, state: State) -> Any:
    """The latest tick that ended; None: there is none yet."""
    ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=3)
    return next((tick for tick in ticks if tick.status.value != STARTED_TICK), None)


def name_of(state: State) -> str:
    kind = "schedule" if state.instigator_type.value == "SCHEDULE" else "sensor"
    return f"{kind} {state.instigator_name}"


def automation_path(state: State) -> str:
    """The page of a sensor or schedule."""
    kind, _, name = name_of(state).partition(" ")
    location = state.origin.repository_origin.code_location_origin.location_name
    return f"/locations/{location}/{kind}s/{name}"


def _check(event: dg.DagsterEvent, at: float, own_partition: str) -> Observation:
    found = event.asset_check_evaluation_data
    asset, partition = "/".join(found.asset_key.path), found.partition or own_partition
    if found.passed:
        return Passed(at=at, kind="check", subject=asset, what=found.check_name, partition=partition)
    severity = "warning" if found.severity is dg.AssetCheckSeverity.WARN else "error"
    cause = Cause("check", asset, found.check_name)
    path = check_path(asset, found.check_name)
    return failed(cause, at, partition, found.description or "", path, severity)


def label(asset: dg.AssetKey, partition: str | None) -> str:
    """An asset's partition among those of a backfill."""
    return f"{'/'.join(asset.path)} {partition or ''}".rstrip()


def failed(
    cause: Cause, at: float, partition: str, detail: str, path: str, severity: str = "error"
) -> Failed:
    """With what is quoted made safe to be shown."""
    return Failed(at=at, cause=cause, partition=partition, severity=severity, detail=safe(detail), path=path)


def _raised(error: Any) -> Any:
    """The error that was raised, out of what Dagster wraps it in; not what it was raised from."""
    while error is not None and error.cause is not None and _is_wrapper(error.cls_name or ""):
        error = error.cause
    return error


def _is_wrapper(name: str) -> bool:
    return name.startswith("Dagster") or name.endswith("ExecutionError")


def class_of(error: Any) -> str:
    """The class of an error as Dagster stores it."""
    return getattr(_raised(error), "cls_name", None) or "unknown error"


def message_of(error: Any) -> str:
    """What it says."""
    return getattr(_raised(error), "message", "")


def _subject(run: dg.DagsterRun) -> str:
    """The job, or the assets of a run that was started from the UI."""
    if not run.job_name.startswith("__"):
        return run.job_name
    return ", ".join(sorted("/".join(key.path) for key in run.asset_selection or ())) or run.job_name
