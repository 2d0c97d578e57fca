"""The workspace at each sampled diagnostic of a project, replayed from its events.

A row that is rejected names the file and what was expected; the reasons are in `repair.error_states.reasons`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa

from repair.error_states.settled_texts import PathTimeline, Start
from repair.messages import shown
from repair.replay.timeline import Change, StoredCopy, changes
from repair.replay.workspace import Mismatch, State, Workspace
from repair.replay.workspace_file import Broken
from repair.schema.events import EventError, EventKind
from repair.schema.guards import rejecting
from repair.schema.outcomes import Reject, outcome_batch
from repair.schema.stages import ERROR_STATES
from repair.text.files import workspace_sha256
from repair.text.lines import lines_of
from repair.text.paths import PYTHON_SUFFIXES, is_python, is_readable, path_fault
from repair.unexpected import UNEXPECTED, detail_of, is_of_the_run

SETTLE_SECONDS = 3.0
LARGEST_WORKSPACE = 16 << 20


@dataclass(frozen=True, slots=True)
class SnapshotComparison:
    """How the replay of a project compares with its stored copies.

    A file that is broken at a snapshot is not compared: what rests on it was rejected already.
    """

    compared: int
    """Pairs of a file and a snapshot after the first."""
    equal: int
    mismatches: list[Mismatch]
    """(path, timestamp of the snapshot, how they differ)."""


def error_states(
    events: pa.Table,
    episodes: pa.Table,
    project: Mapping[str, Any],
    *,
    settle_seconds: float = SETTLE_SECONDS,
) -> pa.RecordBatch:
    """The workspace at each episode of one project, or why it is not known.

    `events` (`repair.schema.events.EVENTS`) are the project's, of the partition, in any order; `episodes` are
    rows of `repair.schema.stages.SAMPLED_EPISODES`, `project` one of `DECIDED_PROJECTS`. The
    result has one row per episode, in their order, in `outcome_schema(ERROR_STATES)`. `later_states` are the
    at most 5 distinct texts that the file settled on after the diagnostic was gone: no edit for
    `settle_seconds`, or none to the end of the partition. The last of them is null if the file was
    removed or moved away. They end where the file can't be replayed.
    """
    outcomes, _ = replay_project(events, episodes, project, settle_seconds=settle_seconds)
    return outcome_batch(outcomes, ERROR_STATES)


def compare_snapshots(events: pa.Table) -> SnapshotComparison:
    """Replays one project's events and compares it with each stored copy after the first."""
    workspace, mismatches = Workspace(), list[Mismatch]()
    for change in changes(events):
        if isinstance(change, StoredCopy):
            mismatches += workspace.restore(change)
        else:
            workspace.apply(change)
    return _comparison(workspace, mismatches)


def replay_project(
    events: pa.Table,
    episodes: pa.Table,
    project: Mapping[str, Any],
    *,
    settle_seconds: float = SETTLE_SECONDS,
) -> tuple[list[dict[str, Any] | Reject], SnapshotComparison]:
    """What `error_states` and `compare_snapshots` say, from one replay.

    The outcomes are rows for `outcome_batch`: those of a project share the texts of its files, of which
    a batch holds a copy for each row.
    """
    known = {name: project.get(name) for name in ("licence", "purposes")}
    rows = [_Episode({**row, **known}) for row in episodes.to_pylist()]
    workspace, mismatches = Workspace(), list[Mismatch]()
    try:
        _replay(changes(events), rows, workspace, mismatches, timedelta(seconds=settle_seconds))
        outcomes = [rejecting(lambda _, episode=episode: episode.outcome(), episode.row) for episode in rows]
    except EventError as error:
        outcomes: list[dict[str, Any] | Reject] = [
            Reject(episode.row, error.reason, str(error)) for episode in rows
        ]
    except Exception as error:
        if is_of_the_run(error):
            raise
        detail = detail_of(error)
        outcomes = [Reject(episode.row, UNEXPECTED, detail) for episode in rows]
    return outcomes, _comparison(workspace, mismatches)


def _comparison(workspace: Workspace, mismatches: list[Mismatch]) -> SnapshotComparison:
    return SnapshotComparison(workspace.compared, workspace.compared - len(mismatches), mismatches)


class _Episode:
    """A sampled episode on its way through the replay."""

    def __init__(self, row: dict[str, Any]) -> None:
        self.row = row
        self.position: tuple[datetime, int] = (row["moment"], row["sequence"])
        self.path: str = row["path"]
        self._state: State | None = None
        self._later: tuple[PathTimeline, Start] | None = None

    def take(self, workspace: Workspace, followed: dict[str, PathTimeline], settle: timedelta) -> None:
        """The replay is at the episode's moment."""
        self._state = workspace.state(*self.position, is_readable)
        gone = self.row["gone"]
        if gone is not None and self.path in self._state.file_states:
            timeline = followed.setdefault(self.path, PathTimeline(self.path, settle))
            self._later = timeline, timeline.start(gone)

    def outcome(self) -> dict[str, Any] | Reject:
        """The row of ERROR_STATES, or its reject, once the replay has ended."""
        state = self._state
        if state is None or not state.has_base:
            detail = (
                f"no snapshot of the project up to {self.row['moment']}, expected one at midnight before it"
            )
            return Reject(self.row, "no_base", detail)
        fault = fault_at(self.path, self.row["recorded"]["start_line"], state)
        if fault is not None:
            return Reject(self.row, fault.reason, fault.detail)
        later: list[dict[str, Any]] = []
        if self._later is not None:
            timeline, start = self._later
            later = timeline.later_states(start, state.file_states[self.path], self.row["gone"])
        return {
            **self.row,
            "files": [{"path": path, "text": text} for path, text in sorted(state.files.items())],
            "later_states": later,
            "workspace_sha256": workspace_sha256(state.files),
        }


def fault_at(path: str, line: int, state: State) -> Broken | None:
    """Why a diagnostic in the 0-based line of `path` does not rest on a known workspace."""
    fault = path_fault(path)
    if fault is not None:
        return Broken("unsafe_path", f"{shown(path)}: {fault}")
    if not is_python(path):
        return Broken("not_python", f"{path}: expected a file that ends in {' or '.join(PYTHON_SUFFIXES)}")
    broken = path if path in state.broken else min(state.broken, default=None)
    if broken is not None:
        reason, detail = state.broken[broken]
        return Broken(reason, f"{broken}: {detail}")
    for name in state.files:
        for folder in PurePosixPath(name).parents:
            if str(folder) in state.files:
                return Broken("unsafe_path", f"{name}: {folder} is a file, expected a folder")
    if path in state.binary:
        return Broken("not_text", f"{path}: its content is not UTF-8")
    if path not in state.files:
        return Broken("file_absent", f"{path}: there is no such file at the moment")
    size = sum(map(len, state.files.values()))
    if size > LARGEST_WORKSPACE:
        detail = f"{len(state.files)} files have {size} code points, expected at most {LARGEST_WORKSPACE}"
        return Broken("too_large", detail)
    lines = len(lines_of(state.files[path]))
    if not 0 <= line < lines:
        return Broken("range_outside_file", f"{path}: line {line} (0-based) of a file of {lines} lines")
    return None


def _replay(
    timeline: Iterable[Change | StoredCopy],
    episodes: Iterable[_Episode],
    workspace: Workspace,
    mismatches: list[Mismatch],
    settle: timedelta,
) -> None:
    """Collects the wanted states of the files; their edits are replayed when the outcomes are read."""
    pending = sorted(episodes, key=lambda episode: episode.position, reverse=True)
    followed: dict[str, PathTimeline] = {}
    for change in timeline:
        while pending and pending[-1].position < change.position:
            pending.pop().take(workspace, followed, settle)
        if isinstance(change, StoredCopy):
            for path in followed.values():
                path.before_copy(workspace)
            found = workspace.restore(change)
            mismatches += found
            different = {mismatch.path for mismatch in found}
            for path in followed.values():
                path.compared(differs=path.path in different)
        elif change.kind == EventKind.OT:
            if change.path in followed:
                followed[change.path].before(change, workspace)
            workspace.apply(change)
        else:
            touched = [path for path in followed.values() if _touches(change, path.path)]
            for path in touched:
                path.before(change, workspace)
            workspace.apply(change)
            for path in touched:
                path.after(change, workspace)
    while pending:
        pending.pop().take(workspace, followed, settle)
    for path in followed.values():
        path.finish(workspace)


def _touches(change: Change, path: str) -> bool:
    """Whether the file event is about the file, or about a folder that it is in."""
    return any(
        name is not None and (path == name or path.startswith(f"{name}/"))
        for name in (change.path, change.destination)
    )
