"""Fixes that a simulated person was shown, completed with the diagnostic that each is about.

The typist knows the fix and not what the servers said; a fix at whose lines they said nothing is left out,
with the decision on it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from repair.line_diff.numbered import parse
from repair.recording.event import Event, Project
from repair.recording.fix_events import FIX_KINDS
from repair.schema.events import EventKind, FileOperation

MODEL = "simulated"


def with_diagnostics(
    source: Iterable[tuple[Project, Iterable[Event]]],
) -> Iterator[tuple[Project, Iterator[Event]]]:
    """Projects and their events, in time order and with publications, their fix events complete."""
    for project, events in source:
        yield project, completed(events)


def completed(events: Iterable[Event]) -> Iterator[Event]:
    """One project's events, its fix events complete."""
    published: dict[str | None, Sequence[Mapping[str, Any]]] = {}
    left_out: set[str] = set()
    for event in events:
        if event.kind == EventKind.DIAGNOSTICS:
            published[event.path] = event.diagnostics or ()
        elif event.operation == FileOperation.MOVE:
            published.pop(event.path, None)
        if event.kind not in FIX_KINDS:
            yield event
            continue
        payload = json.loads(event.payload or "{}")
        if event.kind == EventKind.FIX_SHOWN:
            diagnostic = _nearest(published.get(event.path, ()), payload["line_diff"])
            if diagnostic is None:
                left_out.add(payload["fix_id"])
            else:
                about = {name: diagnostic[name] for name in ("code", "message", "start_line")}
                payload = {**payload, "model": MODEL, **about}
        if payload["fix_id"] not in left_out:
            yield replace(event, payload=json.dumps(payload, ensure_ascii=False, sort_keys=True))


def _nearest(diagnostics: Sequence[Mapping[str, Any]], line_diff: str) -> Mapping[str, Any] | None:
    """The first diagnostic on a line that the diff changes, or beside one."""
    change = parse(line_diff)
    lines = {number - 1 for number, _ in (*change.removed, *change.added)}
    near = lines | {line + step for line in lines for step in (-1, 1)}
    for wanted in (lines, near):
        for diagnostic in diagnostics:
            if diagnostic["start_line"] in wanted and not diagnostic["code_action"]:
                return diagnostic
    return None
