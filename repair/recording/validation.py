"""Validation of recorded rows: reject reasons of those that are no events.

`check_batch` judges the rows of a batch one by one; the stage is in `repair.recording.session_events`.
"""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

import pyarrow as pa
import pyarrow.compute

from repair import unexpected
from repair.curation.consent import WITHDRAWN
from repair.errors import InputError
from repair.messages import printable, shown
from repair.ot.packets import decode_packet
from repair.recording import fix_events
from repair.recording.fix_events import FIX_KINDS, MalformedFixError, check_fix
from repair.replay.engine import pays
from repair.replay.workspace_file import LARGEST_CONTENT
from repair.schema.events import EVENTS, EventKind, FileOperation
from repair.text.paths import is_python, safe_path

pc: Any = pyarrow.compute  # makes its functions at import, so no checker knows them

NEEDED: dict[str, tuple[str, ...]] = {
    EventKind.OT: ("path", "packet"),
    EventKind.FILE: ("path", "operation"),
    EventKind.SNAPSHOT: (),
    EventKind.DIAGNOSTICS: ("path", "diagnostics"),
    EventKind.CODE_ACTIONS: ("path", "payload"),
    EventKind.FIX_SHOWN: ("path", "payload"),
    EventKind.FIX_ACCEPTED: ("path", "payload"),
    EventKind.FIX_REJECTED: ("path", "payload"),
    EventKind.EDITOR_ACTION: ("payload",),
    EventKind.PACKAGE_INSTALL: ("payload",),
    EventKind.EXECUTION: ("payload",),
    EventKind.SHELL_COMMAND: ("payload",),
    EventKind.CONSENT_REVOKED: (),  # without a payload it is about every purpose
}
"""The columns without which a row of that kind says nothing."""

NEEDED_FOR_OPERATION: dict[str, tuple[str, ...]] = {
    FileOperation.CREATE: (),  # an empty file, or a folder
    FileOperation.MODIFY: (),  # a replay knows that the file changed, and not to what
    FileOperation.MOVE: ("destination",),
    FileOperation.REMOVE: (),
}

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
CLOCK_SKEW = timedelta(days=1)
NAMES = ("project_id", "session_id", "kind", "operation")
LONGEST_NAME = 1024
"""Bytes of a text that names something."""


def is_time(moment: datetime, now: datetime) -> bool:
    """Whether something that was recorded by `now` can have happened at `moment`."""
    return EARLIEST <= moment <= now + CLOCK_SKEW


REASONS = {
    "malformed_event": "the row lacks what its kind needs, or holds something else",
    "unknown_kind": "the kind of the event is none of those that are recorded",
    "unsafe_path": "the path could lead out of the project's folder",
    "malformed_packet": "the packet is no OTPacket in protobuf",
    "bad_utf8": "a text is not UTF-8",
    "bad_timestamp": "the event happened before 1970, or later than it was recorded",
    "too_large": "a content, packet, payload or other text has more bytes than it may have",
    "duplicate_event": "an earlier row of the project has its sequence, or is of the same snapshot and path",
    "unknown_project": "the table of projects does not have the event's project",
    **fix_events.REASONS,
    **WITHDRAWN,
    **unexpected.REASONS,
}
"""Why a recorded row is no event: reject reason -> meaning."""

_FIX_KINDS = pa.array(FIX_KINDS, pa.string())
PLACES = ("start_line", "start_character", "end_line", "end_character")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one recorded row."""

    reason: str
    expected: str
    hint: str
    source: str = ""
    """The file that the row is in."""
    row: str = ""
    """Its position there: a line, a row or a byte offset, named."""

    def at(self, source: str, row: str) -> "Problem":
        """The same problem with its position."""
        return replace(self, source=source, row=row)

    def __str__(self) -> str:
        where = ", ".join(part for part in (self.source, self.row) if part)
        return printable(f"{where + ': ' if where else ''}{self.reason}: {self.expected}; {self.hint}")


def check_batch(batch: pa.RecordBatch, *, now: datetime) -> dict[int, Problem]:
    """The first problem of each bad row of a batch of `EVENTS`, by the row's index.

    `now`: no event can have happened later than a day after it. `sequence` is not looked at: a source may
    not have given one yet. A packet that decodes may still not fit its file: only a replay shows a wrong
    CRC-32 or a missing version.
    """
    batch, problems = readable(batch)
    kinds = batch.column("kind").to_pylist()
    _check_kinds(batch, kinds, problems)
    _check_times(batch, now, problems)
    _check_paths(batch, problems)
    _check_sizes(batch, problems)
    _check_diagnostics(batch, problems)
    _check_payloads(batch, problems)
    _check_fixes(batch, problems)
    _check_contents(batch, problems)
    _check_packets(batch, [row for row in _edits(batch) if row not in problems], problems)
    return problems


def readable(batch: pa.RecordBatch) -> tuple[pa.RecordBatch, dict[int, Problem]]:
    """`batch` with text that is UTF-8, and the rows where it was not: they hold replacement characters now.

    Arrow takes the text of a Parquet file as it is; Python can't.
    """
    problems: dict[int, Problem] = {}
    columns = list(batch.columns)
    for position, field in enumerate(batch.schema):
        if pa.types.is_string(field.type):
            columns[position], bad = _decodable(columns[position])
            for row in bad:
                problems.setdefault(row, _not_utf8(field.name))
        elif pa.types.is_list(field.type):
            columns[position], bad = _decodable_structs(columns[position])
            for row in bad:
                problems.setdefault(row, _not_utf8(field.name))
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema), problems


def _decodable(texts: pa.Array) -> tuple[pa.Array, list[int]]:
    """`texts` with replacement characters where they are no UTF-8, and the elements that were not."""
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid:
        values = texts.cast(pa.binary()).to_pylist()
        bad = [index for index, value in enumerate(values) if value is not None and not _is_utf8(value)]
        decoded = [None if value is None else value.decode(errors="replace") for value in values]
        return pa.array(decoded, texts.type), bad
    return texts, []


def _decodable_structs(lists: Any) -> tuple[pa.Array, list[int]]:
    """The same for lists of structs with texts in them."""
    parents, values = pc.list_parent_indices(lists).to_pylist(), lists.flatten()
    columns: list[pa.Array] = []
    found: set[int] = set()
    for field in values.type:
        column = pc.struct_field(values, field.name)
        if pa.types.is_string(field.type):
            column, bad = _decodable(column)
            found.update(parents[index] for index in bad)
        columns.append(column)
    if not found:
        return lists, []
    structs = pa.StructArray.from_arrays(columns, fields=list(values.type), mask=pc.is_null(values))
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_pylist()
    offsets = pa.array(list(accumulate(lengths, initial=0)), pa.int32())
    return pa.ListArray.from_arrays(offsets, structs, type=lists.type, mask=pc.is_null(lists)), sorted(found)


def _check_kinds(batch: pa.RecordBatch, kinds: list[str | None], problems: dict[int, Problem]) -> None:
    present = {name: pc.is_valid(batch.column(name)).to_pylist() for name in EVENTS.names}
    operations = batch.column("operation").to_pylist()
    for row, kind in enumerate(kinds):
        needed = NEEDED.get(kind or "")
        missing = [name for name in ("project_id", "kind") if not present[name][row]]
        if missing or needed is None:
            if missing:
                problems.setdefault(row, lacks(row_kind=kind or "a row", columns=missing))
            else:
                known = ", ".join(EventKind)
                problems.setdefault(
                    row,
                    Problem("unknown_kind", f"one of {known}, not {shown(kind)}", "name the kind as listed"),
                )
            continue
        if kind == EventKind.FILE and operations[row] is not None:
            more = NEEDED_FOR_OPERATION.get(operations[row])
            if more is None:
                known = ", ".join(FileOperation)
                problems.setdefault(
                    row,
                    Problem(
                        "malformed_event",
                        f"an operation of {known}, not {shown(operations[row])}",
                        "name the operation as listed",
                    ),
                )
                continue
            needed = (*needed, *more)
        if kind == EventKind.SNAPSHOT and present["path"][row] != present["content"][row]:
            needed = ("path", "content")
        missing = [name for name in needed if not present[name][row]]
        if missing:
            problems.setdefault(row, lacks(row_kind=str(kind), columns=missing))


def _check_times(batch: pa.RecordBatch, now: datetime, problems: dict[int, Problem]) -> None:
    times = batch.column("timestamp")
    latest = now + CLOCK_SKEW
    first, last = (pa.scalar(moment, times.type) for moment in (EARLIEST, latest))
    sound = pc.and_(pc.greater_equal(times, first), pc.less_equal(times, last))
    for row in rows_where(pc.invert(pc.fill_null(sound, False))):
        problems.setdefault(
            row,
            Problem(
                "bad_timestamp",
                f"a timestamp from 1970 to {latest:%Y-%m-%d}",
                "check its unit and the recorder's clock",
            ),
        )


def _check_paths(batch: pa.RecordBatch, problems: dict[int, Problem]) -> None:
    for name in ("path", "destination"):
        encoded = batch.column(name).dictionary_encode()
        unsafe = [not safe_path(path) for path in encoded.dictionary.to_pylist()]
        if any(unsafe):
            for row, index in enumerate(encoded.indices.to_pylist()):
                if index is not None and unsafe[index]:
                    problems.setdefault(
                        row,
                        Problem(
                            "unsafe_path",
                            f"a {name} inside the project, not {shown(encoded.dictionary[index].as_py())}",
                            "write it from the project's root, with / and without ..",
                        ),
                    )


def _check_sizes(batch: pa.RecordBatch, problems: dict[int, Problem]) -> None:
    contents = dict.fromkeys(("content", "packet", "payload"), LARGEST_CONTENT)
    for name, most in {**contents, **dict.fromkeys(NAMES, LONGEST_NAME)}.items():
        large = pc.greater(pc.binary_length(batch.column(name)), most)
        for row in rows_where(pc.fill_null(large, False)):
            problems[row] = _too_large(name, most)
    published = batch.column("diagnostics")
    parents, sizes = (
        pc.list_parent_indices(published),
        pc.binary_length(pc.struct_field(published.flatten(), "message")),
    )
    if len(sizes) and pc.sum(sizes).as_py() is not None and pc.sum(sizes).as_py() > LARGEST_CONTENT:
        of_rows = pa.table({"row": parents, "size": sizes}).group_by("row").aggregate([("size", "sum")])
        for row, size in zip(of_rows["row"].to_pylist(), of_rows["size_sum"].to_pylist(), strict=True):
            if (size or 0) > LARGEST_CONTENT:
                problems[row] = _too_large("diagnostics", LARGEST_CONTENT)


def _too_large(name: str, most: int) -> Problem:
    shown_most = f"{most >> 20} MiB" if most >> 20 else f"{most} bytes"
    hint = "leave such files out: what rests on them is rejected"
    return Problem("too_large", f"a {name} of at most {shown_most}", hint)


def _check_diagnostics(batch: pa.RecordBatch, problems: dict[int, Problem]) -> None:
    column = batch.column("diagnostics")
    parents, values = pc.list_parent_indices(column), column.flatten()
    bad = pa.array([False] * len(values), pa.bool_())
    for name in PLACES:
        position = pc.struct_field(values, name)
        bad = pc.or_(bad, pc.fill_null(pc.less(position, 0), True))
    start, end = (
        pc.struct_field(values, "start_line"),
        pc.struct_field(values, "end_line"),
    )
    bad = pc.or_(bad, pc.fill_null(pc.less(end, start), True))
    same_line = pc.and_(
        pc.equal(start, end),
        pc.less(pc.struct_field(values, "end_character"), pc.struct_field(values, "start_character")),
    )
    bad = pc.or_(bad, pc.fill_null(same_line, True))
    for name in ("code", "message"):
        bad = pc.or_(bad, pc.is_null(pc.struct_field(values, name)))
    for row in pc.unique(pc.filter(parents, bad)).to_pylist():
        problems.setdefault(
            row,
            Problem(
                "malformed_event",
                "diagnostics with a code, a message and a range that is not negative",
                "lines and characters are 0-based, and the end is not before the start",
            ),
        )


def _check_payloads(batch: pa.RecordBatch, problems: dict[int, Problem]) -> None:
    for row, payload in enumerate(batch.column("payload").to_pylist()):
        if payload is not None and not _is_object(payload):
            problems.setdefault(
                row, Problem("malformed_event", "a payload that is a JSON object", "write it as {...}")
            )


def fix_rows(batch: pa.RecordBatch) -> list[int]:
    """The rows of fix events."""
    return rows_where(pc.fill_null(pc.is_in(batch.column("kind"), _FIX_KINDS), False))


def _check_fixes(batch: pa.RecordBatch, problems: dict[int, Problem]) -> None:
    kinds, payloads = batch.column("kind"), batch.column("payload")
    for row in fix_rows(batch):
        if row in problems:
            continue
        try:
            check_fix(kinds[row].as_py(), payloads[row].as_py())
        except MalformedFixError as error:
            hint = "record the payload as `repair serve` gives it, or as docs/recordings.md shows"
            problems[row] = Problem(error.reason, printable(str(error)), hint)


def _check_contents(batch: pa.RecordBatch, problems: dict[int, Problem]) -> None:
    contents, paths = batch.column("content"), batch.column("path")
    for row in rows_where(pc.is_valid(contents)):
        if row in problems:
            continue
        path = paths[row].as_py() or ""
        if is_python(path) and not _is_utf8(contents[row].as_py()):
            problems.setdefault(row, _not_utf8("content"))


def _edits(batch: pa.RecordBatch) -> list[int]:
    return rows_where(pc.fill_null(pc.equal(batch.column("kind"), EventKind.OT.value), False))


def _check_packets(batch: pa.RecordBatch, rows: list[int], problems: dict[int, Problem]) -> None:
    packets = batch.column("packet").take(pa.array(rows, pa.int64()))
    if pays(len(rows)):
        from repair.replay.packet_columns import ops_of_packets  # imports numpy

        undecoded = rows_where(pc.invert(ops_of_packets(packets).column("decoded")))
        rows, packets = [rows[index] for index in undecoded], packets.take(pa.array(undecoded, pa.int64()))
    for row, packet in zip(rows, packets.to_pylist(), strict=True):
        try:
            decode_packet(packet)
        except InputError as error:
            problems[row] = Problem(error.reason, f"an OT packet ({error})", "export the packet again")


def rows_where(mask: pa.Array) -> list[int]:
    return pc.indices_nonzero(mask).to_pylist()


def lacks(*, row_kind: str, columns: list[str]) -> Problem:
    names = " and ".join(columns)
    return Problem("malformed_event", f"{row_kind} with {names}", f"record {names} with the event")


def _not_utf8(column: str) -> Problem:
    return Problem("bad_utf8", f"UTF-8 in {column}", "convert the text to UTF-8 before recording it")


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_object(payload: str) -> bool:
    try:
        return isinstance(json.loads(payload), dict)
    except (ValueError, RecursionError):
        return False
