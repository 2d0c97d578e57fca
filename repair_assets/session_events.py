"""The timeline of a day: every recorded event that can be trusted in its form.

Tested by `tests/code_location/test_graph.py`.
"""

from collections import Counter
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute

from partitions.dates import DATES, DateSettings, days_before_the_first, last_dates, window
from partitions.keys import DATE, Key
from repair.curation.policy import decided_projects, decisions_sha256, withdrawn
from repair.diagnostics.codes import type_of_code
from repair.diagnostics.style import is_stylistic
from repair.diagnostics.types import count_by_type, known_types
from repair.recording.event_totals import CODES, EventTotals
from repair.recording.reader import Recording
from repair.recording.row_ranges import PROJECT_ROWS_TABLE, PROJECTS_TABLE, ROW_GROUP_BYTES, RowRanges
from repair.recording.session_events import session_events as validated
from repair.schema.events import EVENTS
from repair.schema.outcomes import split_outcomes
from repair.store.forgotten import forgotten_projects
from repair.store.manifest import Manifest
from repair.store.writer import PartitionWriter
from repair_assets.recorded_days import recorded_days
from resources.checks import Checked, CheckVerdict, PartitionCheck, check_specs
from resources.recordings import RecordingsResource
from resources.stages import Stage
from resources.store import StoreResource

pc: Any = pyarrow.compute  # its functions are made at import, so that type checkers do not see them


def _tail(checked: Checked) -> CheckVerdict:
    """The codes that deserve a type, and the line that gives them one from the next date on."""
    manifest = checked.manifest
    codes: dict[str, int] = manifest.extra[CODES]
    total = sum(codes.values())
    start, end = window(manifest.partition[DATE])
    known = known_types(start.date())
    large = {
        code: count
        for code, count in codes.items()
        if type_of_code(code) not in known and not is_stylistic(code) and count > checked.limit * total
    }
    if not large:
        return CheckVerdict(True, "no code of `other` is large")
    said = "; ".join(f"{code}: {count} of {total} ({count / total:.0%})" for code, count in large.items())
    since = f"date({end.year}, {end.month}, {end.day})"
    lines = [f'DiagnosticType("{name}", since={since}),' for name in sorted(set(map(type_of_code, large)))]
    return CheckVerdict(
        False,
        f"large enough for a type of its own: {said}. The lines, from {end:%Y-%m-%d} on: {' '.join(lines)}",
        {"codes": large, "lines": lines},
    )


CHECKS = (PartitionCheck("tail_is_small", _tail),)


def published_by_type(events: Manifest) -> Counter[str]:
    """Diagnostics in the publications of a day, by the diagnostic types that are known on it today."""
    return count_by_type(events.extra[CODES], known_types(window(events.partition[DATE])[0].date()))


@dg.asset(
    partitions_def=DATES,
    deps=[recorded_days],
    check_specs=check_specs("session_events", DATES, CHECKS),
    group_name="events",
    kinds={"parquet"},
)
def session_events(
    context: dg.AssetExecutionContext, store: StoreResource, recordings: RecordingsResource
) -> dg.MaterializeResult:
    """The day's events of every project, and a record of each with what it may be used for today.

    Of a project whose owner took consent back, or whose consent has ended, nothing is kept. Rows that are no
    events (unknown kind, a path that climbs out, a packet that does not decode) are rejected here; what rests
    on a packet that does not fit its file is rejected where it is used.
    """
    recording, opened = recordings.recording(), store.store()
    day = Key.of(context).date or ""
    start, end = window(day)
    known = recording.projects()
    active = known.filter(
        pc.is_in(known["project_id"], pa.array(recording.project_ids(start, end), pa.string()))
    )
    projects = decided_projects(
        active, recordings.terms(forgotten_projects(opened)), recording.revocations(start, end)
    )
    stage = Stage(
        context=context,
        store=opened,
        inputs=(),
        schema=EVENTS,
        configuration={
            "recording": recording.fingerprint(start, end),
            "consent": decisions_sha256(projects),
        },
        runs=[Recording],
        checks=CHECKS,
    )

    def work(writer: PartitionWriter) -> dict[str, Any]:
        ranges, totals = RowRanges(), EventTotals()
        writer.declare(EVENTS, row_group_bytes=ROW_GROUP_BYTES)
        events = recording.events_by_project(start, end)
        for outcome in validated(events, known, withdrawn=withdrawn(projects)):
            writer.write_outcomes(outcome)
            kept, _ = split_outcomes(outcome)
            ranges.record(kept)
            totals.add(kept)
        kept = pc.is_in(projects["project_id"], pa.array(list(ranges.ranges), pa.string()))
        writer.write(PROJECTS_TABLE, projects.filter(kept))
        writer.write(PROJECT_ROWS_TABLE, ranges.table())
        return {**totals.figures(), "projects": projects.num_rows}

    return stage.materialize(
        work,
        rows_in=recording.count(start, end),
        metadata=lambda _: _left_out(context, recording, day),
    )


def _left_out(context: dg.AssetExecutionContext, recording: Recording, day: str) -> dict[str, int]:
    """What was recorded and is in no partition: before the first one, or among the files of another date."""
    outside = recording.active_dates(days_before_the_first(recording.dates()))
    rows = recording.rows_of(outside)
    if outside:
        context.log.warning(
            "%d recorded days, %s to %s, with %d rows are before the first partition, so no run reads them:"
            " %s=%s would",
            *(len(outside), outside[0], outside[-1], rows, DateSettings.variable("first_date"), outside[0]),
        )
    start, end = window(day)
    misfiled = recording.misfiled(start, end, before=window(last_dates(day, 2)[0])[0])
    if misfiled:
        context.log.warning(
            "%d rows among the files of %s have a time in another partition, so no run reads them: file them"
            " by their own UTC date",
            *(misfiled, day),
        )
    return {
        "recorded_days_before_the_first_partition": len(outside),
        "recorded_rows_before_the_first_partition": rows,
        "rows_among_the_files_of_another_date": misfiled,
    }
