"""Session event and project record of a recording, and their Arrow batches.

Tested by `tests/repair/recording/test_reader.py`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from repair.curation.consent import PURPOSES, Revocation
from repair.schema.events import EVENTS


@dataclass(frozen=True, slots=True)
class Event:
    """One row of `repair.schema.events.EVENTS`; the kind says which of the later columns are filled."""

    project_id: str
    timestamp: datetime
    """With a time zone; stored in UTC to the microsecond."""
    kind: str
    session_id: str | None = None
    sequence: int | None = None
    """Null: the source recorded none, and the writer gives the next one."""
    path: str | None = None
    packet: bytes | None = None
    operation: str | None = None
    destination: str | None = None
    content: bytes | None = None
    version: int | None = None
    diagnostics: Sequence[Mapping[str, Any]] | None = None
    """Rows of `repair.schema.events.PUBLISHED_DIAGNOSTIC`."""
    payload: str | None = None


@dataclass(frozen=True, slots=True)
class Project:
    """One row of `repair.schema.events.PROJECTS`; null: not known."""

    project_id: str
    visibility: str | None = None
    language: str | None = None
    licence: str | None = None
    consent: bool | None = None
    consents: Sequence[Mapping[str, Any]] | None = None
    """Rows of `repair.schema.events.CONSENT`; null: the plain answer counts."""


LARGEST_SEQUENCE = 2**62 - 1
"""Of a sequence that a source gives: the numbers of events that are put in between still fit 63 bits."""


def numbered(events: Iterable[Event]) -> Iterator[Event]:
    """One project's events with a `sequence` each.

    An event without one gets its predecessor's plus 1, and all later recorded numbers shift by as
    many as were put in before them. So recorded numbers keep their order, and a number that was
    recorded twice in a row still appears twice.
    """
    last, added = -1, 0
    for event in events:
        if event.sequence is None:
            last += 1
            added += 1
        else:
            last = event.sequence + added
        yield event if event.sequence == last else replace(event, sequence=last)


def revocation_of(project_id: str, moment: datetime, payload: str | None) -> Revocation:
    """What an event `consent_revoked` says. One that can't be read is about every purpose."""
    try:
        named = json.loads(payload or "{}").get("purposes") or ()
        purposes = tuple(name for name in PURPOSES if name in named)
        return Revocation(project_id, moment, purposes if len(purposes) == len(named) else ())
    except (ValueError, TypeError, AttributeError, RecursionError):
        return Revocation(project_id, moment)


def midnight(moment: datetime) -> datetime:
    """The start of the UTC day that `moment` is in."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def event_batch(events: Sequence[Event]) -> pa.RecordBatch:
    """`events` as one batch of `EVENTS`."""
    columns = [
        pa.array([getattr(event, field.name) for event in events], type=field.type) for field in EVENTS
    ]
    return pa.RecordBatch.from_arrays(columns, schema=EVENTS)


def events_of(batch: pa.RecordBatch) -> Iterator[Event]:
    """The inverse of `event_batch`."""
    columns = [batch.column(field.name).to_pylist() for field in fields(Event)]
    for values in zip(*columns, strict=True):
        yield Event(*values)


def estimated_bytes(event: Event) -> int:
    """Roughly the bytes that `event` takes in memory."""
    size = 400 + len(event.packet or b"") + len(event.content or b"") + len(event.payload or "")
    return size + sum(600 + 2 * len(diagnostic["message"]) for diagnostic in event.diagnostics or ())
