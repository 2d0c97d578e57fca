"""Acceptance of shown fixes: what the user decided, and whether an accepted fix was there after an hour.

One row for each fix that was shown. Its file is replayed to the moment of the showing, where its diff has to
apply, and to an hour after the decision. An accepted fix has to be in the file within a minute: the editor's
packets are the proof that it was applied.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute

from repair import unexpected
from repair.diagnostics.types import OTHER, known_types, partition_of
from repair.error_states.batches import by_project
from repair.error_states.project import fault_at
from repair.error_states.reasons import NO_WORKSPACE
from repair.feedback.fate import Fate, contains_fix, fate_of
from repair.line_diff import workspace as workspace_diff
from repair.line_diff.numbered import LineDiffError
from repair.recording.fix_events import FIX_KINDS, fix_decision, fix_shown
from repair.replay.workspace import State, workspaces_at
from repair.schema.events import EventError, EventKind
from repair.schema.guards import rejecting
from repair.schema.outcomes import Reject, outcome_batch
from repair.schema.stages import FIX_ACCEPTANCE
from repair.text.paths import is_readable

pc: Any = pyarrow.compute  # its functions are made at import, so that type checkers do not see them

ACCEPTED, REJECTED, IGNORED = "accepted", "rejected", "ignored"
OUTCOMES = {EventKind.FIX_ACCEPTED: ACCEPTED, EventKind.FIX_REJECTED: REJECTED}

APPLIED_WITHIN = timedelta(minutes=1)
OBSERVED_AFTER = timedelta(hours=1)
_SKEW = timedelta(seconds=2)
"""An editor may send the edit just before the event that says why."""
_MOST_PACKETS = 50
"""Edits after an acceptance that are looked at for the fix."""
_LAST = 2**63 - 1
"""After every sequence of an instant."""

REASONS = {
    "not_applicable": "the diff does not apply to the file as it was when the fix was shown",
    "not_applied": "the fix was accepted, and its lines were in the file at no time within a minute",
    "unknown_later": "the file can't be replayed to an hour after the decision",
    **NO_WORKSPACE,
    **unexpected.REASONS,
}

Position = tuple[datetime, int]
"""(timestamp, sequence) of an event."""


def fix_acceptance(
    batches: Iterable[pa.RecordBatch], *, diagnostic_type: str = OTHER
) -> Iterator[pa.RecordBatch]:
    """Outcomes of `FIX_ACCEPTANCE` for the events of one day, a project's rows together.

    A file of events holds no record of its projects: each counts as public, with its owner's consent.
    """
    for project_id, events in by_project(batches):
        known = known_types(events["timestamp"][0].as_py().date())
        yield from shown_fixes(
            events.to_batches(),
            diagnostic_type=diagnostic_type,
            known_types=known,
            projects={project_id: {}},
        )


def shown_fixes(
    batches: Iterable[pa.RecordBatch],
    *,
    diagnostic_type: str,
    known_types: Iterable[str],
    projects: Mapping[str, Mapping[str, Any]],
) -> Iterator[pa.RecordBatch]:
    """Outcomes of `FIX_ACCEPTANCE` for the fixes of one diagnostic type, project by project.

    `projects`: rows of `DECIDED_PROJECTS` by their id. Of one that may not be used only counts are kept: no
    text, message or diff. A project that is not among them is passed over: its rows lie between the others'.
    """
    known = frozenset(known_types)
    for project_id, events in by_project(batches):
        if project_id not in projects:
            continue
        outcomes = of_project(
            events, projects[project_id], lambda code: partition_of(code, known) == diagnostic_type
        )
        if outcomes:
            yield outcome_batch(outcomes, FIX_ACCEPTANCE)


def of_project(
    events: pa.Table, project: Mapping[str, Any], wanted: Callable[[str], bool]
) -> list[dict[str, Any] | Reject]:
    """One outcome for each shown fix with a code that is wanted, in the order of the showings."""
    fixes = _fixes(events, wanted)
    if not fixes:
        return []
    known = {name: project.get(name) for name in ("licence", "purposes")}
    edits = _edits(events)
    for fix in fixes:
        fix.row |= {"policy": project.get("refused"), **known}
        fix.learned = project.get("refused") is None
        fix.look_at(edits)
    try:
        moments = sorted({moment for fix in fixes for moment in fix.moments})
        states = dict(zip(moments, workspaces_at(events, moments), strict=True))
    except EventError as error:
        return [fix.reject(error.reason, str(error)) for fix in fixes]
    end = _closing(events)
    return [rejecting(lambda _, fix=fix: fix.outcome(states, end), fix.row) for fix in fixes]


def _fixes(events: pa.Table, wanted: Callable[[str], bool]) -> "list[_Fix]":
    told = events.filter(pc.is_in(events["kind"], pa.array(FIX_KINDS, pa.string())))
    found: dict[str, _Fix] = {}
    for row in sorted(told.to_pylist(), key=lambda row: (row["timestamp"], row["sequence"])):
        fix_id = fix_decision(row["payload"]).fix_id
        if row["kind"] == EventKind.FIX_SHOWN:
            shown = fix_shown(row["payload"])
            if wanted(shown.code):
                about = {name: row[name] for name in ("project_id", "session_id", "path", "sequence")}
                fields = ("fix_id", "model", "code", "message", "start_line", "line_diff")
                about |= {name: getattr(shown, name) for name in fields}
                undecided = {
                    "outcome": IGNORED,
                    "decided": None,
                    "fate": None,
                    "later_files": [],
                    "ghostwriter": False,
                }
                found[fix_id] = _Fix({**about, "moment": row["timestamp"], **undecided})
        elif fix_id in found:
            found[fix_id].row |= {"outcome": OUTCOMES[row["kind"]], "decided": row["timestamp"]}
    return list(found.values())


def _edits(events: pa.Table) -> dict[str, list[Position]]:
    """The packets of each file, in order."""
    packets = events.filter(pc.equal(events["kind"], EventKind.OT.value))
    found: dict[str, list[Position]] = {}
    columns = (packets[name].to_pylist() for name in ("timestamp", "sequence", "path"))
    for timestamp, sequence, path in sorted(zip(*columns, strict=True)):
        found.setdefault(path, []).append((timestamp, sequence))
    return found


def _closing(events: pa.Table) -> datetime | None:
    """The time of the last stored copy: from there on nothing is known."""
    copies = events.filter(pc.equal(events["kind"], EventKind.SNAPSHOT.value))["timestamp"]
    return pc.max(copies).as_py()


@dataclass(slots=True)
class _Fix:
    """A shown fix on its way through the replay."""

    row: dict[str, Any]
    learned: bool = True
    """Whether the project may be used, so that its texts are kept."""
    _applied: tuple[Position, ...] = ()

    @property
    def shown(self) -> Position:
        return self.row["moment"], self.row["sequence"]

    @property
    def later(self) -> Position | None:
        decided = self.row["decided"]
        return None if decided is None else (decided + OBSERVED_AFTER, _LAST)

    @property
    def moments(self) -> list[Position]:
        """Those at which the workspace has to be known."""
        return [self.shown, *self._applied, *([self.later] if self.later else [])]

    def look_at(self, edits: Mapping[str, list[Position]]) -> None:
        """Of an accepted fix: the moments at which it may have been applied."""
        if self.row["outcome"] != ACCEPTED:
            return
        decided: datetime = self.row["decided"]
        first, last = decided - _SKEW, decided + APPLIED_WITHIN
        near = [at for at in edits.get(self.row["path"], ()) if first <= at[0] <= last]
        self._applied = ((decided, _LAST), *near[:_MOST_PACKETS])

    def outcome(self, states: Mapping[Position, State], end: datetime | None) -> dict[str, Any] | Reject:
        """The row of `FIX_ACCEPTANCE`, or its reject."""
        state, path = states[self.shown], self.row["path"]
        if not state.has_base:
            return self.reject("no_base", f"no snapshot of the project up to {self.row['moment']}")
        if fault := fault_at(path, self.row["start_line"], state):
            return self.reject(fault.reason, fault.detail)
        files = {name: text for name, text in state.files.items() if is_readable(name)}
        try:
            fixed = workspace_diff.apply(files, self.row["line_diff"], path)
        except LineDiffError as error:
            return self.reject("not_applicable", str(error))
        own = files[path], fixed[path]
        if self.row["outcome"] == ACCEPTED and not any(
            (text := _text(states[at], path)) is not None and contains_fix(*own, text) for at in self._applied
        ):
            return self.reject("not_applied", f"accepted at {self.row['decided']}")
        row = {**self._known(), "files": []}
        if self.learned:
            row["files"] = [{"path": name, "text": text} for name, text in sorted(files.items())]
        if self.later is None or end is None or self.later[0] > end:
            return row
        now = states[self.later]
        if path in now.broken:
            return self.reject("unknown_later", f"{now.broken[path].reason}: {now.broken[path].detail}")
        later = _text(now, path)
        if row["outcome"] == ACCEPTED:
            row["fate"] = str(Fate.FILE_GONE if later is None else fate_of(*own, later))
        if later is not None and self.learned:
            row["later_files"] = [{"path": path, "text": later}]
            packets = (known.file_states[path].ghostwriter_packets for known in (state, now))
            row["ghostwriter"] = next(packets) < next(packets)
        return row

    def reject(self, reason: str, detail: str) -> Reject:
        return Reject(self._known(), reason, f"fix {self.row['fix_id']}: {detail}")

    def _known(self) -> dict[str, Any]:
        """What may be stored of the row."""
        return self.row if self.learned else {**self.row, "message": None, "line_diff": None}


def _text(state: State, path: str) -> str | None:
    found = state.file_states.get(path)
    return None if found is None or path in state.broken else found.text
