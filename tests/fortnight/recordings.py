"""Fourteen days of sessions, of which each arrives when it is told to: whole, late, damaged or incomplete."""

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from repair.recording.layout import EVENTS_FOLDER, PROJECTS_FILE
from repair.recording.writer import RecordingWriter
from repair.schema.events import EventKind
from tests.graph import Session, misspelt, typing_errors

ERRORS = 2
"""Misspelt names of a day, each repaired."""


def sessions(dates: Sequence[str], *, incomplete: str = "") -> list[Session]:
    """One project a day, in which the names of its own numbers are misspelt.

    It ends with the copies that the editor stored of its files. On the incomplete day the last edit before
    them was not recorded, so that one file differs from its copy.
    """
    return [_session(number, date, date != incomplete) for number, date in enumerate(dates)]


def _session(number: int, date: str, complete: bool) -> Session:
    session = typing_errors(
        f"day-{number:02d}",
        range(ERRORS * number, ERRORS * (number + 1)),
        datetime.fromisoformat(date).replace(tzinfo=UTC) + timedelta(hours=9),
    )
    for text in ("TITLE = 'area'\n", "TITLE = 'areas'\n"):
        session.edits("notes.py", text)
    if not complete:
        session.events.pop()
    typed = session.typist
    for file, (path, text) in enumerate(sorted(typed.texts.items())):
        copy = {"path": path, "content": text.encode(), "version": typed.versions[path]}
        session.happens(EventKind.SNAPSHOT, after=0 if file else 60, **copy)
    return session


def repairs(dates: Sequence[str]) -> dict[str, str]:
    """The line diff that repairs each error, by a text that its prompt holds."""
    found: dict[str, str] = {}
    for number in range(ERRORS * len(dates)):
        broken, repaired, _ = misspelt(number)
        was, now = broken.splitlines()[1], repaired.splitlines()[1]
        found[f"return widht_{number} "] = f"-2 {was}\n+2 {now}"
    return found


class Arrivals:
    """Writes days into the recording at `folder`, one by one."""

    def __init__(self, folder: Path, dates: Sequence[str], incomplete: str) -> None:
        self._folder = folder
        self._whole, self._incomplete = (folder.with_name(name) for name in ("whole", "incomplete"))
        for prepared, date in ((self._whole, ""), (self._incomplete, incomplete)):
            with RecordingWriter(prepared) as writer:
                for session in sessions(dates, incomplete=date):
                    writer.add_project(session.project)
                    writer.write_events(session.project.project_id, session.events)
        (folder / EVENTS_FOLDER).mkdir(parents=True)
        shutil.copy(self._whole / PROJECTS_FILE, folder / PROJECTS_FILE)

    def arrives(self, date: str) -> None:
        """The day's files are there, in the place of any that were."""
        self._copy(self._whole, date)

    def arrives_incomplete(self, date: str) -> None:
        """The day's files are there, without the last edit."""
        self._copy(self._incomplete, date)

    def arrives_damaged(self, date: str) -> None:
        """The day's files are there, cut off in their middle."""
        coming = self._coming(self._whole, date)
        for path in coming.iterdir():
            content = path.read_bytes()
            path.write_bytes(content[: len(content) // 2])
        self._appears(coming, date)

    def _copy(self, prepared: Path, date: str) -> None:
        self._appears(self._coming(prepared, date), date)

    def _coming(self, prepared: Path, date: str) -> Path:
        coming = self._folder / f"coming-{date}"
        return Path(shutil.copytree(prepared / EVENTS_FOLDER / f"date={date}", coming))

    def _appears(self, coming: Path, date: str) -> None:
        target = self._folder / EVENTS_FOLDER / f"date={date}"
        if target.exists():
            shutil.rmtree(target.rename(self._folder / f"going-{date}"))
        coming.rename(target)
