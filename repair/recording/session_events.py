"""Stage of session events: sound rows are kept, the rest is rejected, repeats and unknown projects included.

Tested by `tests/repair/recording/test_validation.py`.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from repair.messages import shown
from repair.recording.fix_events import REASONS as FIX_REASONS
from repair.recording.fix_events import ShownFixes
from repair.recording.validation import Problem, check_batch, fix_rows, lacks, pc, readable, rows_where
from repair.schema.events import EventKind
from repair.schema.outcomes import DETAIL, REASON, ROWS, Reject, outcome_batch, outcome_schema
from repair.unexpected import UNEXPECTED, detail_of, is_of_the_run


def session_events(
    batches: Iterable[pa.RecordBatch],
    projects: pa.Table | None = None,
    *,
    withdrawn: Mapping[str, str] = MappingProxyType({}),
    now: datetime | None = None,
) -> Iterator[pa.RecordBatch]:
    """The stage `session_events`: outcome batches of `EVENTS`, a reason beside each row that is no event.

    `projects`: the table of `PROJECTS`; events of others are rejected (default: each project is known).
    `withdrawn`: projects of which no row is kept, with the reason; a reject line counts their rows and tells
    nothing of them.
    `now`: the present, from which a timestamp is found to lie in the future (default: the clock).
    """
    known = None if projects is None else set(projects.column("project_id").to_pylist())
    seen: dict[str, _Numbers] = {}
    stored: dict[str, _Snapshot] = {}
    fixes: dict[str, ShownFixes] = {}
    refused = pa.array(list(withdrawn), pa.string())
    for given in batches:
        taken_back = pc.fill_null(pc.is_in(given.column("project_id"), refused), False)
        if taken_back.true_count:
            yield _counted(given.filter(taken_back), withdrawn)
        recorded = given.filter(pc.invert(taken_back)) if taken_back.true_count else given
        problems = _problems(recorded, now or datetime.now(UTC))
        batch, _ = readable(recorded)
        names, sequences = batch.column("project_id").to_pylist(), batch.column("sequence").to_pylist()
        copies, fix_events = _stored_paths(batch, problems), _fix_events(batch)
        for row, (name, sequence) in enumerate(zip(names, sequences, strict=True)):
            if row in problems:
                continue
            if sequence is None:
                problems[row] = lacks(row_kind="an event", columns=["sequence"])
            elif known is not None and name not in known:
                problems[row] = Problem(
                    "unknown_project", f"a record of project {shown(name)}", "add it to the table of projects"
                )
            elif not seen.setdefault(name, _Numbers()).add(sequence):
                problems[row] = Problem(
                    "duplicate_event", f"one event with sequence {sequence}", "record each event once"
                )
            elif row in copies and not stored.setdefault(name, _Snapshot()).add(*copies[row]):
                problems[row] = Problem(
                    "duplicate_event",
                    f"one copy of {shown(copies[row][1])} in a snapshot",
                    "store each file once",
                )
            elif row in fix_events and (reason := fixes.setdefault(name, ShownFixes()).add(*fix_events[row])):
                problems[row] = Problem(
                    reason, FIX_REASONS[reason], "give each showing an id, and name it in what follows"
                )
        yield _outcome(batch, problems)


def _problems(batch: pa.RecordBatch, now: datetime) -> dict[int, Problem]:
    """`check_batch`; where it fails on a row that nobody foresaw, row by row."""
    try:
        return check_batch(batch, now=now)
    except Exception as error:
        if is_of_the_run(error):
            raise
        if batch.num_rows == 1:
            return {0: Problem(UNEXPECTED, "an event that can be checked", detail_of(error))}
    rows = [_problems(batch.slice(row, 1), now) for row in range(batch.num_rows)]
    return {row: found[0] for row, found in enumerate(rows) if found}


def _stored_paths(batch: pa.RecordBatch, problems: dict[int, Problem]) -> dict[int, tuple[int, str]]:
    """The time in microseconds and the path of each sound row that is a file of a snapshot."""
    stored = pc.and_(
        pc.equal(batch.column("kind"), EventKind.SNAPSHOT.value), pc.is_valid(batch.column("path"))
    )
    times, paths = batch.column("timestamp").cast(pa.int64()), batch.column("path")
    return {
        row: (times[row].as_py(), paths[row].as_py())
        for row in rows_where(pc.fill_null(stored, False))
        if row not in problems
    }


def _fix_events(batch: pa.RecordBatch) -> dict[int, tuple[str, str]]:
    """The kind and the payload of each fix event."""
    kinds, payloads = batch.column("kind"), batch.column("payload")
    return {row: (kinds[row].as_py(), payloads[row].as_py()) for row in fix_rows(batch)}


def _outcome(batch: pa.RecordBatch, problems: dict[int, Problem]) -> pa.RecordBatch:
    rows: list[Any] = [problems.get(row) for row in range(batch.num_rows)]
    added = {
        REASON: pa.array([problem and problem.reason for problem in rows], pa.string()),
        DETAIL: pa.array(
            [problem and f"{problem.expected}; {problem.hint}" for problem in rows], pa.string()
        ),
        ROWS: pa.array([1] * batch.num_rows, pa.int64()),
    }
    return pa.RecordBatch.from_arrays([*batch.columns, *added.values()], schema=outcome_schema(batch.schema))


def _counted(batch: pa.RecordBatch, withdrawn: Mapping[str, str]) -> pa.RecordBatch:
    """One reject for all rows of each project."""
    counts = {row["values"]: row["counts"] for row in pc.value_counts(batch["project_id"]).to_pylist()}
    rejects = [
        Reject({"project_id": name}, withdrawn[name], "none of its events is kept", count)
        for name, count in counts.items()
    ]
    return outcome_batch(rejects, batch.schema)


class _Snapshot:
    """The paths of the snapshot that a project's rows are at: of one instant, for they come in order."""

    def __init__(self) -> None:
        self._time: int | None = None
        self._paths: set[str] = set()

    def add(self, time: int, path: str) -> bool:
        """Put `path` in; False if it was there at this time."""
        if time != self._time:
            self._time, self._paths = time, set()
        if path in self._paths:
            return False
        self._paths.add(path)
        return True


class _Numbers:
    """A set of integers, small where they are dense: sorted, disjoint ranges [start, end)."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def add(self, number: int) -> bool:
        """Put `number` in; False if it was there."""
        after = bisect_right(self._starts, number)
        if after and number < self._ends[after - 1]:
            return False
        joins_left = after > 0 and self._ends[after - 1] == number
        joins_right = after < len(self._starts) and self._starts[after] == number + 1
        if joins_left and joins_right:
            self._ends[after - 1] = self._ends.pop(after)
            self._starts.pop(after)
        elif joins_left:
            self._ends[after - 1] += 1
        elif joins_right:
            self._starts[after] = number
        else:
            self._starts.insert(after, number)
            self._ends.insert(after, number + 1)
        return True
