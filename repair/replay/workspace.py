"""OT replay of a project: all its files at a moment, checked against its stored copies.

The first snapshot is the base; nothing is known before it. Each later one is a stored copy that the
replay must equal. A file that can't be replayed is *broken*, with a reason, from the event that broke it
until something states its content: an event that creates or modifies it, or a snapshot. The reasons are
`repair.error_states.reasons.BROKEN_FILE`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

import pyarrow as pa

from repair.messages import shown
from repair.replay.timeline import Change, StoredCopy, changes
from repair.replay.workspace_file import Broken, FileState, WorkspaceFile
from repair.schema.events import EventKind, FileOperation
from repair.text.lines import lines_of
from repair.text.paths import path_fault


class Mismatch(NamedTuple):
    """A file whose replay does not equal its stored copy."""

    path: str
    timestamp: datetime
    detail: str


@dataclass(eq=False)
class State:
    """All files of a project at a moment; reading any of them replays its edits.

    `broken` may gain files until the replay has passed the next stored copy, which may show that the
    replay had gone wrong before this moment.
    """

    timestamp: datetime
    sequence: int
    has_base: bool
    """False: there is no snapshot before the moment, so nothing is known."""
    file_states: Mapping[str, FileState]
    mismatches: dict[str, Broken] = field(default_factory=dict[str, Broken])
    """Files that the next stored copy shows to be wrong."""
    origins: Mapping[str, WorkspaceFile] = field(default_factory=dict[str, WorkspaceFile], repr=False)
    """Which files of two moments are one and the same, though moved. Of use to the replay alone."""

    @cached_property
    def files(self) -> dict[str, str]:
        """The texts, also those that turn out to be broken: look into `broken` first."""
        return {path: state.text for path, state in self.file_states.items() if state.text is not None}

    @property
    def binary(self) -> frozenset[str]:
        """Files whose content is not UTF-8."""
        return frozenset(path for path, state in self.file_states.items() if state.binary is not None)

    @property
    def broken(self) -> dict[str, Broken]:
        own = {path: state.broken for path, state in self.file_states.items() if state.broken is not None}
        return self.mismatches | own

    @property
    def ghostwriter_packets(self) -> dict[str, int]:
        """For each text, the packets of an AI that changed it since the base; they differ between two
        moments if an AI's text went into the file in between."""
        return {path: self.file_states[path].ghostwriter_packets for path in self.files}


def _everything(_: str) -> bool:
    return True


class Workspace:
    """The files of one project while its changes happen, which must come in order."""

    def __init__(self) -> None:
        self.has_base = False
        self._files: dict[str, WorkspaceFile] = {}
        # The states since the last stored copy, and which paths each was asked for.
        self._provisional: list[tuple[State, Callable[[str], bool]]] = []
        self.compared = 0
        """Comparisons of a file with its stored copy so far. Broken files are not compared."""

    def state(self, timestamp: datetime, sequence: int, wanted: Callable[[str], bool] = _everything) -> State:
        """The files as they are now, of which `wanted` says that their path matters."""
        files = {path: file for path, file in self._files.items() if wanted(path)}
        states = {path: file.state() for path, file in files.items()}
        state = State(timestamp, sequence, self.has_base, states, origins=files)
        self._provisional.append((state, wanted))
        return state

    def __contains__(self, path: object) -> bool:
        """Whether there is such a file, known or not."""
        return path in self._files

    def file_state(self, path: str) -> FileState | None:
        """One file as it is now; None: there is none."""
        file = self._files.get(path)
        return None if file is None else file.state()

    def text(self, path: str) -> str | None:
        """The text of one file; None: there is none, or it is broken or not text."""
        state = self.file_state(path)
        return None if state is None else state.text

    def apply(self, change: Change) -> None:
        """One edit or file event. Whatever is wrong with it breaks its file and nothing else."""
        if not self.has_base:
            return
        match change.kind, change.operation:
            case EventKind.OT, _:
                if change.path not in self._files:
                    self._files[change.path] = WorkspaceFile(change.path, b"", None)
                self._files[change.path].edit(change)
            case _, FileOperation.REMOVE:
                for path in self._at_or_under(change.path):
                    del self._files[path]
            case _, FileOperation.MOVE:
                self._move(change)
            case _:
                content = change.content
                if content is None and change.operation == FileOperation.CREATE:
                    content = b""
                self._write(self._files, change.path, content, change.version)

    def _write(
        self, before: Mapping[str, WorkspaceFile], path: str, content: bytes | None, version: int | None
    ) -> None:
        """An event states the content; what an AI wrote `before` goes on to count."""
        written = before[path].state().ghostwriter_packets if path in before else 0
        self._files[path] = WorkspaceFile(path, content, version, written)

    def _move(self, change: Change) -> None:
        source, destination = change.path, change.destination or ""
        moved = {path: self._files.pop(path) for path in self._at_or_under(source)}
        for path, file in moved.items():
            self._put(destination + path[len(source) :], file)
        if not moved:
            file = WorkspaceFile(destination, b"", None)
            where = f"event {change.sequence} at {change.timestamp}"
            detail = f"{where} moved {shown(source)} here, which is not known"
            file.break_off(Broken("unknown_source", detail))
            self._put(destination, file)

    def _put(self, path: str, file: WorkspaceFile) -> None:
        fault = path_fault(path)
        if fault is not None:
            file.break_off(Broken("unsafe_path", fault))
        self._files[path] = file

    def _at_or_under(self, path: str) -> list[str]:
        """The file itself, or the files of a folder of that name."""
        return (
            [path] if path in self._files else [name for name in self._files if name.startswith(path + "/")]
        )

    def restore(self, copy: StoredCopy) -> list[Mismatch]:
        """Takes the files of a stored copy, after comparing them with the replay if there was one before.

        A file that differs is broken in every state since the stored copy before, under its present path
        and those from which it was moved.
        """
        mismatches: list[Mismatch] = []
        if self.has_base:
            for path in sorted(self._files.keys() | copy.files.keys()):
                mismatch = self._compare(path, copy)
                if mismatch is not None:
                    mismatches.append(mismatch)
                    self._reject(mismatch)
        self.has_base = True
        for state, _ in self._provisional:
            state.origins = {}
        self._provisional.clear()
        before, self._files = self._files, {}
        for path, (content, version) in copy.files.items():
            self._write(before, path, content, version)
        return mismatches

    def _compare(self, path: str, copy: StoredCopy) -> Mismatch | None:
        state = self.file_state(path)
        content = copy.files[path][0] if path in copy.files else None
        if state is not None and state.broken is not None:
            return None
        if path in copy.files and (content is None or path_fault(path) is not None):
            return None  # there is nothing to compare with
        self.compared += 1
        if state is None:
            return Mismatch(path, copy.timestamp, "the stored copy has the file, the replay does not")
        if content is None:
            return Mismatch(path, copy.timestamp, "the replay has the file, the stored copy does not")
        replayed = state.binary if state.text is None else state.text.encode()
        if replayed == content:
            return None
        return Mismatch(path, copy.timestamp, _difference(replayed or b"", content))

    def _reject(self, mismatch: Mismatch) -> None:
        file = self._files.get(mismatch.path)
        broken = Broken("snapshot_mismatch", f"snapshot at {mismatch.timestamp}: {mismatch.detail}")
        for state, wanted in self._provisional:
            if wanted(mismatch.path):
                state.mismatches.setdefault(mismatch.path, broken)
            for path, origin in state.origins.items():
                if origin is file:
                    state.mismatches.setdefault(path, broken)


def _difference(replayed: bytes, stored: bytes) -> str:
    pairs = enumerate(
        zip(*(lines_of(content.decode(errors="replace")) for content in (replayed, stored)), strict=False)
    )
    first = next((number for number, (one, other) in pairs if one != other), None)
    where = "one goes on where the other ends" if first is None else f"first at line {first + 1}"
    return f"the replay has {len(replayed)} bytes, the stored copy {len(stored)}; they differ, {where}"


def workspaces_at(events: pa.Table, moments: Sequence[tuple[datetime, int]]) -> Iterator[State]:
    """The state after every event whose (timestamp, sequence) is not after the moment, for each moment.

    `events` are those of one project (`repair.schema.events.EVENTS`), in any order. The states come in the
    order of time, one for each moment, and each once the stored copy after it was compared: what is in
    memory are the states between two snapshots. Raises EventError for a row that is not an event.
    """
    workspace = Workspace()
    pending = sorted(moments, reverse=True)
    provisional: list[State] = []
    for change in changes(events):
        while pending and pending[-1] < change.position:
            provisional.append(workspace.state(*pending.pop()))
        if isinstance(change, StoredCopy):
            workspace.restore(change)
            yield from provisional
            provisional = []
        else:
            workspace.apply(change)
    yield from provisional
    while pending:
        yield workspace.state(*pending.pop())
