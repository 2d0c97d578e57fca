"""All files of a project at a moment, replayed from its events and checked against its stored copies.

The first snapshot is the base; nothing is known before it. Each later one is a stored copy that the
replay must equal. A file that can't be replayed is *broken*, with a reason, from the event that broke it
until something says what is in it: an event that creates or modifies it, or a snapshot.

| reason | |
|---|---|
| `malformed_packet`, `bad_utf8` | a packet does not decode |
| `version_gap`, `skip_past_end`, `delete_past_end`, `bad_crc` | a packet does not fit the file |
| `not_text` | a packet edits a file that is not UTF-8 |
| `no_content` | an event says that the file changed but not to what |
| `unknown_source` | a file was moved here that is not known |
| `unsafe_path` | its path could lead out of the project's folder |
| `too_large` | it has more than `LARGEST_TEXT` code points, or more than `LARGEST_CONTENT` bytes of no text |
| `snapshot_mismatch` | since the snapshot before, the replay went another way than the next stored copy |
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.util import find_spec
from typing import NamedTuple

import pyarrow as pa

from repair.ot.packets import Author, Delete, Insert, OTError, Packet, decode_packet
from repair.replay.file import FileReplay, ReplayError
from repair.replay.timeline import Change, StoredCopy, changes
from repair.schema.events import EventKind, FileOperation
from repair.text.lines import lines_of
from repair.text.paths import path_fault

LARGEST_TEXT = 4 << 20
"""Code points of one file. What is larger was generated, and would be held in memory once for each state."""
LARGEST_CONTENT = 4 * LARGEST_TEXT
"""Bytes of the content or the packet of one event: no less than the largest text may take."""

# Edits of a file wait until somebody asks for its text. From so many on they are replayed in compiled code,
# which takes some 50,000 edits' time to load, once in a process. No more than so many wait.
_LONG, _MOST = 2_000, 50_000
_CAN_COMPILE = find_spec("numba") is not None
"""The core has no compiler: there every edit is replayed in Python, with the same result."""


class Broken(NamedTuple):
    """Why the text of a file is not known."""

    reason: str
    detail: str


class Mismatch(NamedTuple):
    """A file whose replay does not equal its stored copy."""

    path: str
    timestamp: datetime
    detail: str


@dataclass(eq=False, slots=True)
class _File:
    """A file since its content was last told; moves along with it. One of the first three is filled; what it
    says holds once the waiting edits are applied."""

    replay: FileReplay | None = None
    binary: bytes | None = None
    broken: Broken | None = None
    ghostwriter_packets: int = 0
    waiting: list[Change] = field(default_factory=list[Change])
    waiting_bytes: int = 0

    def settle(self) -> None:
        """Applies the edits that wait. What is wrong with one breaks the file."""
        edits, self.waiting, self.waiting_bytes = self.waiting, [], 0
        if _CAN_COMPILE and len(edits) >= _LONG and self._replay_at_once(edits):
            return
        for edit in edits:
            if self.broken is not None:
                return
            self._apply(edit)

    def _apply(self, edit: Change) -> None:
        if self.replay is None:
            _break(self, "not_text", "a packet edits a file that is not UTF-8")
            return
        try:
            packet = decode_packet(edit.packet or b"")
            self.replay.apply(packet)
        except (OTError, ReplayError) as error:
            _break(self, error.reason, f"event {edit.sequence} at {edit.timestamp}: {error}")
        else:
            self.ghostwriter_packets += _is_ghostwritten(packet)
            if self.replay.length > LARGEST_TEXT:
                detail = f"event {edit.sequence} at {edit.timestamp}: {_too_large(self.replay.length)}"
                _break(self, "too_large", detail)

    def _replay_at_once(self, edits: list[Change]) -> bool:
        """False: something is wrong with one of them; nothing has happened."""
        import numpy as np

        from repair.replay.compiled import replayed
        from repair.replay.packet_columns import changing_packets, ops_of_packets

        if self.replay is None:
            return False
        inserted = sum(len(edit.packet or b"") for edit in edits)  # no fewer than the code points in them
        if self.replay.length + inserted > LARGEST_TEXT:
            return False
        ops = ops_of_packets(pa.array([edit.packet for edit in edits], pa.binary()))
        texts = replayed(
            ops, np.array([len(edits)]), self.replay.text(), self.replay.version, every_checksum=True
        )
        if texts is None:
            return False
        self.replay = FileReplay(texts[0], ops.column("version")[-1].as_py())
        self.ghostwriter_packets += changing_packets(ops, Author.GHOSTWRITER)
        return True


@dataclass(slots=True)
class State:
    """All files of a project at a moment.

    `broken` may gain files until the replay has passed the next stored copy, which may show that the
    replay had gone wrong before this moment.
    """

    timestamp: datetime
    sequence: int
    has_base: bool
    """False: there is no snapshot before the moment, so nothing is known."""
    files: dict[str, str]
    """The texts, also those that turn out to be broken: look into `broken` first."""
    binary: frozenset[str]
    """Files whose content is not UTF-8."""
    broken: dict[str, Broken]
    ghostwriter_packets: dict[str, int]
    """For each text, the packets of an AI that changed it since the base; they differ between two moments
    if an AI's text went into the file in between."""
    origins: Mapping[str, object] = field(repr=False, compare=False)
    """Which files of two moments are one and the same, though moved. Of use to the replay alone."""


def _everything(_: str) -> bool:
    return True


class Workspace:
    """The files of one project while its changes happen, which must come in order."""

    def __init__(self) -> None:
        self.has_base = False
        self._files: dict[str, _File] = {}
        # The states since the last stored copy, and which paths each was asked for.
        self._provisional: list[tuple[State, Callable[[str], bool]]] = []
        self.compared = 0
        """Comparisons of a file with its stored copy so far. Broken files are not compared."""

    def state(self, timestamp: datetime, sequence: int, wanted: Callable[[str], bool] = _everything) -> State:
        """The files as they are now, of which `wanted` says that their path matters."""
        files = {path: file for path, file in self._files.items() if wanted(path)}
        for file in files.values():
            file.settle()
        texts = {path: file.replay.text() for path, file in files.items() if file.replay is not None}
        state = State(
            timestamp,
            sequence,
            has_base=self.has_base,
            files=texts,
            binary=frozenset(path for path, file in files.items() if file.binary is not None),
            broken={path: file.broken for path, file in files.items() if file.broken is not None},
            ghostwriter_packets={path: files[path].ghostwriter_packets for path in texts},
            origins=files,
        )
        self._provisional.append((state, wanted))
        return state

    def __contains__(self, path: object) -> bool:
        """Whether there is such a file, known or not."""
        return path in self._files

    def text(self, path: str) -> str | None:
        """The text of one file; None: there is none, or it is broken or not text."""
        file = self._settled(path)
        return file.replay.text() if file is not None and file.replay is not None else None

    def ghostwriter_packets(self, path: str) -> int:
        """As in `State`; 0 for a file that does not exist."""
        file = self._settled(path)
        return 0 if file is None else file.ghostwriter_packets

    def _settled(self, path: str) -> _File | None:
        file = self._files.get(path)
        if file is not None:
            file.settle()
        return file

    def apply(self, change: Change) -> None:
        """One edit or file event. Whatever is wrong with it breaks its file and nothing else."""
        if not self.has_base:
            return
        match change.kind, change.operation:
            case EventKind.OT, _:
                self._edit(change)
            case _, FileOperation.REMOVE:
                for path in self._at_or_under(change.path):
                    del self._files[path]
            case _, FileOperation.MOVE:
                self._move(change)
            case _:
                self._write(change)

    def _edit(self, change: Change) -> None:
        file = self._files.get(change.path)
        if file is None:
            file = self._files[change.path] = _new_file(change.path, b"", None)
        if file.broken is None:
            file.waiting.append(change)
            file.waiting_bytes += len(change.packet or b"")
            if len(file.waiting) == _MOST or file.waiting_bytes > LARGEST_CONTENT:
                file.settle()

    def _write(self, change: Change) -> None:
        content = change.content
        if content is None and change.operation == FileOperation.CREATE:
            content = b""
        file = _new_file(change.path, content, change.version)
        file.ghostwriter_packets = self.ghostwriter_packets(change.path)
        self._files[change.path] = file

    def _move(self, change: Change) -> None:
        source, destination = change.path, change.destination or ""
        moved = {path: self._files.pop(path) for path in self._at_or_under(source)}
        for path, file in moved.items():
            self._put(destination + path[len(source) :], file)
        if not moved:
            detail = (
                f"event {change.sequence} at {change.timestamp} moved {source!r} here, which is not known"
            )
            self._put(destination, _File(broken=Broken("unknown_source", detail)))

    def _put(self, path: str, file: _File) -> None:
        fault = path_fault(path)
        if fault is not None:
            file.settle()
            _break(file, "unsafe_path", fault)
        self._files[path] = file

    def _at_or_under(self, path: str) -> list[str]:
        """The file itself, or the files of a folder of that name."""
        return (
            [path] if path in self._files else [each for each in self._files if each.startswith(path + "/")]
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
        self._provisional.clear()
        before = self._files
        self._files = {path: _new_file(path, *stored) for path, stored in copy.files.items()}
        for path, file in self._files.items():
            if path in before:
                file.ghostwriter_packets = before[path].ghostwriter_packets
        return mismatches

    def _compare(self, path: str, copy: StoredCopy) -> Mismatch | None:
        file = self._settled(path)
        content = copy.files[path][0] if path in copy.files else None
        if file is not None and file.broken is not None:
            return None
        if path in copy.files and (content is None or path_fault(path) is not None):
            return None  # there is nothing to compare with
        self.compared += 1
        if file is None:
            return Mismatch(path, copy.timestamp, "the stored copy has the file, the replay does not")
        if content is None:
            return Mismatch(path, copy.timestamp, "the replay has the file, the stored copy does not")
        replayed = file.binary if file.replay is None else file.replay.text().encode()
        if replayed == content:
            return None
        return Mismatch(path, copy.timestamp, _difference(replayed or b"", content))

    def _reject(self, mismatch: Mismatch) -> None:
        file = self._files.get(mismatch.path)
        broken = Broken("snapshot_mismatch", f"snapshot at {mismatch.timestamp}: {mismatch.detail}")
        for state, wanted in self._provisional:
            if wanted(mismatch.path):
                state.broken.setdefault(mismatch.path, broken)
            for path, origin in state.origins.items():
                if origin is file:
                    state.broken.setdefault(path, broken)


def _new_file(path: str, content: bytes | None, version: int | None) -> _File:
    """`content`: None if it is not known."""
    fault = path_fault(path)
    if fault is not None:
        return _File(broken=Broken("unsafe_path", fault))
    if content is None:
        return _File(broken=Broken("no_content", "an event says that the file changed but not to what"))
    if len(content) > LARGEST_CONTENT:
        return _File(
            broken=Broken("too_large", f"it has {len(content)} bytes, expected at most {LARGEST_CONTENT}")
        )
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return _File(binary=content)
    if len(text) > LARGEST_TEXT:
        return _File(broken=Broken("too_large", _too_large(len(text))))
    return _File(replay=FileReplay(text, version))


def _too_large(length: int) -> str:
    return f"it has {length} code points, expected at most {LARGEST_TEXT}"


def _break(file: _File, reason: str, detail: str) -> None:
    file.replay = file.binary = None
    file.broken = Broken(reason, detail)


def _is_ghostwritten(packet: Packet) -> bool:
    return packet.author is Author.GHOSTWRITER and any(
        op.count > 0 if isinstance(op, Delete) else isinstance(op, Insert) and op.text != ""
        for op in packet.ops
    )


def _difference(replayed: bytes, stored: bytes) -> str:
    pairs = enumerate(
        zip(*(lines_of(each.decode(errors="replace")) for each in (replayed, stored)), strict=False)
    )
    first = next((number for number, (one, other) in pairs if one != other), None)
    where = "one goes on where the other ends" if first is None else f"first at line {first + 1}"
    return f"the replay has {len(replayed)} bytes, the stored copy {len(stored)}; they differ, {where}"


def workspaces_at(events: pa.Table, moments: Sequence[tuple[datetime, int]]) -> Iterator[State]:
    """The state after every event whose (timestamp, sequence) is not behind the moment, for each moment.

    `events` are those of one project (`repair.schema.events.EVENTS`), in any order. The states come in the
    order of time, one for each moment, and each once the stored copy behind it was compared: what is
    held are the states between two snapshots. Raises EventError for a row that is not an event.
    """
    workspace = Workspace()
    waiting = sorted(moments, reverse=True)
    held: list[State] = []
    for change in changes(events):
        while waiting and waiting[-1] < change.place:
            held.append(workspace.state(*waiting.pop()))
        if isinstance(change, StoredCopy):
            workspace.restore(change)
            yield from held
            held = []
        else:
            workspace.apply(change)
    yield from held
    while waiting:
        yield workspace.state(*waiting.pop())
