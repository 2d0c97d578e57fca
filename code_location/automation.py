"""Declarative automation: the conditions on which an asset is requested without a person, and their sensor.

The graph follows the recorded days. A stage is requested when the content of what it reads changed, never
because something was written again as it was. It waits until all that it reads is there, and a type that
failed holds back its day. `docs/automation.md` explains the policy to those who operate it.
"""

import warnings
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import dagster as dg

from code_location.catalog import Asset
from partitions.dates import RECENT, window

When = dg.AutomationCondition[Any]

ON_DEMAND = dg.AssetSelection.assets("few_shot_examples", "teacher_program")
"""What a person makes when it is wanted: a new version starts nothing, and nothing waits for it."""

BENCHMARKS = dg.AssetSelection.assets("workspace_benchmark", "leetcode_benchmark")
"""Frozen by a person: what reads them waits for the first release; a new one starts the mixture alone."""

RETRIES = "0 3 * * *"
"""When what failed is tried once more, in UTC: a night later a provider or a server may be back."""


def _changed() -> When:
    return dg.AutomationCondition.data_version_changed()


def _unready() -> When:
    """Absent, failed, being made, or stopped by a blocking check."""
    refused = dg.AutomationCondition.any_checks_match(
        dg.AutomationCondition.check_failed(), blocking_only=True
    )
    return (
        dg.AutomationCondition.missing()
        | dg.AutomationCondition.execution_failed()
        | dg.AutomationCondition.in_progress()
        | refused
    )


def _recent() -> When:
    return dg.AutomationCondition.in_latest_time_window(RECENT)


def _due_for_a_retry() -> When:
    return dg.AutomationCondition.execution_failed() & dg.AutomationCondition.cron_tick_passed(RETRIES)


def _once(trigger: When) -> When:
    """Since `trigger` was last answered, by a request, a result or a failure: a failure is not tried again
    at once but with the night's retries, as long as the date is recent."""
    answered = (
        dg.AutomationCondition.newly_requested()
        | dg.AutomationCondition.newly_updated()
        | dg.AutomationCondition.execution_failed().newly_true()
        | dg.AutomationCondition.initial_evaluation()
    )
    return trigger.since(answered) | (_due_for_a_retry() & _recent())


def _at_first() -> When:
    """At the first evaluation: recent and absent. What it reads may have come before, and will not change."""
    initial, missing = dg.AutomationCondition.initial_evaluation(), dg.AutomationCondition.missing()
    return initial & missing & ~dg.AutomationCondition.in_progress() & _recent()


def _until_requested(trigger: When) -> When:
    """From `trigger` on until a request comes after it; also if it comes while a run is at work, which may
    have read what was there before. For what depends on nothing of its own run.
    """
    answered = dg.AutomationCondition.newly_requested() & ~trigger
    return trigger.since(answered) | (_due_for_a_retry() & _recent())


def _of_own_date(asset: str, condition: When) -> When:
    """The condition on the partition of `asset` with the same date, where the dependency is a window of
    dates: seen from `session_events`, on which neither depends directly, dates map to themselves."""
    matches = dg.AutomationCondition.asset_matches
    return matches("session_events", matches(asset, condition))


class MadeSinceTheTickBegan(dg.AutomationCondition[Any]):
    """What a run has made since the tick began to read the event log.

    A tick reads what was made once, when it begins, and what is being made when it comes to it. A partition
    that was made in between is neither new nor in progress to it: it would be requested again, because of an
    input of the same run.
    """

    @property
    def name(self) -> str:
        return "made_since_the_tick_began"

    async def evaluate(self, context: dg.AutomationContext[Any]) -> dg.AutomationResult[Any]:  # pyright: ignore[reportIncompatibleMethodOverride]
        view = context.asset_graph_view
        keys = context.candidate_subset.expensively_compute_partition_keys()
        made: set[str] = set()
        if keys and view.last_event_id is not None:
            wanted = dg.AssetRecordsFilter(
                context.key, asset_partitions=sorted(keys), after_storage_id=view.last_event_id
            )
            found = view.instance.fetch_materializations(wanted, limit=len(keys))
            made = {str(record.partition_key) for record in found.records}
        return dg.AutomationResult(
            context, context.candidate_subset.compute_intersection_with_partition_keys(made)
        )


def _free() -> When:
    """No run is making it, or has just made it."""
    return ~dg.AutomationCondition.in_progress() & ~MadeSinceTheTickBegan()


def follows_its_inputs(*, whatever: dg.AssetSelection = ON_DEMAND) -> When:
    """When an input has other content and all inputs are ready; changes of `whatever` start nothing."""
    same_run = dg.AutomationCondition.will_be_requested()
    changed = dg.AutomationCondition.any_deps_match(_changed() | same_run).ignore(whatever)
    waits = dg.AutomationCondition.any_deps_match(_unready() & ~same_run).ignore(ON_DEMAND)
    return (_once(changed) & ~waits & _free()).with_label("follows its inputs")


def _follows_other_runs(*, at_first: bool = False) -> When:
    """As `follows_its_inputs`, where all inputs are made by other runs; `at_first`: also of inputs that came
    before the conditions were evaluated at all."""
    changed = dg.AutomationCondition.any_deps_match(_changed())
    waits = dg.AutomationCondition.any_deps_match(_unready())
    due = changed | _at_first() if at_first else changed
    return (_until_requested(due) & ~waits & _free()).with_label("follows its inputs")


def _mixture() -> When:
    """Its own date is complete and it is absent; or it is the latest and a date of its window changed."""
    own = _of_own_date("daily_examples", _changed())
    first = own & dg.AutomationCondition.missing() & _recent()
    late = dg.AutomationCondition.any_deps_match(_changed()) & dg.AutomationCondition.in_latest_time_window()
    frozen = dg.AutomationCondition.any_deps_match(dg.AutomationCondition.missing()).allow(BENCHMARKS)
    waits = _of_own_date("daily_examples", _unready()) | frozen
    return (_once(first | late) & ~waits & _free()).with_label(
        "follows its own date, and as the latest its window"
    )


class CheckpointDue(dg.AutomationCondition[Any]):
    """The newest mixture, where no checkpoint of the last `days` is there or being trained.

    Asked of what is there and not of the clock: a mixture that comes late, or a training that fails, moves
    the checkpoint to the next mixture instead of leaving it out.
    """

    def __init__(self, days: int) -> None:
        self.days = days

    @property
    def name(self) -> str:
        return f"newest_mixture_without_checkpoint_of({self.days} days)"

    @property
    def description(self) -> str:
        return f"The newest mixture, {self.days} days or more after the last checkpoint"

    async def evaluate(self, context: dg.AutomationContext[Any]) -> dg.AutomationResult[Any]:  # pyright: ignore[reportIncompatibleMethodOverride]
        view = context.asset_graph_view
        mixtures = await view.compute_materialized_asset_subset(dg.AssetKey("training_mixture"))
        due: set[str] = set()
        if dates := mixtures.expensively_compute_partition_keys():
            newest = max(dates)
            trained = await view.compute_materialized_asset_subset(context.key)
            training = await view.compute_run_in_progress_subset(
                key=context.key, from_subset=context.candidate_subset
            )
            taken = trained.compute_union(training).expensively_compute_partition_keys()
            since = window(newest)[0] - timedelta(days=self.days)
            if not any(since < window(date)[0] <= window(newest)[0] for date in taken):
                due = {newest}
        found = context.candidate_subset.compute_intersection_with_partition_keys(due)
        return dg.AutomationResult(context, found)


def _checkpoint(days: int) -> When:
    return (follows_its_inputs() & CheckpointDue(days)).with_label(f"every {days} days, the newest mixture")


def conditions(checkpoint_days: int) -> dict[str, When]:
    """The condition of each asset that is requested without a person, by its name."""
    follows, follows_answers = follows_its_inputs(), follows_its_inputs(whatever=ON_DEMAND | BENCHMARKS)
    return {
        "session_events": _follows_other_runs(at_first=True),
        "error_states": _follows_other_runs(),
        "reproduced_diagnostics": follows,
        "repair_candidates": follows,
        "synthesized_diffs": follows,
        "verified_diffs": follows,
        "repair_examples": follows,
        "fix_acceptance": follows,
        "preference_pairs": follows,
        "daily_examples": follows,
        "training_mixture": _mixture(),
        "checkpoint": _checkpoint(checkpoint_days),
        "predictions": follows_answers,
        "eval_results": follows_answers,
        "model_calibration": follows_answers,
        "scorecard": follows,
    }


def automated(assets: Iterable[Asset], checkpoint_days: int) -> list[Asset]:
    """The assets with their conditions."""
    found = conditions(checkpoint_days)

    def with_condition(spec: dg.AssetSpec) -> dg.AssetSpec:
        condition = found.get(spec.key.path[-1])
        return spec.replace_attributes(automation_condition=condition) if condition else spec

    return list(dg.map_asset_specs(with_condition, assets))


class ResumedAutomation(dg.AutomationConditionSensorDefinition):
    """Automation sensor that goes on where it was when the daemon was killed in the middle of a tick.

    The daemon that comes back submits what that tick had asked for; but where conditions are evaluated in the
    code location, Dagster 1.13 forgets the tick's cursor, and the next tick would take what changed since
    for history. The first of all ticks is not kept: what it asks for, another first one asks for, too.
    """

    def evaluate_tick(self, context: dg.SensorEvaluationContext) -> Any:
        cursors, name = context.instance.daemon_cursor_storage, f"repair/{self.name}"
        if not context.cursor:
            context._cursor = cursors.get_cursor_values({name}).get(name)  # pyright: ignore[reportPrivateUsage]
        first = not context.cursor
        tick = super().evaluate_tick(context)
        if tick.run_requests and tick.cursor and not first:
            cursors.set_cursor_values({name: tick.cursor})
        return tick


with warnings.catch_warnings():
    warnings.simplefilter("ignore", dg.BetaWarning)
    automation_sensor = ResumedAutomation(
        "automation",
        target=dg.AssetSelection.all(),  # of those that have a condition
        description="Asks for every partition whose condition holds, one run for each. Off until it is"
        " switched on, before or after `recorded_days_sensor`.",
        minimum_interval_seconds=60,
        emit_backfills=False,  # a backfill of several dates would run them in an order of its own
        use_user_code_server=True,  # `CheckpointDue` is ours: the daemon does not know it
    )
