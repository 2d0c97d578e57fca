"""Midnight snapshots: each day's partition begins and ends with the files of the project."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby

from repair.errors import InputError
from repair.messages import shown
from repair.recording.event import Event, midnight
from repair.replay.timeline import Change, StoredCopy
from repair.replay.workspace import Workspace
from repair.replay.workspace_file import Broken
from repair.schema.events import EventKind, FileOperation
from repair.text.paths import safe_path

LARGEST_COPIES_OF_FILE = 256 << 20
"""Bytes of all copies of one file in a project's added snapshots: those of 1 MiB on 256 days."""
LARGEST_COPIES = 4 << 30
"""Bytes of all copies in a project's added snapshots."""

OnBroken = Callable[[str, str, Broken], None]
"""Called with project and path when a file can't be replayed or differs from its stored copy."""


def with_snapshots(events: Iterable[Event], on_broken: OnBroken = lambda *_: None) -> Iterator[Event]:
    """One project's events in time order, with a snapshot at midnight before and after each active day.

    Days are UTC's. A snapshot is one event per file, or one with a null path if there is none; it
    is before the other events of its instant, and between two adjacent active days there is one.
    Where the source stored a snapshot at that instant, it is kept and none is made up. Nothing was
    recorded between a day's first midnight and its first event, so a recording that begins with a
    stored snapshot opens with the same files.

    A file that can't be replayed is left out of every snapshot that is made up, until the source says
    again what it holds. A snapshot states the whole project, so the file's absence is a mismatch that
    rejects what rests on it: a copy made up from a broken replay would confirm itself. The same goes for a
    file whose copies would take more than `LARGEST_COPIES_OF_FILE`, or `LARGEST_COPIES` with those of the
    others: few bytes on many days must not become a recording of any size.
    """
    files: _Files | None = None
    latest: datetime | None = None
    closing: datetime | None = None  # the end of the last active day, until there is a snapshot
    last_snapshot: datetime | None = None
    for moment, together in groupby(events, key=lambda event: event.timestamp.astimezone(UTC)):
        group = list(together)
        if latest is not None and moment < latest:
            raise InputError(
                f"events of project {shown(group[0].project_id)} are not in time order: "
                f"{moment} after {latest}"
            )
        latest = moment
        first = files is None
        files = files or _Files(group[0].project_id, on_broken)
        stored = any(event.kind == EventKind.SNAPSHOT for event in group)
        opening = midnight(moment)
        if closing is not None and moment >= closing:
            if not (stored and moment == closing):
                yield from files.snapshot(closing)
                last_snapshot = closing
            closing = None
        if stored and moment == opening:
            last_snapshot = opening
        if any(event.kind != EventKind.SNAPSHOT or moment != opening for event in group):
            if last_snapshot is None or last_snapshot < opening:
                if first and stored:
                    files.advance([event for event in group if event.kind == EventKind.SNAPSHOT])
                yield from files.snapshot(opening)
                last_snapshot = opening
            closing = opening + timedelta(days=1)
        files.advance(group)
        yield from group
    if files is not None and closing is not None:
        yield from files.snapshot(closing)


class _Files(Workspace):
    """A project's files, moved along by its events. They begin with none."""

    def __init__(self, project_id: str, on_broken: OnBroken) -> None:
        super().__init__()
        self.has_base = True
        self._project_id = project_id
        self._on_broken = on_broken
        self._sequence: int | None = None
        self._copied: Counter[str] = Counter()
        self._copied_in_all = 0

    def advance(self, events: list[Event]) -> None:
        """Apply the events of one instant."""
        stored: dict[str, tuple[bytes | None, int | None]] = {}
        last = max((index for index, event in enumerate(events) if _is_stored(event)), default=-1)
        for index, event in enumerate(events):
            again = event.sequence is not None and event.sequence == self._sequence
            self._sequence = event.sequence
            if _is_stored(event) and event.path is not None and event.content is not None:
                stored.setdefault(event.path, (event.content, event.version))  # as `session_events` does
            elif not again and _is_change(event):  # delivered twice, it happened once
                self.apply(_change(event))
            if index == last:
                copy = StoredCopy(event.timestamp, event.sequence or 0, stored)
                for mismatch in self.restore(copy):
                    self._report(mismatch.path, Broken("snapshot_mismatch", mismatch.detail))

    def apply(self, change: Change) -> None:
        before = self.file_state(change.path)
        known = before is None or before.broken is None
        super().apply(change)
        path = change.destination or change.path
        after = self.file_state(path)
        if known and after is not None and after.broken is not None:
            self._report(path, after.broken)

    def _report(self, path: str, broken: Broken) -> None:
        self._on_broken(self._project_id, path, broken)

    def snapshot(self, moment: datetime) -> Iterator[Event]:
        """One event per file that is not broken, in the order of the paths."""
        none = True
        for path, file in sorted(self._files.items()):
            if file.state().broken is not None:
                continue
            text = file.state().text
            content = (file.state().binary or b"") if text is None else text.encode()
            if not self._may_copy(path, len(content)):
                broken = Broken("too_large", "its copies at midnight take more bytes than they may")
                file.break_off(broken)
                self._report(path, broken)
                continue
            none = False
            yield Event(
                self._project_id,
                moment,
                EventKind.SNAPSHOT,
                path=path,
                content=content,
                version=file.version,
            )
        if none:
            yield Event(self._project_id, moment, EventKind.SNAPSHOT)

    def _may_copy(self, path: str, size: int) -> bool:
        """Whether another copy of `size` bytes is within the limits; if so, it is counted."""
        of_file, in_all = self._copied[path] + size, self._copied_in_all + size
        if of_file > LARGEST_COPIES_OF_FILE or in_all > LARGEST_COPIES:
            return False
        self._copied[path], self._copied_in_all = of_file, in_all
        return True


def _is_stored(event: Event) -> bool:
    return event.kind == EventKind.SNAPSHOT and (event.path is None or safe_path(event.path))


def _is_change(event: Event) -> bool:
    """Whether `event` is one that changes files and that the stage `session_events` keeps."""
    if event.path is None or not safe_path(event.path):
        return False
    if event.kind == EventKind.OT:
        return event.packet is not None
    if event.kind == EventKind.FILE and event.operation == FileOperation.MOVE:
        return event.destination is not None and safe_path(event.destination)
    return event.kind == EventKind.FILE and event.operation in list(FileOperation)


def _change(event: Event) -> Change:
    return Change(
        event.timestamp,
        event.sequence or 0,
        str(event.kind),
        event.path or "",
        event.packet,
        event.operation,
        event.destination,
        event.content,
        event.version,
    )
