"""Alerts that were due, by the event log alone, compared with those that were received."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from typing import Any, NamedTuple

import dagster as dg
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus

FAILING, RECOVERED = "failing", "recovered"
BLOCKED = "DagsterAssetCheckFailedError"
_READ = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.ASSET_CHECK_EVALUATION}


class Cause(NamedTuple):
    """What is told once: a failing step, run or backfill, whatever its error; an asset's check; a sensor."""

    kind: str
    subject: str
    check: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}{f' {self.check}' if self.check else ''}"

    @classmethod
    def of(cls, message: dict[str, Any]) -> "Cause":
        told = message["cause"]
        return cls(told["kind"], told["subject"], told["what"] if told["kind"] == "check" else "")


def due(instance: dg.DagsterInstance) -> Counter[Cause]:
    """How often each cause failed in the runs that ended, and in the backfills that Dagster gave up."""
    found: Counter[Cause] = Counter()
    ended = dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE])
    for run in instance.get_runs(ended):
        steps = 0
        for entry in instance.all_logs(run.run_id, of_type=_READ):
            event = entry.dagster_event
            assert event is not None
            if event.event_type is dg.DagsterEventType.STEP_FAILURE:
                steps += 1
                error = event.step_failure_data.error
                if error is None or error.cls_name != BLOCKED:  # the check itself is told
                    found[Cause("step", event.step_key or "")] += 1
            elif not event.asset_check_evaluation_data.passed:
                checked = event.asset_check_evaluation_data
                found[Cause("check", checked.asset_key.path[-1], checked.check_name)] += 1
        if run.status is dg.DagsterRunStatus.FAILURE and not steps:
            found[Cause("run", _subject(run))] += 1
    for backfill in instance.get_backfills(BulkActionsFilter(statuses=[BulkActionStatus.FAILED])):
        found[Cause("backfill", backfill.job_name or "assets")] += 1
    return found


def failed_ticks(instance: dg.DagsterInstance) -> Counter[Cause]:
    """How often each sensor's tick failed: what was right at the next look may be told, and need not be."""
    found: Counter[Cause] = Counter()
    for state in instance.all_instigator_state():
        kind = "schedule" if state.instigator_type.value == "SCHEDULE" else "sensor"
        for tick in instance.get_ticks(state.instigator_origin_id, state.selector_id):
            if tick.status.value == "FAILURE":
                found[Cause("automation", f"{kind} {state.instigator_name}")] += 1
    return found


def differences(
    expected: Counter[Cause], may_be: Collection[Cause], received: Iterable[dict[str, Any]]
) -> Iterator[str]:
    """What is not as it should be: each cause is told once, then that it is right again, and nothing else."""
    told: Counter[Cause] = Counter()
    statuses: dict[str, list[str]] = defaultdict(list)
    for message in received:
        told[Cause.of(message)] += message["status"] == FAILING
        statuses[" ".join(message["cause"].values())].append(message["status"])
    for cause in sorted(expected.keys() - told.keys()):
        yield f"not told: {cause}"
    for cause, count in sorted(told.items()):
        if cause not in expected and cause not in may_be:
            yield f"told, and did not happen: {cause}"
        elif cause in expected and count > expected[cause]:
            yield f"told {count} times, and failed {expected[cause]} times: {cause}"
    for name, said in sorted(statuses.items()):
        if said != [FAILING, RECOVERED] * (len(said) // 2):
            yield f"not told once, and then its recovery: {name}: {', '.join(said)}"


def _subject(run: dg.DagsterRun) -> str:
    assets = ", ".join(sorted(key.path[-1] for key in run.asset_selection or ()))
    return assets if run.job_name.startswith("__") else run.job_name
