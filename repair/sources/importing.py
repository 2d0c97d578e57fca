"""Import pipeline: a source with discovered diagnostics, written as a recording or only checked.

Tested by `tests/repair/sources/test_events.py` and `test_ot.py`.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from repair.language_servers import LanguageServers
from repair.recording.event import Event, Project
from repair.recording.snapshots import with_snapshots
from repair.recording.writer import RecordingWriter
from repair.sources.discovery import discover
from repair.sources.report import Report

Source = Iterable[tuple[Project, Iterator[Event]]]


def with_diagnostics(
    source: Source, servers: LanguageServers, report: Report, *, settle_seconds: float
) -> Source:
    """`source` with the diagnostics that `servers` find at the pauses of each project."""
    for project, events in source:
        found = discover(events, servers, settle_seconds=settle_seconds, report=report.discovery)
        yield project, found


def write_recording(source: Source, folder: Path, report: Report, *, replace: bool = False) -> None:
    """Write all of `source` as a recording. Raises ConfigurationError if the folder is in use."""
    with RecordingWriter(folder, replace=replace, on_broken=report.broken_file) as writer:
        for project, events in source:
            writer.add_project(project)
            writer.write_events(project.project_id, report.counted(events))


def check_source(source: Source, report: Report) -> None:
    """Read and replay all of `source` and write nothing; problems go to `report`."""
    for _, events in source:
        for _ in with_snapshots(report.counted(events), report.broken_file):
            pass
