"""Fourteen days of sessions, of which each arrives when it is told to: whole, broken, or late."""

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from repair.recording.layout import EVENTS_FOLDER, PROJECTS_FILE
from repair.recording.writer import RecordingWriter
from tests.graph import Session, misspelt, typing_errors

ERRORS = 2
"""Misspelt names of a day, each repaired."""


def sessions(dates: Sequence[str]) -> list[Session]:
    """One project a day, in which the names of its own numbers are misspelt."""
    return [
        typing_errors(
            f"day-{number:02d}",
            range(ERRORS * number, ERRORS * (number + 1)),
            datetime.fromisoformat(date).replace(tzinfo=UTC) + timedelta(hours=9),
        )
        for number, date in enumerate(dates)
    ]


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

    def __init__(self, folder: Path, dates: Sequence[str]) -> None:
        self._folder = folder
        self._prepared = folder.with_name("prepared")
        with RecordingWriter(self._prepared) as writer:
            for session in sessions(dates):
                writer.add_project(session.project)
                writer.write_events(session.project.project_id, session.events)
        (folder / EVENTS_FOLDER).mkdir(parents=True)
        shutil.copy(self._prepared / PROJECTS_FILE, folder / PROJECTS_FILE)

    def arrives(self, date: str) -> None:
        """The day's files are there, in the place of any that were."""
        source, target = (root / EVENTS_FOLDER / f"date={date}" for root in (self._prepared, self._folder))
        coming = self._folder / f"coming-{date}"
        shutil.copytree(source, coming)
        if target.exists():
            shutil.rmtree(target)
        coming.rename(target)

    def arrives_broken(self, date: str) -> None:
        """The day's files are there, cut off in their middle."""
        self.arrives(date)
        for path in (self._folder / EVENTS_FOLDER / f"date={date}").iterdir():
            content = path.read_bytes()
            path.write_bytes(content[: len(content) // 2])
