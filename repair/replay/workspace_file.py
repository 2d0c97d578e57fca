"""One file of a workspace: edits are logged, and replayed in one pass when a state of the file is read.

Tested by `tests/repair/replay/test_workspace.py`.
"""

from typing import NamedTuple

import pyarrow as pa

from repair.ot.packets import Author, Delete, Insert, OTError, Packet, decode_packet
from repair.replay.engine import pays
from repair.replay.file import FileReplay, ReplayError
from repair.replay.timeline import Change
from repair.text.paths import path_fault

LARGEST_TEXT = 4 << 20
"""Code points of one file. What is larger was generated, and would be in memory once for each state."""
LARGEST_CONTENT = 4 * LARGEST_TEXT
"""Bytes of the content or the packet of one event: no less than the largest text may take."""
MOST_PENDING = 50_000
"""Edits that are logged before they are replayed; no more than `LARGEST_CONTENT` bytes of them either."""


class Broken(NamedTuple):
    """Why the text of a file is not known."""

    reason: str
    detail: str


class FileState:
    """A file at a moment. Reading it replays the edits up to there, and those of the file's other states."""

    __slots__ = ("_broken", "_content", "_file", "_ghostwriter_packets")

    def __init__(self, file: "WorkspaceFile") -> None:
        self._file: WorkspaceFile | None = file

    def resolve(self, content: "str | bytes | Broken", ghostwriter_packets: int) -> None:
        """What the replay has found."""
        self._file, self._content, self._ghostwriter_packets = None, content, ghostwriter_packets

    def _replayed(self) -> "str | bytes | Broken":
        if self._file is not None:
            self._file.replay()
        return self._content

    @property
    def text(self) -> str | None:
        content = self._replayed()
        return content if isinstance(content, str) else None

    @property
    def binary(self) -> bytes | None:
        """The content of a file that is not UTF-8."""
        content = self._replayed()
        return content if isinstance(content, bytes) else None

    @property
    def broken(self) -> Broken | None:
        content = self._replayed()
        return content if isinstance(content, Broken) else None

    @property
    def ghostwriter_packets(self) -> int:
        """Packets of an AI that changed the file since the base."""
        self._replayed()
        return self._ghostwriter_packets


class WorkspaceFile:
    """A file from the event that states its content on; it keeps its identity when it is moved."""

    def __init__(
        self, path: str, content: bytes | None, version: int | None, ghostwriter_packets: int = 0
    ) -> None:
        """`content`: None if it is not known; `version`: of the last packet that is in it."""
        self._content = _content(path, content, version)
        self._ghostwriter_packets = ghostwriter_packets
        self._pending: list[Change] = []
        self._pending_bytes = 0
        self._states: list[tuple[int, FileState]] = []  # each after that number of the pending edits

    @property
    def version(self) -> int | None:
        """Of the last packet; None: it is not known, or there is no text."""
        self.replay()
        return self._content.version if isinstance(self._content, FileReplay) else None

    def state(self) -> FileState:
        """The file as it is now."""
        if not self._states or self._states[-1][0] != len(self._pending):
            self._states.append((len(self._pending), FileState(self)))
        return self._states[-1][1]

    def edit(self, change: Change) -> None:
        """Logs an edit. What is wrong with it breaks the file; a broken one takes no more."""
        if isinstance(self._content, Broken):
            return
        self._pending.append(change)
        self._pending_bytes += len(change.packet or b"")
        if len(self._pending) == MOST_PENDING or self._pending_bytes > LARGEST_CONTENT:
            self.replay()

    def break_off(self, broken: Broken) -> None:
        """The text is not known from now on."""
        self.replay()
        self._content, self._states = broken, []

    def replay(self) -> None:
        """Replays the pending edits and resolves the states between them."""
        edits, self._pending, self._pending_bytes = self._pending, [], 0
        states, self._states = self._states, []
        done = self._replay_compiled(edits, states)
        left = [(count - done, state) for count, state in states if count > done or not done]
        self._replay_plainly(edits[done:], left)
        if states and states[-1][0] == len(edits):
            self._states = [(0, states[-1][1])]

    def _replay_plainly(self, edits: list[Change], states: list[tuple[int, FileState]]) -> None:
        done = 0
        for count, state in states:
            self._apply(edits[done:count])
            done = count
            content = self._content.text() if isinstance(self._content, FileReplay) else self._content
            state.resolve(content, self._ghostwriter_packets)
        self._apply(edits[done:])

    def _apply(self, edits: list[Change]) -> None:
        for edit in edits:
            if isinstance(self._content, Broken):
                return
            where = f"event {edit.sequence} at {edit.timestamp}"
            if isinstance(self._content, bytes):
                self._content = Broken("not_text", "a packet edits a file that is not UTF-8")
                return
            try:
                packet = decode_packet(edit.packet or b"")
                self._content.apply(packet)
            except (OTError, ReplayError) as error:
                self._content = Broken(error.reason, f"{where}: {error}")
                return
            self._ghostwriter_packets += _is_ghostwritten(packet)
            if self._content.length > LARGEST_TEXT:
                self._content = Broken("too_large", f"{where}: {_too_large(self._content.length)}")

    def _replay_compiled(self, edits: list[Change], states: list[tuple[int, FileState]]) -> int:
        """Replays the edits before the first one with which something is wrong, and resolves their states.

        Returns how many; none where it does not pay.
        """
        content = self._content
        if not edits or not isinstance(content, FileReplay) or not pays(len(edits), content.length):
            return 0
        import numpy as np

        from repair.replay.compiled import Refused, replayed
        from repair.replay.packet_columns import changing_packets, lengths_after, ops_of_packets

        ops = ops_of_packets(pa.array([edit.packet for edit in edits], pa.binary()))
        # where the file grows too large, plain replay says so
        done = int(np.append(lengths_after(ops, content.length) > LARGEST_TEXT, True).argmax())
        wanted = np.unique([*(count for count, _ in states), len(edits)])
        while True:
            stops = np.append(wanted[wanted < done], done)
            texts = replayed(ops, stops, content.text(), content.version, every_checksum=True)
            if not isinstance(texts, Refused):
                break
            done = texts.packet
        if not done:
            return 0
        text_at = dict(zip(stops.tolist(), texts, strict=True))
        changing = changing_packets(ops, Author.GHOSTWRITER)
        written = [self._ghostwriter_packets + int(packets) for packets in changing]
        for count, state in states:
            if count <= done:
                state.resolve(text_at[count], written[count])
        self._content = FileReplay(texts[-1], ops.column("version")[done - 1].as_py())
        self._ghostwriter_packets = written[done]
        return done


def _content(path: str, content: bytes | None, version: int | None) -> FileReplay | bytes | Broken:
    fault = path_fault(path)
    if fault is not None:
        return Broken("unsafe_path", fault)
    if content is None:
        return Broken("no_content", "an event says that the file changed but not to what")
    if len(content) > LARGEST_CONTENT:
        return Broken("too_large", f"it has {len(content)} bytes, expected at most {LARGEST_CONTENT}")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return content
    if len(text) > LARGEST_TEXT:
        return Broken("too_large", _too_large(len(text)))
    return FileReplay(text, version)


def _too_large(length: int) -> str:
    return f"it has {length} code points, expected at most {LARGEST_TEXT}"


def _is_ghostwritten(packet: Packet) -> bool:
    return packet.author is Author.GHOSTWRITER and any(
        op.count > 0 if isinstance(op, Delete) else isinstance(op, Insert) and op.text != ""
        for op in packet.ops
    )
