"""The workspace at each sampled diagnostic of a project, replayed from its events.

Rejected, beside the reasons of a broken file (`repair.replay.workspace`), each naming the file and what was
expected:

| reason | |
|---|---|
| `no_base` | no snapshot before the moment |
| `file_absent` | the diagnostic's file does not exist at the moment |
| `not_text` | the diagnostic's file is not UTF-8 |
| `not_python` | the diagnostic's file is none that the servers check |
| `range_outside_file` | the diagnostic's line is behind the last one of the file |
| `too_large` | the files that the servers read have more than `LARGEST_WORKSPACE` code points together |
| `malformed_event` | a row of the project is not an event |
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa

from repair.error_states.settled_texts import LaterStates
from repair.replay.timeline import Change, StoredCopy, changes
from repair.replay.workspace import Broken, Mismatch, State, Workspace
from repair.schema.events import EventError, EventKind
from repair.schema.outcomes import Reject, outcome_batch
from repair.schema.stages import ERROR_STATES
from repair.text.files import workspace_sha256
from repair.text.lines import lines_of
from repair.text.paths import PYTHON_SUFFIXES, is_python, is_readable, path_fault

SETTLE_SECONDS = 3.0
LARGEST_WORKSPACE = 16 << 20


@dataclass(frozen=True, slots=True)
class SnapshotComparison:
    """How the replay of a project stands against its stored copies.

    A file that is broken at a snapshot is not compared: what rests on it was rejected already.
    """

    compared: int
    """Pairs of a file and a snapshot behind the first."""
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
    rows of `repair.schema.stages.SAMPLED_EPISODES`, `project` one of `repair.schema.events.PROJECTS`. The
    result has one row per episode, in their order, in `outcome_schema(ERROR_STATES)`. `later_states` are the
    at most 5 distinct texts that the file settled on after the diagnostic was gone: no edit for
    `settle_seconds`, or none to the end of the partition. The last of them is null if the file was
    removed or moved away. They end where the file can't be replayed.
    """
    outcomes, _ = replay_project(events, episodes, project, settle_seconds=settle_seconds)
    return outcome_batch(outcomes, ERROR_STATES)


def compare_snapshots(events: pa.Table) -> SnapshotComparison:
    """Replays one project's events and compares it with each stored copy behind the first."""
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
    settle = timedelta(seconds=settle_seconds)
    rows = [_Episode({**row, "licence": project.get("licence")}, settle) for row in episodes.to_pylist()]
    workspace, mismatches = Workspace(), list[Mismatch]()
    try:
        _replay(changes(events), rows, workspace, mismatches)
    except EventError as error:
        outcomes: list[dict[str, Any] | Reject] = [
            Reject(each.row, error.reason, str(error)) for each in rows
        ]
    else:
        outcomes = [each.outcome() for each in rows]
    return outcomes, _comparison(workspace, mismatches)


def _comparison(workspace: Workspace, mismatches: list[Mismatch]) -> SnapshotComparison:
    return SnapshotComparison(workspace.compared, workspace.compared - len(mismatches), mismatches)


class _Episode:
    """A sampled episode on its way through the replay."""

    def __init__(self, row: dict[str, Any], settle: timedelta) -> None:
        self.row = row
        self.place: tuple[datetime, int] = (row["moment"], row["sequence"])
        self._settle = settle
        self._state: State | None = None
        self.later: LaterStates | None = None

    def take(self, workspace: Workspace) -> None:
        """The replay is at the episode's moment."""
        path, gone = self.row["path"], self.row["gone"]
        self._state = workspace.state(*self.place, is_readable)
        if gone is not None and path in self._state.files:
            self.later = LaterStates(
                path=path,
                gone=gone,
                settle=self._settle,
                ghostwriter_packets=workspace.ghostwriter_packets(path),
                seen={self._state.files[path]},
            )

    def outcome(self) -> dict[str, Any] | Reject:
        """The row of ERROR_STATES, or its reject, once the replay has ended."""
        state = self._state
        if state is None or not state.has_base:
            detail = (
                f"no snapshot of the project up to {self.row['moment']}, expected one at midnight before it"
            )
            return Reject(self.row, "no_base", detail)
        fault = _fault(self.row["path"], self.row["recorded"]["start_line"], state)
        if fault is not None:
            return Reject(self.row, fault.reason, fault.detail)
        return {
            **self.row,
            "files": [{"path": path, "text": text} for path, text in sorted(state.files.items())],
            "later_states": [] if self.later is None else self.later.rows,
            "workspace_sha256": workspace_sha256(state.files),
        }


def _fault(path: str, line: int, state: State) -> Broken | None:
    """Why a diagnostic at `path` does not rest on a known workspace."""
    fault = path_fault(path)
    if fault is not None:
        return Broken("unsafe_path", f"{path!r}: {fault}")
    if not is_python(path):
        return Broken("not_python", f"{path}: expected a file that ends in {' or '.join(PYTHON_SUFFIXES)}")
    broken = path if path in state.broken else min(state.broken, default=None)
    if broken is not None:
        reason, detail = state.broken[broken]
        return Broken(reason, f"{broken}: {detail}")
    for each in state.files:
        for folder in PurePosixPath(each).parents:
            if str(folder) in state.files:
                return Broken("unsafe_path", f"{each}: {folder} is a file, expected a folder")
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
) -> None:
    waiting = sorted(episodes, key=lambda each: each.place, reverse=True)
    followed: defaultdict[str, list[LaterStates]] = defaultdict(list)  # by path

    def take() -> None:
        episode = waiting.pop()
        episode.take(workspace)
        if episode.later is not None:
            followed[episode.later.path].append(episode.later)

    for change in timeline:
        while waiting and waiting[-1].place < change.place:
            take()
        if isinstance(change, StoredCopy):
            for later in chain.from_iterable(followed.values()):
                later.look(workspace)
            found = workspace.restore(change)
            mismatches += found
            for later in chain.from_iterable(followed.values()):
                later.compared(found)
            continue
        touched = [later for path in followed if _touches(change, path) for later in followed[path]]
        for later in touched:
            later.before(change.timestamp, workspace)
        if change.kind == EventKind.OT:
            workspace.apply(change)
            for later in touched:
                later.edited(change.timestamp)
            continue
        for later in touched:
            later.look(workspace)
        workspace.apply(change)
        for later in touched:
            later.after(change.timestamp, workspace)
    while waiting:
        take()
    for later in chain.from_iterable(followed.values()):
        later.finish(workspace)


def _touches(change: Change, path: str) -> bool:
    """Whether the change is about the file, or about a folder that it is in."""
    if path in (change.path, change.destination):
        return True
    return change.kind == EventKind.FILE and any(
        folder is not None and path.startswith(f"{folder}/") for folder in (change.path, change.destination)
    )
