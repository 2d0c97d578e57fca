"""Simulated fix events: complete, about a published diagnostic, and their diffs apply."""

import json
from collections import Counter

from repair.line_diff import apply
from repair.ot import packets as ot
from repair.recording.event import Event
from repair.recording.fix_events import FIX_KINDS, ShownFixes, fix_shown
from repair.schema.events import EventKind, FileOperation
from repair.sources.simulated import projects_and_events
from repair.sources.simulated.shown_fixes import MODEL, completed
from tests.recorded import NOON, Typist, diagnostic

TYPIST = Typist()


def fix(kind: EventKind, fix_id: str, **payload: object) -> Event:
    return TYPIST.event(kind, NOON, path="a.py", payload=json.dumps({"fix_id": fix_id, **payload}))


def published(*lines: int, code_action: bool | None = None) -> Event:
    rows = [diagnostic() | {"start_line": line, "code_action": code_action} for line in lines]
    return TYPIST.event(EventKind.DIAGNOSTICS, NOON, path="a.py", diagnostics=rows)


def test_a_fix_is_about_the_diagnostic_at_its_lines() -> None:
    shown = fix(EventKind.FIX_SHOWN, "1", line_diff="-3 x\n+3 y")
    (_, found) = completed([published(0, 2), shown])
    told = fix_shown(found.payload or "")
    assert (told.model, told.code, told.start_line) == (MODEL, "ruff[F821]", 2)
    (_, found) = completed([published(0, 3), shown])  # the line after it: what is missing is told there
    assert fix_shown(found.payload or "").start_line == 3


def test_a_fix_at_whose_lines_nothing_was_said_is_left_out_with_its_decision() -> None:
    shown = fix(EventKind.FIX_SHOWN, "1", line_diff="-3 x\n+3 y")
    decided = fix(EventKind.FIX_ACCEPTED, "1")
    other = TYPIST.event(EventKind.FILE, NOON, path="a.py", operation=FileOperation.MOVE, destination="b.py")
    for before in ([], [published(7)], [published(2, code_action=True)], [published(2), other]):
        assert list(completed([*before, shown, decided])) == before


def test_every_simulated_fix_applies_and_half_of_the_kinds_of_decisions_are_there() -> None:
    """Where the typist shows a fix, its diff is one of the file as it is then."""
    counts: Counter[str] = Counter()
    for _, events in projects_and_events(seed=3, projects=4):
        files: dict[str, str] = {}
        fixes = ShownFixes()
        for event in events:
            path = event.path or ""
            if event.kind == EventKind.OT:
                files[path] = ot.apply(files[path], ot.decode_packet(event.packet or b"").ops)
            elif event.operation == FileOperation.MOVE:
                files[event.destination or ""] = files.pop(path)
            elif event.kind == EventKind.FILE:
                files[path] = (event.content or b"").decode()
            elif event.kind in FIX_KINDS:
                counts[event.kind] += 1
                assert fixes.add(event.kind, event.payload or "") is None
                if event.kind == EventKind.FIX_SHOWN:
                    assert apply(files[path], json.loads(event.payload or "")["line_diff"]) != files[path]
    assert counts[EventKind.FIX_SHOWN] == counts[EventKind.FIX_ACCEPTED] + counts[EventKind.FIX_REJECTED]
    assert min(counts[kind] for kind in FIX_KINDS) > 0
