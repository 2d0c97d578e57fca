"""Importer of a folder of Operational Transformation packets, with the other events recorded beside them.

```
ROOT/
    projects.jsonl                          the projects (`repair.schema.events.PROJECTS`)
    PROJECT/
        packets/PATH.otp                    packets of the file PATH: varint length, OTPacket, and so on
        packets/PATH.jsonl                  the same as JSON, one packet a line
        file_events.jsonl                   create, move, remove, modify
        diagnostics.jsonl                   one diagnostic a line
        events.jsonl                        the other kinds, in the columns of `repair.schema.events.EVENTS`
        snapshots/TIMESTAMP/PATH            stored copies of the whole project
```

docs/recordings.md shows each. A packet says when it was committed, not which file it belongs to: that is the
path of its packets file, so after a move the packets are under the new path. At one instant the order is:
stored copies, file events, packets, diagnostics, the rest; so a stored copy is the state just before its
instant.

No symbolic link is followed and no name leads out of the folder: such entries are reported as `unsafe_path`.
A packet or a stored copy whose time is before 1970 or in the future is left out: later ones would follow it.
A project's events are held in memory.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from repair.errors import InputError
from repair.messages import shown
from repair.ot.packets import decode_packet
from repair.recording.event import Event, Project
from repair.recording.validation import Problem, is_time
from repair.replay.workspace_file import LARGEST_CONTENT
from repair.schema.events import EventKind
from repair.sources.report import Report
from repair.sources.rows import (
    Row,
    RowError,
    event_of,
    json_rows,
    malformed,
    moment,
    packet_bytes,
    project_of,
    publication_of,
)
from repair.text.paths import safe_path

PROJECTS = "projects.jsonl"
LARGEST_PACKETS = 1 << 30
"""Bytes of a file of packets, which is in memory whole."""

Located = Iterator[tuple[str, Event]]
"""Events with their location in a file."""


def projects_and_events(root: Path, *, report: Report) -> Iterator[tuple[Project, Iterator[Event]]]:
    """The projects of the OT folder `root`, in the order of their names, and their events.

    Bad rows are counted in `report` and left out, except packets: one that does not decode goes on as it
    is, at the time of its neighbour, and the stage `session_events` rejects it. Raises InputError if
    `root` is no such folder or a file of packets ends within a packet.
    """
    index = root / PROJECTS
    if not index.is_file():
        raise InputError(f"{root} is no folder of OT packets: it has no {PROJECTS}")
    known: dict[str, Project] = {}
    for location, row in json_rows(index, str(index), report.add):
        try:
            project = project_of(row)
        except RowError as error:
            report.add(error.problem.at(str(index), location))
            continue
        if not _is_name(project.project_id):
            report.add(_unsafe(project.project_id, str(index), location))
        elif project.project_id in known:
            problem = Problem("malformed_event", "one record for each project", "keep the newest")
            report.add(problem.at(str(index), location))
        else:
            known[project.project_id] = project
    folders = {entry.name for entry in root.iterdir() if entry.is_dir() and not entry.is_symlink()}
    for entry in sorted(root.iterdir()):
        if entry.is_symlink():
            report.add(_unsafe(entry.name, str(root), "a symbolic link"))
    for name in sorted(folders - known.keys()):
        report.add(
            Problem(
                "unknown_project",
                f"a record of project {shown(name)}",
                f"add it to {PROJECTS}",
                str(root / name),
            )
        )
    for name in sorted(folders | known.keys()):
        reader = _ProjectReader(name, root / name, report)
        yield known.get(name, Project(name)), iter(reader.events() if name in folders else ())


class _ProjectReader:
    def __init__(self, name: str, folder: Path, report: Report) -> None:
        self._name = name
        self._folder = folder
        self._report = report

    def events(self) -> list[Event]:
        """All events in time order; at the same instant, in the order of the sources below."""
        found: list[Event] = []
        found += self._snapshots()
        found += self._rows("file_events.jsonl", {"kind": EventKind.FILE.value})
        found += self._packets()
        found += self._publications()
        found += self._rows("events.jsonl", {})
        return sorted(found, key=lambda event: event.timestamp)

    def _rows(self, name: str, defaults: Mapping[str, Any]) -> Iterator[Event]:
        """Rows in the columns of `EVENTS`, without the project."""

        def located() -> Located:
            for location, row in self._json_rows(name):
                try:
                    yield location, event_of({**defaults, **row, "project_id": self._own(row)})
                except RowError as error:
                    self._report.add(error.problem.at(self._label(name), location))

        return self._checked(name, located(), drop_bad=True)

    def _json_rows(self, name: str) -> Iterator[tuple[str, Row]]:
        path = self._folder / name
        if path.is_symlink():
            self._report.add(_unsafe(name, str(self._folder), "a symbolic link"))
        elif path.is_file():
            yield from json_rows(path, self._label(name), self._report.add)

    def _own(self, row: Row) -> str:
        recorded = row.get("project_id", self._name)
        if recorded != self._name:
            raise malformed(
                f"rows of project {shown(self._name)}, not {shown(recorded)}",
                "move it to its project's folder",
            )
        return self._name

    def _label(self, name: str) -> str:
        return f"{self._name}/{name}"

    def _checked(self, name: str, located: Located, *, drop_bad: bool) -> Iterator[Event]:
        return self._report.checked(located, self._label(name), drop_bad=drop_bad)

    def _packets(self) -> Iterator[Event]:
        for path, file in self._walk("packets"):
            read = {".otp": _delimited, ".jsonl": self._json_packets}.get(file.suffix)
            if read is None:
                expected, hint = "packets in .otp or .jsonl", "take away what is neither"
                self._report.add(Problem("malformed_event", expected, hint, self._label(f"packets/{path}")))
                continue
            if file.stat().st_size > LARGEST_PACKETS:
                expected, hint = f"at most {LARGEST_PACKETS >> 20} MiB of packets of one file", "export less"
                self._report.add(Problem("too_large", expected, hint, self._label(f"packets/{path}")))
                continue
            about = path.removesuffix(file.suffix)
            located = self._timed(about, list(read(file)))
            yield from self._checked(f"packets/{path}", iter(located), drop_bad=False)

    def _json_packets(self, file: Path) -> Iterator[tuple[str, bytes]]:
        name = file.relative_to(self._folder).as_posix()
        for location, row in json_rows(file, self._label(name), self._report.add):
            yield location, packet_bytes(row) or b""

    def _timed(self, path: str, packets: list[tuple[str, bytes]]) -> list[tuple[str, Event]]:
        """Packets as events in file order, with times that never decrease, whatever the clock.

        A packet that does not decode gets the time of the one before it, or else of the next. One with an
        impossible time is left out.
        """
        packets, times = self._with_sound_times(path, packets)
        latest = next((time for time in times if time is not None), None)
        events: list[tuple[str, Event]] = []
        for (location, packet), time in zip(packets, times, strict=True):
            if latest is not None and time is not None:
                latest = max(latest, time)
            if latest is None:
                self._report.add(_no_packet(packet).at(self._label(f"packets/{path}"), location))
                continue
            events.append((location, Event(self._name, latest, EventKind.OT.value, path=path, packet=packet)))
        return events

    def _with_sound_times(
        self, path: str, packets: list[tuple[str, bytes]]
    ) -> tuple[list[tuple[str, bytes]], list[datetime | None]]:
        kept: list[tuple[str, bytes]] = []
        times: list[datetime | None] = []
        for location, packet in packets:
            time = _committed(packet)
            if time is not None and not is_time(time, self._report.now):
                self._report.add(_bad_time(time, self._label(f"packets/{path}"), location))
                continue
            kept.append((location, packet))
            times.append(time)
        return kept, times

    def _publications(self) -> Iterator[Event]:
        """Rows with equal (timestamp, path) are one publication; a null code: an empty one."""
        name = "diagnostics.jsonl"

        def rows() -> Located:
            for location, row in self._json_rows(name):
                try:
                    yield location, publication_of(row, self._own(row))
                except RowError as error:
                    self._report.add(error.problem.at(self._label(name), location))

        def located() -> Located:
            ordered = sorted(rows(), key=lambda located: _published(located[1]))
            for _, group in groupby(ordered, key=lambda located: _published(located[1])):
                together = list(group)
                location, first = together[0]
                found = [diagnostic for _, event in together for diagnostic in event.diagnostics or ()]
                yield location, replace(first, diagnostics=found)

        return self._checked(name, located(), drop_bad=True)

    def _snapshots(self) -> Iterator[Event]:
        folder = self._folder / "snapshots"
        if folder.is_symlink() or not folder.is_dir():
            if folder.is_symlink():
                self._report.add(_unsafe("snapshots", str(self._folder), "a symbolic link"))
            return
        for entry in sorted(folder.iterdir()):
            label = f"snapshots/{entry.name}"
            if entry.is_symlink() or not entry.is_dir():
                self._report.add(_unsafe(entry.name, self._label("snapshots"), "not a folder"))
                continue
            try:
                time = moment(entry.name)
            except RowError as error:
                self._report.add(error.problem.at(self._label(label), ""))
                continue
            if not is_time(time, self._report.now):
                self._report.add(_bad_time(time, self._label(label), ""))
                continue
            files = [
                (path, Event(self._name, time, EventKind.SNAPSHOT.value, path=path, content=content))
                for path, content in self._contents(label)
            ]
            nothing = [("", Event(self._name, time, EventKind.SNAPSHOT.value))]
            yield from self._checked(label, iter(files or nothing), drop_bad=False)

    def _contents(self, name: str) -> Iterator[tuple[str, bytes]]:
        for path, file in self._walk(name):
            if file.stat().st_size > LARGEST_CONTENT:
                expected = f"a file of at most {LARGEST_CONTENT >> 20} MiB"
                hint = "leave it out: what rests on it is rejected"
                self._report.add(Problem("too_large", expected, hint, self._label(name), path))
            else:
                yield path, file.read_bytes()

    def _walk(self, name: str) -> Iterator[tuple[str, Path]]:
        """The regular files under the folder `name` of the project: their paths from there, POSIX, sorted."""
        top = self._folder / name
        if top.is_symlink():
            self._report.add(_unsafe(name, str(self._folder), "a symbolic link"))
            return
        found: list[tuple[str, Path]] = []
        for folder, subfolders, files in os.walk(top):
            for entry in [*subfolders, *files]:
                file = Path(folder) / entry
                path = file.relative_to(top).as_posix()
                if file.is_symlink() or not safe_path(path):
                    self._report.add(
                        _unsafe(path, self._label(name), "a symbolic link" if file.is_symlink() else "")
                    )
                elif file.is_file():
                    found.append((path, file))
        yield from sorted(found)


def _delimited(file: Path) -> Iterator[tuple[str, bytes]]:
    """The packets of a length-delimited file, each with its byte offset."""
    data = file.read_bytes()
    offset = 0
    while offset < len(data):
        length, start = _varint(data, offset, file)
        if start + length > len(data):
            raise InputError(
                f"{file} ends within the packet at byte {offset}: it takes {length} bytes, "
                f"{len(data) - start} are there; export the file again"
            )
        yield f"byte {offset}", data[start : start + length]
        offset = start + length


def _varint(data: bytes, offset: int, file: Path) -> tuple[int, int]:
    """Decode the varint at `offset`; returns the number and the offset after it."""
    value = 0
    for index in range(5):
        if offset + index >= len(data):
            raise InputError(f"{file} ends within the length at byte {offset}; export the file again")
        byte = data[offset + index]
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value, offset + index + 1
    raise InputError(f"{file} has no packet length at byte {offset}; is it length-delimited protobuf?")


def _bad_time(time: datetime, source: str, location: str) -> Problem:
    expected = f"a time from 1970 to now, not {time.isoformat()}"
    return Problem("bad_timestamp", expected, "check the recorder's clock", source, location)


def _no_packet(packet: bytes) -> Problem:
    """Why `packet` does not decode."""
    try:
        decode_packet(packet)
    except InputError as error:
        return Problem(error.reason, f"an OT packet ({error})", "export the packet again")
    raise AssertionError("a packet that decodes has a time")


def _committed(packet: bytes) -> datetime | None:
    try:
        return decode_packet(packet).committed
    except InputError:
        return None


def _published(event: Event) -> tuple[datetime, str]:
    return event.timestamp, event.path or ""


def _is_name(name: str) -> bool:
    return "/" not in name and safe_path(name)


def _unsafe(path: str, source: str, location: str) -> Problem:
    return Problem(
        "unsafe_path", f"a plain file inside the folder, not {shown(path)}", "copy it in", source, location
    )
