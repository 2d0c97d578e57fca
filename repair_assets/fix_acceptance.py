"""What users made of the fixes that they were shown."""

from functools import partial
from typing import Any

import dagster as dg

from partitions.dates import last_dates, window
from partitions.keys import DATE, DATE_AND_TYPE, Key
from repair.diagnostics.types import count_by_type, decisive_types, known_types
from repair.feedback.acceptance import shown_fixes
from repair.feedback.rates import (
    ACCEPTANCE,
    Acceptance,
    added,
    by_model,
    compared,
    figures,
    from_figures,
    table,
)
from repair.recording.event_totals import FIXES
from repair.schema.outcomes import split_outcomes
from repair.schema.stages import FIX_ACCEPTANCE
from repair.store.manifest import Manifest
from repair.store.writer import PartitionWriter
from repair_assets.session_events import session_events
from repair_assets.stored_day import StoredDay
from resources.checks import Checked, CheckVerdict, PartitionCheck, check_specs
from resources.engine import EngineResource
from resources.stages import Input, Stage
from resources.store import StoreResource

DATES_BEFORE = 28
"""Dates that a date is compared with."""


def _of(manifest: Manifest | None) -> dict[str, Acceptance]:
    return from_figures(manifest.extra[ACCEPTANCE]) if manifest else {}


def _total(groups: dict[str, Acceptance]) -> Acceptance:
    return sum(groups.values(), Acceptance())


def _holds(share: str, what: str) -> Any:
    """Passes unless the share fell by more than the limit against the dates before, beyond chance."""

    def evaluate(checked: Checked) -> CheckVerdict:
        partition = checked.manifest.partition
        dates = last_dates(partition[DATE], DATES_BEFORE + 1)[:-1]
        earlier = (checked.store.manifest("fix_acceptance", {**partition, DATE: date}) for date in dates)
        now, before = _of(checked.manifest), added(_of(manifest) for manifest in earlier)
        drop = _total(before).less(_total(now), share)
        if drop is None:
            return CheckVerdict(True, "nothing to compare with")
        versions = f"{', '.join(now)}; before {', '.join(before)}"
        said = f"{what}: a drop of {drop} against the {len(dates)} dates before ({versions})"
        low, high = drop.interval
        found = {"drop": drop.value, "low": low, "high": high, "p": drop.p}
        return CheckVerdict(low <= checked.limit, said, found)

    return evaluate


CHECKS = (
    PartitionCheck("acceptance_holds", _holds("accepted", "shown fixes that are accepted")),
    PartitionCheck("fixes_last", _holds("kept", "accepted fixes that are kept after an hour")),
)


@dg.asset(
    partitions_def=DATE_AND_TYPE,
    deps=[session_events],
    check_specs=check_specs("fix_acceptance", DATE_AND_TYPE, CHECKS),
    group_name="feedback",
    kinds={"parquet"},
)
def fix_acceptance(
    context: dg.AssetExecutionContext, store: StoreResource, engine: EngineResource
) -> dg.MaterializeResult:
    """Shown fixes of the type, one row each: accepted, rejected or ignored, and kept after an hour or not.

    The metadata has the shares by model version. A fix that does not fit its file, or that was accepted and
    never applied, is rejected. Of projects that nothing may be learned from only counts are kept.
    """
    key = Key.of(context)
    day, diagnostic_type = Input("session_events", Key(key.date)), key.diagnostic_type or ""
    known = known_types(window(key.date or "")[0].date())
    stage = Stage(
        context=context,
        store=store.store(),
        inputs=[day],
        schema=FIX_ACCEPTANCE,
        types=decisive_types(diagnostic_type, known),
        checks=CHECKS,
        engine=engine.engine(),
    )
    manifest = stage.manifests()[str(day)]
    count = count_by_type(manifest.extra.get(FIXES, {}), known)[diagnostic_type]

    def work(writer: PartitionWriter) -> dict[str, Any]:
        rows: list[dict[str, Any]] = []
        writer.declare(FIX_ACCEPTANCE)
        if count:
            events = StoredDay.of(stage.store, day, manifest)
            shown = events.showing_fixes()
            projects = {name: events.projects[name] for name in shown}
            function = partial(
                shown_fixes, diagnostic_type=diagnostic_type, known_types=known, projects=projects
            )
            for outcome in stage.on_engine(function, events.tasks(shown, stage.engine.rows_per_task)):
                writer.write_outcomes(outcome)
                kept, _ = split_outcomes(outcome)
                rows += kept.drop_columns(["files", "later_files"]).to_pylist()
        return {ACCEPTANCE: figures(by_model(rows))}

    return stage.materialize(work, rows_in=count, metadata=_metadata)


def _metadata(manifest: Manifest) -> dict[str, Any]:
    groups = _of(manifest)
    return {
        ACCEPTANCE: dg.MetadataValue.md(table(groups)),
        "versions_compared": "; ".join(compared(groups)) or "there are no two versions",
    }
