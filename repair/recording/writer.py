"""Recording writer: a recording appears whole or not at all, with its midnight snapshots.

Tested by `tests/repair/recording/test_reader.py`.
"""

from collections import defaultdict
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, date
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from repair.curation.consent import Revocation, revoked
from repair.errors import ConfigurationError, InputError
from repair.messages import shown
from repair.recording.event import (
    Event,
    Project,
    estimated_bytes,
    event_batch,
    numbered,
    revocation_of,
)
from repair.recording.layout import EVENTS_FOLDER, PARQUET, PROJECTS_FILE, is_recording
from repair.recording.snapshots import OnBroken
from repair.schema.events import PROJECTS, EventKind
from repair.store.atomic import whole_folder


class RecordingWriter:
    """Writes a recording into `folder`, which appears only when everything is written.

    Use it as a context manager; leaving it by an exception leaves nothing on disk. A folder that
    is not empty is refused, unless it is a recording and `replace` is set.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        replace: bool = False,
        buffer_bytes: int = 64 << 20,
        on_broken: "OnBroken" = lambda *_: None,
    ) -> None:
        """`on_broken` hears of each file that can't be replayed: project, path and why."""
        self.folder = Path(folder)
        self._on_broken = on_broken
        self._buffer_bytes = buffer_bytes
        if self.folder.exists() and not self.folder.is_dir():
            raise ConfigurationError(f"{self.folder} is a file; give a folder that does not exist yet")
        if self.folder.is_dir() and any(self.folder.iterdir()):
            if not is_recording(self.folder):
                raise ConfigurationError(
                    f"{self.folder} is not empty and no recording; give a folder that does not exist yet"
                )
            if not replace:
                raise ConfigurationError(
                    f"{self.folder} holds a recording already; replace it or choose another"
                )
        self._projects: dict[str, Project] = {}
        self._written: set[str] = set()
        self._revocations: dict[str, list[Revocation]] = defaultdict(list)
        self._pending: dict[date, list[Event]] = defaultdict(list)
        self._pending_bytes = 0
        self._files: dict[date, int] = defaultdict(int)

    def __enter__(self) -> Self:
        self._whole = ExitStack()
        self._unfinished = self._whole.enter_context(whole_folder(str(self.folder), last=PROJECTS_FILE))
        (self._unfinished / EVENTS_FOLDER).mkdir()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._whole.__exit__(kind, error, trace)
            return
        with self._whole:
            self._finish()

    def add_project(self, project: Project) -> None:
        """Record what is known of a project, once."""
        if project.project_id in self._projects:
            raise InputError(f"project {shown(project.project_id)} has two records; keep one")
        self._projects[project.project_id] = project

    def write_events(self, project_id: str, events: Iterable[Event]) -> None:
        """All events of one project, in the order of (`timestamp`, `sequence`).

        Midnight snapshots are added (`repair.recording.snapshots.with_snapshots`) and numbers given
        where there are none. What revokes consent is put into the project's record, too: whoever reads one
        day knows of it. Call it once per project.
        """
        from repair.recording.snapshots import with_snapshots

        if project_id in self._written:
            raise InputError(f"the events of project {shown(project_id)} came twice; write a project at once")
        self._written.add(project_id)
        for event in numbered(with_snapshots(events, self._on_broken)):
            if event.project_id != project_id:
                raise InputError(
                    f"an event of project {shown(event.project_id)} among those of {shown(project_id)}"
                )
            if event.kind == EventKind.CONSENT_REVOKED:
                self._revocations[project_id].append(
                    revocation_of(project_id, event.timestamp, event.payload)
                )
            self._pending[event.timestamp.astimezone(UTC).date()].append(event)
            self._pending_bytes += estimated_bytes(event)
            if self._pending_bytes >= self._buffer_bytes:
                self._flush()

    def _flush(self) -> None:
        for day, events in self._pending.items():
            folder = self._unfinished / EVENTS_FOLDER / f"date={day}"
            folder.mkdir(exist_ok=True)
            table = pa.Table.from_batches([event_batch(events)])
            pq.write_table(table, folder / f"part-{self._files[day]:06d}.parquet", **PARQUET)
            self._files[day] += 1
        self._pending.clear()
        self._pending_bytes = 0

    def _finish(self) -> None:
        self._flush()
        projects = [asdict(self._projects[name]) for name in sorted(self._projects)]
        for project in projects:
            project["consents"] = revoked(project, self._revocations.get(project["project_id"], ()))
        table = pa.Table.from_pylist(projects, schema=PROJECTS)
        pq.write_table(table, self._unfinished / PROJECTS_FILE, compression="zstd")
