"""Counters of a day's events as they pass: published diagnostics and shown fixes by code, and sessions."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute

from repair.recording.fix_events import fix_shown
from repair.schema.events import EventKind

pc: Any = pyarrow.compute  # its functions are made at import, so that type checkers do not see them

CODES, SESSIONS, FIXES = "codes", "sessions", "fixes_shown"


@dataclass(slots=True)
class EventTotals:
    """Counts over batches of `repair.schema.events.EVENTS`."""

    codes: Counter[str] = field(default_factory=Counter[str])
    """Diagnostics in publications, by code."""
    sessions: set[str] = field(default_factory=set[str])
    fixes: Counter[str] = field(default_factory=Counter[str])
    """Fixes that were shown, by the code of their diagnostic."""

    def add(self, events: pa.RecordBatch) -> None:
        """Counts further rows."""
        publications = events.filter(pc.equal(events["kind"], EventKind.DIAGNOSTICS.value))
        codes = publications["diagnostics"].flatten().field("code").value_counts()
        self.codes.update({row["values"]: row["counts"] for row in codes.to_pylist()})
        shown = events.filter(pc.equal(events["kind"], EventKind.FIX_SHOWN.value))["payload"].to_pylist()
        self.fixes.update(fix_shown(payload).code for payload in shown)
        self.sessions.update(pc.unique(events["session_id"]).drop_null().to_pylist())

    def figures(self) -> dict[str, Any]:
        """The counts, as JSON."""
        return {CODES: dict(self.codes), SESSIONS: len(self.sessions), FIXES: dict(self.fixes)}
