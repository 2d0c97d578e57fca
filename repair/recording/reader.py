"""A recording on disk: written whole or not at all, read by time and project.

The layout and the two schemas are those of `repair.schema.events`. A source yields `Event`s of one project
in time order; `RecordingWriter` adds the midnight snapshots, numbers the events and files them by
date. Within a date the rows of a project are in one run, in the order of (`timestamp`, `sequence`),
when its files are read in the order of their names.
"""

import hashlib
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import groupby, pairwise
from operator import itemgetter
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.compute
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyarrow.fs import FSSpecHandler, PyFileSystem

from repair.curation.consent import Revocation
from repair.errors import InputError
from repair.messages import shown
from repair.recording.event import midnight, revocation_of
from repair.recording.layout import EVENTS_FOLDER, PROJECTS_FILE
from repair.schema.events import EVENTS, PROJECTS, TIMESTAMP, EventKind

CHECKSUMS = ("md5Hash", "ETag", "etag")
"""Where a store that knows its objects' checksums tells them."""

pc: Any = pyarrow.compute  # its functions are made at import, so that type checkers do not see them


class Recording:
    """Reads a recording from `folder`: a local path or any URI that fsspec knows, such as `gs://`."""

    def __init__(self, folder: str | Path, *, filesystem: fsspec.AbstractFileSystem | None = None) -> None:
        self.uri = str(folder)
        if filesystem is None:  # days come while a process is at work: it must not see what it saw first
            found, root = fsspec.core.url_to_fs(self.uri, use_listings_cache=False)
        else:
            found, root = filesystem, filesystem._strip_protocol(self.uri)  # pyright: ignore[reportPrivateUsage]
        self._files: Any = found
        self._root = str(root).rstrip("/")
        self._arrow = PyFileSystem(FSSpecHandler(found))
        self._latest: tuple[tuple[datetime, datetime], _Window | None] | None = None
        if not self._files.exists(f"{self._root}/{PROJECTS_FILE}"):
            raise InputError(
                f"{self.uri} is no recording: it has no {PROJECTS_FILE}; `repair import` makes one"
            )

    def projects(self) -> pa.Table:
        """The record of each project, in the schema `PROJECTS`."""
        file = f"{self._root}/{PROJECTS_FILE}"
        with _damage_told(file):
            return pq.read_table(file, schema=PROJECTS, filesystem=self._arrow)

    def revocations(self, start: datetime, end: datetime) -> list[Revocation]:
        """The events of [`start`, `end`) by which owners took consent back."""
        window = self._window(start, end)
        if window is None:
            return []
        wanted = window.within & (ds.field("kind") == EventKind.CONSENT_REVOKED.value)
        columns = ["project_id", "timestamp", "payload"]
        with _damage_told(self.uri):
            rows = window.dataset.to_table(columns=columns, filter=wanted).to_pylist()
        return [revocation_of(row["project_id"], row["timestamp"], row["payload"]) for row in rows]

    def dates(self) -> list[date]:
        """The UTC dates with rows, rising; some hold nothing but the closing snapshot of the day before."""
        folder = f"{self._root}/{EVENTS_FOLDER}"
        if not self._files.exists(folder):
            return []
        names = [str(name).rstrip("/").rsplit("/", 1)[-1] for name in self._files.ls(folder, detail=False)]
        try:
            return sorted(date.fromisoformat(name[5:]) for name in names if name.startswith("date="))
        except ValueError as error:
            raise InputError(f"{folder} has a folder of no date ({error}); take it away") from None

    def events(
        self, start: datetime, end: datetime, project_ids: Iterable[str] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Events with `start` <= timestamp < `end` and, of the same projects, the snapshots at exactly `end`.

        Those are the closing copies. Batches of `EVENTS`: date by date, within a date project by project
        in time order. `start` and `end` need a time zone. `project_ids`: of these projects only.
        """
        window = self._window(start, end)
        if window is None:
            return
        wanted = window.wanted
        if project_ids is not None:
            wanted = wanted & ds.field("project_id").isin(pa.array(list(project_ids), pa.string()))
        yield from window.batches(wanted)

    def events_by_project(self, start: datetime, end: datetime) -> Iterator[pa.RecordBatch]:
        """`events`, project by project: each batch is of one project, whose batches follow one
        another, in time order.

        A UTC day is read in one pass, a longer time once for each project. Raises as `events_of_day`.
        """
        if start == midnight(start) and end - start == timedelta(days=1):
            yield from self.events_of_day(start.astimezone(UTC).date())
            return
        for project_id in self.project_ids(start, end):
            yield from self.events(start, end, [project_id])

    def events_of_day(self, day: date) -> Iterator[pa.RecordBatch]:
        """`events` of a UTC day in one pass, project by project: each batch is of one project, whose batches
        follow one another, in time order, its closing copies last.

        The closing copies are in the next day's files. As long as the projects have the same order there,
        as `RecordingWriter` gives them, those of one project are in memory at a time. Raises InputError if a
        project's rows are not together.
        """
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        window = self._window(start, start + timedelta(days=1))
        if window is None:
            return
        left, closed = set(window.project_ids), window.closing_ids()
        closing = groupby(_by_project(window.batches(window.closing)), key=itemgetter(0))
        early: dict[str, list[pa.RecordBatch]] = {}
        for project_id, pieces in groupby(_by_project(window.batches(window.within)), key=itemgetter(0)):
            if project_id not in left:
                raise InputError(
                    f"{self.uri}: the rows of project {shown(project_id)} are not together on {day}; "
                    "`repair import events` puts them in order"
                )
            left.remove(project_id)
            yield from (batch for _, batch in pieces)
            while project_id in closed and project_id not in early:
                name, copies = next(closing)
                if name in closed:
                    early.setdefault(name, []).extend(batch for _, batch in copies)
            yield from early.pop(project_id, ())

    def project_ids(self, start: datetime, end: datetime) -> list[str]:
        """The projects with an event in [`start`, `end`), sorted."""
        window = self._window(start, end)
        return [] if window is None else window.project_ids

    def count(self, start: datetime, end: datetime) -> int:
        """The number of rows of `events(start, end)`."""
        window = self._window(start, end)
        return 0 if window is None else window.dataset.count_rows(filter=window.wanted)

    def rows_of(self, days: Iterable[date]) -> int:
        """The number of rows in the days' files, whatever their time."""
        return sum(self._dataset(files).count_rows() for day in days if (files := self._parts(day)))

    def misfiled(self, start: datetime, end: datetime, *, before: datetime) -> int:
        """Rows in the files of [`start`, `end`) that no window reads, since their time is in another one.

        `before`: where the window before begins. It reads the files of the day `start` too.
        """
        count = 0
        for day in self.dates():
            if _day(start) <= day < _day(end) and (files := self._parts(day)):
                time, first = ds.field("timestamp"), before if day == _day(start) else start
                outside = (time < pa.scalar(first, TIMESTAMP)) | (time >= pa.scalar(end, TIMESTAMP))
                count += self._dataset(files).count_rows(filter=outside)
        return count

    def active_dates(self, days: Iterable[date] | None = None) -> list[date]:
        """The dates, of `days` if given, on which more was recorded than the midnight's snapshot."""
        return [day for day in (self.dates() if days is None else days) if self._is_active(day)]

    def fingerprint(self, start: datetime, end: datetime) -> str:
        """SHA-256, in hexadecimal, over the files that `events(start, end)` and `projects()` read.

        A store that knows its objects' checksums is asked for them; other files are read.
        """
        digest = hashlib.sha256()
        for file in [f"{self._root}/{PROJECTS_FILE}", *self._parts_between(start, end)]:
            digest.update(f"{file.removeprefix(self._root)} {self._checksum(file)}\n".encode())
        return digest.hexdigest()

    def state(self, days: Iterable[date]) -> str:
        """What a listing says of the days' files: equal as long as nobody writes them; nothing is read."""
        digest = hashlib.sha256()
        for day in days:
            folder = f"{self._root}/{EVENTS_FOLDER}/date={day}"
            self._files.invalidate_cache(folder)  # a long-lived process would see what it saw first
            for file in sorted(self._files.ls(folder, detail=True), key=itemgetter("name")):
                written = [str(file.get(name)) for name in ("size", *CHECKSUMS, "mtime")]
                digest.update(f"{file['name'].removeprefix(self._root)} {' '.join(written)}\n".encode())
        return digest.hexdigest()

    def checksum(self, days: Iterable[date]) -> str:
        """SHA-256, in hexadecimal, over the files of the days alone."""
        digest = hashlib.sha256()
        for file in (file for day in days for file in self._parts(day)):
            digest.update(f"{file.removeprefix(self._root)} {self._checksum(file)}\n".encode())
        return digest.hexdigest()

    def _checksum(self, file: str) -> str:
        known = self._files.info(file)
        for name in CHECKSUMS:
            if known.get(name):
                return f"{name}={known[name]}"
        with self._files.open(file, "rb") as content:
            return f"sha256={hashlib.file_digest(content, 'sha256').hexdigest()}"

    def _is_active(self, day: date) -> bool:
        dataset = self._dataset(self._parts(day))
        start = pa.scalar(datetime(day.year, day.month, day.day, tzinfo=UTC), TIMESTAMP)
        happened = (ds.field("kind") != EventKind.SNAPSHOT.value) | (ds.field("timestamp") != start)
        return dataset.head(1, columns=["sequence"], filter=happened).num_rows > 0

    def _window(self, start: datetime, end: datetime) -> "_Window | None":
        """The files and rows of [`start`, `end`]; the latest is kept, for stages ask project by project."""
        if start.tzinfo is None or end.tzinfo is None:
            raise ValueError("start and end need a time zone")
        if self._latest is None or self._latest[0] != (start, end):
            files = self._parts_between(start, end)
            with _damage_told(self.uri):
                window = _Window(self._dataset(files), start, end) if files else None
            self._latest = ((start, end), window)
        return self._latest[1]

    def _dataset(self, files: list[str]) -> Any:
        with _damage_told(self.uri):
            return ds.dataset(files, schema=EVENTS, format="parquet", filesystem=self._arrow)

    def _parts_between(self, start: datetime, end: datetime) -> list[str]:
        days = [day for day in self.dates() if _day(start) <= day <= _day(end)]
        return [name for day in days for name in self._parts(day)]

    def _parts(self, day: date) -> list[str]:
        folder = f"{self._root}/{EVENTS_FOLDER}/date={day}"
        names = (str(name) for name in self._files.ls(folder, detail=False))
        return sorted(name for name in names if name.endswith(".parquet"))


class _Window:
    """Part of a recording: a dataset, and the filters for the rows of [start, end] in it."""

    def __init__(self, dataset: Any, start: datetime, end: datetime) -> None:
        self.dataset = dataset
        time = ds.field("timestamp")
        first, last = (pa.scalar(moment, TIMESTAMP) for moment in (start, end))
        self.within = (time >= first) & (time < last)
        self.project_ids = sorted(self._ids(self.within))
        self.closing = (time == last) & (ds.field("kind") == EventKind.SNAPSHOT.value)
        self.wanted = self.within | (
            self.closing & ds.field("project_id").isin(pa.array(self.project_ids, pa.string()))
        )

    def closing_ids(self) -> set[str]:
        """Those of `project_ids` that have a closing copy."""
        return self._ids(self.closing) & set(self.project_ids)

    def batches(self, wanted: Any) -> Iterator[pa.RecordBatch]:
        """The rows for which the filter `wanted` holds, in the order of the files."""
        with _damage_told(", ".join(self.dataset.files[:2])):
            scanned = self.dataset.to_batches(
                filter=wanted, batch_size=1 << 14, batch_readahead=2, fragment_readahead=2
            )
            yield from (batch for batch in scanned if batch.num_rows)

    def _ids(self, wanted: Any) -> set[str]:
        names: set[str] = set()
        for batch in self.dataset.to_batches(columns=["project_id"], filter=wanted):
            names.update(batch.column(0).unique().to_pylist())
        return names


@contextmanager
def _damage_told(what: str) -> Generator[None]:
    """Raise InputError where Arrow finds a file damaged; an error of the file system goes on."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise InputError(f"{what} is damaged or no part of a recording: {str(error)[:300]}") from None


def _by_project(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Batches cut where the project changes, each with its project."""
    for batch in batches:
        ids = batch.column("project_id")
        changes = pc.indices_nonzero(pc.not_equal(ids[1:], ids[:-1])).to_pylist()
        for start, end in pairwise([0, *(index + 1 for index in changes), len(ids)]):
            yield ids[start].as_py(), batch.slice(start, end - start)


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()
