"""Parser of JSON Lines rows into events and projects, with an error message for each bad value.

Tested by `tests/repair/sources/test_events.py` and `test_ot.py`.
"""

import base64
import binascii
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, cast

from repair.errors import InputError
from repair.ot.packets import Packet, encode_packet
from repair.recording.event import Event, Project
from repair.recording.validation import EARLIEST, Problem
from repair.schema.events import EVENTS, PROJECTS, PUBLISHED_DIAGNOSTIC

INVALID_TAG = b"\x07"
"""Prefix of a packet that was recorded as broken JSON: no protobuf message begins with this byte."""

LONGEST_LINE = 64 << 20
"""Bytes of a line of JSON: more than the largest content of an event in base64."""

Row = Mapping[str, Any]
TEXTS = ("project_id", "kind", "session_id", "path", "operation", "destination")
NOT_NULL = ("code", "message", "start_line", "start_character", "end_line", "end_character")


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
        for number, line in enumerate(_lines(lines), start=1):
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


def event_of(row: Row) -> Event:
    """A row of `EVENTS` in JSON.

    `timestamp` is ISO 8601 with a zone, `content` base64, `packet` base64 or the JSON form of a packet,
    `payload` a JSON object or one as a string. Raises RowError.
    """
    unknown = sorted(set(row) - set(EVENTS.names))
    if unknown:
        raise malformed(
            f"columns of {', '.join(EVENTS.names)}; not {', '.join(unknown)}", "rename or drop them"
        )
    texts = {name: text(row, name) for name in TEXTS}
    for name in ("project_id", "kind"):
        if texts[name] is None:
            raise malformed(f"an event with {name}", f"record {name} with the event")
    return Event(
        project_id=cast("str", texts["project_id"]),
        timestamp=moment(row.get("timestamp")),
        kind=cast("str", texts["kind"]),
        session_id=texts["session_id"],
        sequence=whole(row, "sequence", 63),
        path=texts["path"],
        packet=packet_bytes(row.get("packet")),
        operation=texts["operation"],
        destination=texts["destination"],
        content=from_base64(row, "content"),
        version=whole(row, "version", 32),
        diagnostics=diagnostics(row.get("diagnostics")),
        payload=payload(row.get("payload")),
    )


def project_of(row: Row) -> Project:
    """A row of `PROJECTS` in JSON. Raises RowError."""
    unknown = sorted(set(row) - set(PROJECTS.names))
    if unknown:
        raise malformed(
            f"columns of {', '.join(PROJECTS.names)}; not {', '.join(unknown)}", "rename or drop them"
        )
    name = text(row, "project_id")
    if not name:
        raise malformed("a project with project_id", "name the project")
    consent = row.get("consent")
    if consent is not None and not isinstance(consent, bool):
        raise malformed(f"consent true, false or null, not {consent!r}", "write null if it is not known")
    return Project(name, text(row, "visibility"), text(row, "language"), text(row, "licence"), consent)


def text(row: Row, name: str) -> str | None:
    value = row.get(name)
    if value is None or isinstance(value, str):
        return value
    raise malformed(f"{name} as a string, not {value!r}", f"quote {name}")


def whole(row: Row, name: str, bits: int) -> int | None:
    value = row.get(name)
    if value is None or (type(value) is int and 0 <= value < 1 << bits):
        return value
    raise malformed(f"{name} as a whole number below 2**{bits}, not {value!r}", f"number it in {bits} bits")


def moment(value: object) -> datetime:
    try:
        parsed = datetime.fromisoformat(value) if isinstance(value, str) else None
        parsed = parsed.astimezone(UTC) if parsed is not None and parsed.tzinfo is not None else None
    except (ValueError, OverflowError):
        parsed = None
    if parsed is None or parsed < EARLIEST:
        raise malformed(
            f"a timestamp in ISO 8601 with a zone, from 1970 on, not {value!r}",
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
    if value is None:
        return None
    try:
        return base64.b64decode(cast("str", value), validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise malformed(
            "a packet as base64 or as an object", "encode its bytes in base64", "malformed_packet"
        ) from None


def from_base64(row: Row, name: str) -> bytes | None:
    value = row.get(name)
    if value is None:
        return None
    try:
        return base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise malformed(f"{name} as base64", "encode the file's bytes in base64") from None


def payload(value: object) -> str | None:
    if isinstance(value, Mapping):
        return json.dumps(value, ensure_ascii=False)
    if value is None or isinstance(value, str):
        return value
    raise malformed("a payload that is a JSON object", "write it as {...}")


def diagnostics(value: object) -> list[Row] | None:
    """Rows of `PUBLISHED_DIAGNOSTIC`."""
    if value is None:
        return None
    if not isinstance(value, list):
        raise malformed("diagnostics as a list", "write [] for a clean file")
    return [diagnostic(row) for row in cast("list[object]", value)]


def diagnostic(value: object) -> Row:
    if not isinstance(value, Mapping):
        raise malformed("a diagnostic as an object", "write its columns as {...}")
    row = cast("Row", value)
    names = {field.name for field in PUBLISHED_DIAGNOSTIC}
    missing = [name for name in NOT_NULL if row.get(name) is None]
    if missing or set(row) - names:
        raise malformed(
            f"a diagnostic with {', '.join(NOT_NULL)}; it lacks {missing} and has {sorted(set(row) - names)}",
            "name the columns as listed",
        )
    for name in ("code", "message", "severity"):
        text(row, name)
    for name in NOT_NULL[2:]:
        whole(row, name, 31)
    if not isinstance(row.get("code_action"), bool | None):
        raise malformed("code_action true, false or null", "write null if it is not known")
    return {name: row.get(name) for name in names}
