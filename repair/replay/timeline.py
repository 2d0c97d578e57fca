"""Timeline of one project: edits, file events and stored copies, by (timestamp, sequence)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from repair.messages import shown
from repair.schema.events import TIMESTAMP, EventError, EventKind, FileOperation

_OT = str(EventKind.OT)
_KINDS = [_OT, str(EventKind.FILE), str(EventKind.SNAPSHOT)]
_ROWS_AT_ONCE = 4096  # that are Python objects
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ORDER = [("timestamp", "ascending"), ("sequence", "ascending")]

# What an event can't do without, by (kind, operation).
_NEEDED: dict[tuple[str, str | None], tuple[str, ...]] = {
    (EventKind.OT, None): ("path", "packet"),
    (EventKind.FILE, FileOperation.CREATE): ("path",),
    (EventKind.FILE, FileOperation.MODIFY): ("path",),
    (EventKind.FILE, FileOperation.MOVE): ("path", "destination"),
    (EventKind.FILE, FileOperation.REMOVE): ("path",),
}


class Change(NamedTuple):
    """An edit (kind OT) or a file event; the columns of `repair.schema.events.EVENTS`."""

    timestamp: datetime
    sequence: int
    kind: str
    path: str
    packet: bytes | None
    operation: str | None
    destination: str | None
    content: bytes | None
    version: int | None

    @property
    def position(self) -> tuple[datetime, int]:
        return self.timestamp, self.sequence


@dataclass(frozen=True, slots=True)
class StoredCopy:
    """A snapshot: every file of the project at a moment."""

    timestamp: datetime
    sequence: int
    """Of its last row: from there on it counts."""
    files: dict[str, tuple[bytes | None, int | None]]
    """Path -> content and the version of the last packet that is in it; null: not recorded."""

    @property
    def position(self) -> tuple[datetime, int]:
        return self.timestamp, self.sequence


def changes(events: pa.Table) -> Iterator[Change | StoredCopy]:
    """The changes and stored copies of one project, by (timestamp, sequence).

    `events` has the schema of `repair.schema.events.EVENTS`, in any order. The SNAPSHOT rows of one
    timestamp are one stored copy, placed where its last row is; of two rows with one path the first counts.
    Raises EventError for a row that lacks what its kind needs, ValueError for the events of several projects.
    """
    projects = events["project_id"].unique().to_pylist()
    if len(projects) > 1:
        raise ValueError(f"events of {len(projects)} projects, expected those of one: filter by project_id")
    ordered = events.filter(pc.field("kind").isin(_KINDS)).sort_by(_ORDER).select(list(Change._fields))
    rows = _rows(ordered)
    copy: StoredCopy | None = None
    pending: list[Change] = []  # what happened at the time of `copy`, before its last row
    for row in rows:
        if copy is not None and row.timestamp != copy.timestamp:
            yield from _in_order(copy, pending)
            copy, pending = None, []
        if row.kind == EventKind.SNAPSHOT:
            files = {} if copy is None else copy.files
            if row.path is not None:
                files.setdefault(row.path, (row.content, row.version))
            copy = StoredCopy(row.timestamp, row.sequence, files)
            continue
        change = _checked(row)
        if copy is None:
            yield change
        else:
            pending.append(change)
    if copy is not None:
        yield from _in_order(copy, pending)


def _in_order(copy: StoredCopy, pending: list[Change]) -> Iterator[Change | StoredCopy]:
    return iter(sorted([copy, *pending], key=lambda change: change.sequence))


def _rows(table: pa.Table) -> Iterator[Any]:
    for batch in table.to_batches(max_chunksize=_ROWS_AT_ONCE):
        columns = [_values(column) for column in batch.columns]
        yield from map(Change._make, zip(*columns, strict=True))


def _values(column: pa.Array) -> list[Any]:
    if column.type != TIMESTAMP:
        return column.to_pylist()
    # Arrow looks the time zone up for each value, which takes most of the time here.
    microseconds: list[int | None] = column.cast(pa.int64()).to_pylist()
    return [None if value is None else _EPOCH + timedelta(0, 0, value) for value in microseconds]


def _checked(row: Any) -> Change:
    if row.kind == _OT and row.path is not None and row.packet is not None:
        return row
    operation = row.operation if row.kind == EventKind.FILE else None
    needed = _NEEDED.get((row.kind, operation))
    if needed is None:
        raise EventError(f"event {row.sequence} at {row.timestamp}: {shown(operation)} is no file operation")
    missing = [name for name in needed if getattr(row, name) is None]
    if missing:
        raise EventError(
            f"event {row.sequence} at {row.timestamp}: {row.kind} without {' and '.join(missing)}"
        )
    return row
