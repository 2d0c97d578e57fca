"""The later settled texts of a path, from the times of its edits: no edit for a while, or none to the end."""

import zlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from repair.errors import InputError
from repair.ot.packets import decode_packet
from repair.replay.timeline import Change
from repair.replay.workspace import Workspace
from repair.replay.workspace_file import FileState
from repair.schema.events import EventKind

MOST_LATER_STATES = 5


class _Settled(NamedTuple):
    """The file was in `state` from `changed` to `until`; None: to the end of the partition."""

    change: int
    changed: datetime
    until: datetime | None
    state: FileState | None


class _Known(NamedTuple):
    """Where `state` is no text, the file is not followed any further."""

    change: int
    state: FileState | None


class _Gone(NamedTuple):
    """The file was removed or moved away."""

    change: int
    time: datetime


class _Compared(NamedTuple):
    """A stored copy was reached."""

    differs: bool


class Start(NamedTuple):
    """Where an episode begins in a `PathTimeline`."""

    entries: int
    changes: int


@dataclass(slots=True)
class PathTimeline:
    """The wanted states of one path, in order; its changes are handed over as they happen."""

    path: str
    settle: timedelta
    _entries: list[_Settled | _Known | _Gone | _Compared] = field(default_factory=list[Any])
    _changes: int = 0
    _latest: Change | None = None
    # Of the episodes that may want more states: when the diagnostic was gone, and the checksums of the texts
    # that follow. Different checksums are different texts, so that enough of them are known without any text.
    _open: list[tuple[datetime, set[int]]] = field(default_factory=list[Any])

    def start(self, gone: datetime) -> Start:
        """An episode's moment; `gone`: only texts count that stood longer than that."""
        self._open.append((gone, set()))
        return Start(len(self._entries), self._changes)

    def before(self, change: Change, workspace: Workspace) -> None:
        """`change` is about to happen: the text that it ends may have been a settled one."""
        if self._latest is not None:
            if change.timestamp - self._latest.timestamp >= self.settle and self._is_wanted(change.timestamp):
                self._add_settled(change.timestamp, workspace)
            if change.kind != EventKind.OT:
                self._entries.append(_Known(self._changes, workspace.file_state(self.path)))
        self._latest = change
        self._changes += 1

    def after(self, change: Change, workspace: Workspace) -> None:
        """A change that is no edit has happened."""
        if self.path in workspace:
            self._entries.append(_Known(self._changes, workspace.file_state(self.path)))
        else:
            self._entries.append(_Gone(self._changes, change.timestamp))

    def before_copy(self, workspace: Workspace) -> None:
        self._entries.append(_Known(self._changes, workspace.file_state(self.path)))

    def compared(self, *, differs: bool) -> None:
        """A stored copy was reached; `differs`: from the replay of this path."""
        self._entries.append(_Compared(differs))

    def finish(self, workspace: Workspace) -> None:
        """The partition has ended, and with it the last text."""
        self._add_settled(None, workspace)

    def _add_settled(self, until: datetime | None, workspace: Workspace) -> None:
        if self._latest is not None:
            state = workspace.file_state(self.path)
            self._entries.append(_Settled(self._changes, self._latest.timestamp, until, state))

    def _is_wanted(self, until: datetime) -> bool:
        began = [found for gone, found in self._open if gone < until]
        if began and self._latest is not None and (checksum := _checksum_after(self._latest)) is not None:
            for found in began:
                found.add(checksum)
        # One of the texts may be that at the episode's moment, which does not count.
        self._open = [(gone, found) for gone, found in self._open if len(found) <= MOST_LATER_STATES]
        return bool(began)

    def later_states(self, start: Start, state: FileState, gone: datetime) -> list[dict[str, Any]]:
        """Rows of `repair.schema.stages.LATER_STATES` for an episode whose file was in `state`.

        Texts that were seen before, the one at the moment among them, are left out. What a stored copy
        disproves is taken back.
        """
        rows: list[dict[str, Any]] = []
        seen, proved, complete = {state.text}, 0, state.text is None
        for entry in self._entries[start.entries :]:
            if isinstance(entry, _Compared):
                if entry.differs:
                    del rows[proved:]
                    complete = True
                proved = len(rows)
                continue
            if complete or entry.change <= start.changes:
                continue
            if isinstance(entry, _Gone):
                rows.append({"timestamp": entry.time, "text": None, "ghostwriter": False})
                complete = True
            elif isinstance(entry, _Settled) and entry.until is not None and entry.until <= gone:
                continue
            elif entry.state is None or entry.state.text is None:
                complete = True
            elif isinstance(entry, _Settled) and entry.state.text not in seen:
                seen.add(entry.state.text)
                ghostwriter = entry.state.ghostwriter_packets > state.ghostwriter_packets
                rows.append(
                    {"timestamp": entry.changed, "text": entry.state.text, "ghostwriter": ghostwriter}
                )
                complete = len(rows) == MOST_LATER_STATES
        return rows


def _checksum_after(change: Change) -> int | None:
    """CRC-32 of the file's text after `change`; None: the change does not say it."""
    if change.kind != EventKind.OT:
        return None if change.content is None else zlib.crc32(change.content)
    try:
        return decode_packet(change.packet or b"").crc32
    except InputError:
        return None
