"""Totals of a day's events: every published diagnostic and shown fix by code, every session once."""

import json

import pyarrow as pa
import pytest

from repair.recording.event_totals import EventTotals
from repair.schema.events import EVENTS, EventKind

ROWS = [
    ("a", EventKind.DIAGNOSTICS, ["ruff[F821]", "ruff[F821]", "pyright"]),
    ("a", EventKind.DIAGNOSTICS, []),
    (None, EventKind.SNAPSHOT, None),
    ("b", EventKind.OT, None),
    ("b", EventKind.DIAGNOSTICS, ["pyright"]),
    ("b", EventKind.FIX_SHOWN, None),
    ("b", EventKind.FIX_SHOWN, None),
]
SHOWN = {"fix_id": "1", "model": "m", "code": "pyright", "message": "", "start_line": 0, "line_diff": "-1 x"}


def events() -> pa.Table:
    rows = [
        {
            "session_id": session,
            "kind": kind,
            "payload": json.dumps(SHOWN) if kind == EventKind.FIX_SHOWN else None,
            "diagnostics": None if codes is None else [{"code": code} for code in codes],
        }
        for session, kind, codes in ROWS
    ]
    return pa.Table.from_pylist(rows, schema=EVENTS)


@pytest.mark.parametrize("cut", range(len(ROWS) + 1))
def test_totals_do_not_depend_on_how_the_events_are_cut(cut: int):
    totals = EventTotals()
    for part in (events().slice(0, cut), events().slice(cut)):
        for batch in part.to_batches():
            totals.add(batch)
    assert totals.figures() == {
        "codes": {"ruff[F821]": 2, "pyright": 2},
        "sessions": 2,
        "fixes_shown": {"pyright": 2},
    }


def test_without_events_all_is_zero():
    assert EventTotals().figures() == {"codes": {}, "sessions": 0, "fixes_shown": {}}
