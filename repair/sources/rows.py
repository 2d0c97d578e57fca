"""Parser of JSON Lines rows into events and projects: declared types, an error message for each bad value.

Tested by `tests/repair/sources/test_events.py` and `test_ot.py`.
"""

import base64
import binascii
import json
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Annotated, Any, TypeVar, cast

from msgspec import Meta, Struct
from msgspec.structs import asdict

from repair.declared_types import UnexpectedValueError, converted
from repair.errors import InputError
from repair.messages import shown
from repair.ot.packets import INVALID_TAG, Packet, encode_packet
from repair.recording.event import LARGEST_SEQUENCE, Event, Project
from repair.recording.validation import EARLIEST, LONGEST_NAME, Problem
from repair.schema.events import EventKind, Purpose

LONGEST_LINE = 64 << 20
"""Bytes of a line of JSON: more than the largest content of an event in base64."""

Row = Mapping[str, Any]
T = TypeVar("T")


class RowError(InputError):
    """A row of JSON is not an event; `problem` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem


def malformed(expected: str, hint: str, reason: str = "malformed_event") -> RowError:
    return RowError(Problem(reason, expected, hint))


def json_rows(path: Path, name: str, problem: Callable[[Problem], None]) -> Iterator[tuple[str, Row]]:
    """The objects of the JSON Lines file `name` with their locations (`line 7`); other lines are problems."""
    with path.open("rb") as lines:
        for number, whole_line in enumerate(_lines(lines), start=1):
            line = whole_line.removeprefix(BOM_UTF8) if number == 1 else whole_line
            location = f"line {number}"
            if len(line) > LONGEST_LINE:
                expected, hint = f"a line of at most {LONGEST_LINE >> 20} MiB", "leave such files out"
                problem(Problem("too_large", expected, hint, name, location))
                continue
            if not line.strip():
                continue
            try:
                row = json.loads(line.decode())
                if b"\\u" in line:  # an escape can name half a character
                    json.dumps(row, ensure_ascii=False).encode()
            except UnicodeError:
                problem(Problem("bad_utf8", "a line in UTF-8", "convert the file to UTF-8", name, location))
                continue
            except (ValueError, RecursionError) as error:
                problem(
                    Problem(
                        "malformed_event",
                        f"a line of JSON ({error})",
                        "write one object a line",
                        name,
                        location,
                    )
                )
                continue
            if isinstance(row, dict):
                yield location, cast("Row", row)
            else:
                problem(
                    Problem(
                        "malformed_event", "a JSON object a line", "write columns as {...}", name, location
                    )
                )


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """Lines; a longer one than `LONGEST_LINE` is cut to one byte more than that."""
    while line := file.readline(LONGEST_LINE + 1):
        yield line
        while len(line) > LONGEST_LINE and not line.endswith(b"\n"):
            line = file.readline(LONGEST_LINE + 1)


_Line = Annotated[int, Meta(ge=0, lt=2**31)]


class _PublishedDiagnostic(Struct, forbid_unknown_fields=True):
    """A row of `PUBLISHED_DIAGNOSTIC` in JSON."""

    code: str
    message: str
    start_line: _Line
    start_character: _Line
    end_line: _Line
    end_character: _Line
    severity: str | None = None
    code_action: bool | None = None


class _EventFields(Struct, forbid_unknown_fields=True):
    """A row of `EVENTS` in JSON. What is `Any` has a reject reason of its own."""

    project_id: str
    kind: str
    timestamp: Any = None
    session_id: str | None = None
    sequence: Annotated[int, Meta(ge=0, le=LARGEST_SEQUENCE)] | None = None
    path: str | None = None
    packet: Any = None
    operation: str | None = None
    destination: str | None = None
    content: str | None = None
    version: Annotated[int, Meta(ge=0, lt=2**32)] | None = None
    diagnostics: list[_PublishedDiagnostic] | None = None
    payload: str | dict[str, Any] | None = None


class _Consent(Struct, forbid_unknown_fields=True):
    """A row of `CONSENT` in JSON; a time is ISO 8601 with a zone."""

    purpose: Purpose
    given: Any = None
    by: str | None = None
    until: Any = None
    revoked: Any = None


class _ProjectFields(Struct, forbid_unknown_fields=True):
    """A row of `PROJECTS` in JSON."""

    project_id: Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME)]
    visibility: str | None = None
    language: str | None = None
    licence: str | None = None
    consent: bool | None = None
    consents: list[_Consent] | None = None


class _Position(Struct):
    line: _Line
    character: _Line


class _Range(Struct):
    start: _Position
    end: _Position


class _DiagnosticFields(Struct, forbid_unknown_fields=True):
    """A row of an OT folder's diagnostics.jsonl; a null code: the file is clean."""

    path: str
    timestamp: Any = None
    project_id: str | None = None
    session_id: str | None = None
    code: str | None = None
    message: str | None = None
    range: _Range | None = None
    severity: str | None = None
    code_action: bool | None = None


_EXPECTED = {
    "sequence": "a whole number from 0 to 2**62 - 1",
    "version": "a whole number from 0 to 2**32 - 1",
    "project_id": f"a name of 1 to {LONGEST_NAME} characters",
    "payload": "an object, or one as a string",
    "consents[].purpose": f"one of {', '.join(Purpose)}",
}


def event_of(row: Row) -> Event:
    """A row of `EVENTS` in JSON.

    `timestamp` is ISO 8601 with a zone, `content` base64, `packet` base64 or the JSON form of a packet,
    `payload` a JSON object or one as a string. Raises RowError.
    """
    fields = _fields(row, _EventFields, "event")
    found = fields.diagnostics
    return Event(
        project_id=fields.project_id,
        timestamp=moment(fields.timestamp),
        kind=fields.kind,
        session_id=fields.session_id,
        sequence=fields.sequence,
        path=fields.path,
        packet=packet_bytes(fields.packet),
        operation=fields.operation,
        destination=fields.destination,
        content=_from_base64(fields.content, "event.content"),
        version=fields.version,
        diagnostics=None if found is None else [asdict(diagnostic) for diagnostic in found],
        payload=json.dumps(fields.payload, ensure_ascii=False)
        if isinstance(fields.payload, dict)
        else fields.payload,
    )


def project_of(row: Row) -> Project:
    """A row of `PROJECTS` in JSON. Raises RowError."""
    fields = _fields(row, _ProjectFields, "project")
    consents = None if fields.consents is None else [_consent_of(record) for record in fields.consents]
    known = (fields.visibility, fields.language, fields.licence, fields.consent)
    return Project(fields.project_id, *known, consents)


def _consent_of(record: _Consent) -> dict[str, Any]:
    def at(value: object) -> datetime | None:
        return None if value is None else moment(value)

    return {
        "purpose": record.purpose.value,
        "given": at(record.given),
        "by": record.by,
        "until": at(record.until),
        "revoked": at(record.revoked),
    }


def publication_of(row: Row, project_id: str) -> Event:
    """A row of an OT folder's diagnostics.jsonl, as an event with one diagnostic or none. Raises RowError."""
    fields = _fields(row, _DiagnosticFields, "diagnostic")
    shown_there: list[Row] = []
    if fields.code is not None:
        if fields.message is None or fields.range is None:
            raise malformed("a diagnostic with a code lacks message or range", "write both, or a null code")
        start, end = fields.range.start, fields.range.end
        places = (start.line, start.character, end.line, end.character)
        shown_there = [
            asdict(
                _PublishedDiagnostic(
                    fields.code, fields.message, *places, fields.severity, fields.code_action
                )
            )
        ]
    return Event(
        project_id,
        moment(fields.timestamp),
        EventKind.DIAGNOSTICS.value,
        session_id=fields.session_id,
        path=fields.path,
        diagnostics=shown_there,
    )


def moment(value: object) -> datetime:
    """A time in ISO 8601, in UTC. Raises RowError."""
    try:
        parsed = datetime.fromisoformat(value) if isinstance(value, str) else None
        parsed = parsed.astimezone(UTC) if parsed is not None and parsed.tzinfo is not None else None
    except (ValueError, OverflowError):
        parsed = None
    if parsed is None or parsed < EARLIEST:
        raise malformed(
            f"timestamp is {shown(value)}, expected ISO 8601 with a zone, from 1970 on",
            "write it like 2024-05-01T12:00:00.000001Z",
            "bad_timestamp",
        )
    return parsed


def packet_bytes(value: object) -> bytes | None:
    """A packet's protobuf. JSON that is no packet becomes bytes that no decoder accepts."""
    if isinstance(value, Mapping):
        try:
            return encode_packet(Packet.from_json(cast("Row", value)))
        except InputError:
            return INVALID_TAG + json.dumps(value).encode()
    if value is None or isinstance(value, str):
        return _from_base64(value, "event.packet", "malformed_packet")
    raise malformed(
        f"event.packet is {shown(value)}, expected base64 or an object",
        "encode its bytes in base64",
        "malformed_packet",
    )


def _from_base64(value: str | None, name: str, reason: str = "malformed_event") -> bytes | None:
    """The bytes of `value`. Not `bytes` of a declared type: msgspec would take base64 of other forms too."""
    if value is None:
        return None
    try:
        return base64.b64decode(value, validate=True)
    except (ValueError, binascii.Error):
        raise malformed(
            f"{name} is {shown(value)}, expected base64", "encode its bytes in base64", reason
        ) from None


def _fields(row: Row, declared: type[T], name: str) -> T:
    try:
        return converted(row, declared, name, _EXPECTED)
    except UnexpectedValueError as error:
        raise malformed(str(error), "correct the row: docs/recordings.md shows each") from None
