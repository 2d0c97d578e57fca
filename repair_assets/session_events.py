"""The timeline of a day: every recorded event that can be trusted in its form.

Tested by `tests/code_location/test_graph.py`.
"""

from collections import Counter
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute

from partitions.dates import DATES, window
from partitions.keys import DATE, Key
from repair.diagnostics.codes import type_of_code
from repair.diagnostics.style import is_stylistic
from repair.diagnostics.types import count_by_type, known_types
from repair.recording.reader import Recording
from repair.recording.row_ranges import RowRanges
from repair.recording.validation import session_events as validated
from repair.schema.events import EVENTS, PROJECTS, EventKind
from repair.store.manifest import Manifest
from repair.store.writer import PartitionWriter
from resources.recordings import RecordingsResource
from resources.stages import ManifestCheck, Stage, Verdict, check_specs
from resources.store import StoreResource

pc: Any = pyarrow.compute  # its functions are made at import, so that type checkers do not see them

CODES = "codes"  # diagnostics in publications, by code
PROJECT_ROWS_TABLE = "project_rows"
ROW_GROUP_BYTES = 4 << 20
"""Some ten projects: whoever replays a few of them passes over the other groups."""

DESERVES_A_TYPE = 0.05
"""Share of a day's published diagnostics from which on a code should not stay in `other`."""


def _tail(manifest: Manifest) -> Verdict:
    codes: dict[str, int] = manifest.extra[CODES]
    total = sum(codes.values())
    known = known_types(window(manifest.partition[DATE])[0].date())
    large = {
        code: count
        for code, count in codes.items()
        if type_of_code(code) not in known and not is_stylistic(code) and count > DESERVES_A_TYPE * total
    }
    said = "; ".join(f"{code}: {count} of {total}" for code, count in large.items())
    if not large:
        return Verdict(True, "no code of `other` is large")
    return Verdict(
        False, f"large enough for a type of its own in repair/diagnostics/types.py: {said}", {"codes": large}
    )


CHECKS = (ManifestCheck("tail_is_small", "No code in `other` deserves a diagnostic type of its own.", _tail),)


def published_by_type(events: Manifest) -> Counter[str]:
    """Diagnostics in the publications of a day, by the diagnostic types that are known on it today."""
    return count_by_type(events.extra[CODES], known_types(window(events.partition[DATE])[0].date()))


def published_codes(batch: pa.RecordBatch) -> Counter[str]:
    """Diagnostics in the publications of `batch`, by code."""
    publications = batch.filter(pc.equal(batch["kind"], EventKind.DIAGNOSTICS.value))
    codes = publications["diagnostics"].flatten().field("code").value_counts()
    return Counter({row["values"]: row["counts"] for row in codes.to_pylist()})


@dg.asset(
    partitions_def=DATES,
    check_specs=check_specs("session_events", DATES, CHECKS),
    group_name="events",
    kinds={"parquet"},
)
def session_events(
    context: dg.AssetExecutionContext, store: StoreResource, recordings: RecordingsResource
) -> dg.MaterializeResult:
    """The day's events of every project, and a record of each project.

    Rows that are no events (unknown kind, a path that climbs out, a packet that does not decode) are
    rejected here; what rests on a packet that does not fit its file is rejected where it is used.
    """
    recording = recordings.recording()
    day = Key.of(context).date or ""
    start, end = window(day)
    stage = Stage(
        context=context,
        store=store.store(),
        inputs=(),
        schema=EVENTS,
        configuration={"recording": recording.fingerprint(start, end)},
        runs=[Recording],
        checks=CHECKS,
    )

    def work(writer: PartitionWriter) -> dict[str, Any]:
        projects = recording.projects()
        codes: Counter[str] = Counter()
        sessions: set[str] = set()
        rows = RowRanges()
        writer.declare(EVENTS, row_group_bytes=ROW_GROUP_BYTES)
        for outcome in validated(recording.events_by_project(start, end), projects):
            writer.write_outcomes(outcome)
            kept = outcome.filter(pc.is_null(outcome["reason"]))
            rows.record(kept)
            codes.update(published_codes(kept))
            sessions.update(pc.unique(kept["session_id"]).drop_null().to_pylist())
        writer.write("projects", projects.cast(PROJECTS))
        writer.write(PROJECT_ROWS_TABLE, rows.table())
        return {CODES: dict(codes), "sessions": len(sessions), "projects": projects.num_rows}

    return stage.materialize(work, rows_in=recording.count(start, end))
