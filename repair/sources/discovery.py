"""Discovery of diagnostics in a recording that has none: the servers check what changed, at each pause.

A pause is a moment after which no edit of the project follows for `settle_seconds`, or none at all; in a
git history, each commit. These files are checked there, and the diagnostics published as an editor would:

- every Python file that was changed, created or moved since the pause before;
- files that import one of them directly, up to `MOST_IMPORTERS`, in the order of their paths. Beyond that, a
  file is checked with its own next change. The same holds for a change of configuration.

The diagnostics of a removed file are withdrawn. A file whose text is not known (it is not UTF-8, or its
packets do not replay) counts as absent.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from repair.diagnostics.diagnostic import Diagnostic
from repair.language_servers import Request, Result
from repair.language_servers.scheduler import Servers
from repair.recording.event import Event
from repair.replay.timeline import Change, StoredCopy
from repair.replay.workspace import Workspace
from repair.schema.events import EventKind, FileOperation
from repair.text.paths import is_python, is_readable, safe_path
from repair.text.python_imports import imported_names, module_name

MOST_IMPORTERS = 16

PUBLICATION_DELAY = timedelta(milliseconds=300)
"""Between the last edit and its diagnostics: about the latency of an editor's servers."""

_EDITS = (EventKind.OT, EventKind.FILE)


@dataclass(slots=True)
class DiscoveryReport:
    """Counters of a discovery run; one report may cover several projects."""

    pauses: int = 0
    checks: int = 0
    """Files that the servers checked."""
    publications: int = 0
    diagnostics: Counter[str] = field(default_factory=Counter[str])
    """Published diagnostics by code: one counts each time that it is published."""
    failed: Counter[str] = field(default_factory=Counter[str])
    """Pauses without publications, by the servers' reason."""


@dataclass(frozen=True, slots=True)
class _Pause:
    """A pause: the request to the servers, and the events around the publications."""

    events: list[Event]
    """From the pause before to the edit that this one follows."""
    after: list[Event]
    """Between that edit and the next one."""
    template: Event
    """A publication without path and diagnostics."""
    request: Request
    gone: tuple[str, ...]
    """Paths of removed files."""


def discover(
    events: Iterable[Event],
    servers: Servers,
    *,
    settle_seconds: float,
    report: DiscoveryReport | None = None,
    progress: Callable[[DiscoveryReport], None] | None = None,
) -> Iterator[Event]:
    """The events of one project in time order, with the diagnostics that the servers find at its pauses.

    Publications have no `sequence`: the writer numbers them. A pause where the servers fail has none and
    is counted. `progress` is called after every pause. A few pauses are read ahead, so that all workers of
    `servers` stay busy; memory is bounded by the project's texts.
    """
    if settle_seconds <= 0:
        raise ValueError(f"settle_seconds is {settle_seconds}, expected more than 0")
    total = DiscoveryReport() if report is None else report
    read = _PauseSplitter(timedelta(seconds=settle_seconds))
    pending: deque[_Pause] = deque()

    def requests() -> Iterator[Request]:
        for pause in read.pauses(events):
            pending.append(pause)
            yield pause.request

    published: dict[str, bool] = {}
    for result in servers.check_many(requests()):
        pause = pending.popleft()
        publications = list(_publications(pause, result, published, total))
        yield from pause.events
        yield from _merged(pause.after, publications)
        if progress is not None:
            progress(total)
    yield from read.rest


def _publications(
    pause: _Pause, result: Result, published: dict[str, bool], report: DiscoveryReport
) -> Iterator[Event]:
    """`published`: whether the latest publication of a path held diagnostics."""
    report.pauses += 1
    found: dict[str, list[Diagnostic]] = {path: [] for path in pause.request.paths or ()}
    if result.reason is not None:
        report.failed[result.reason] += 1
        found.clear()
    else:
        report.checks += len(found)
        for diagnostic in result.diagnostics:
            found[diagnostic.path].append(diagnostic)
    for path in pause.gone:
        if published.get(path):
            found[path] = []
    for path in sorted(found):
        published[path] = bool(found[path])
        report.publications += 1
        report.diagnostics.update(diagnostic.code for diagnostic in found[path])
        yield _publication(pause.template, path, [_published(diagnostic) for diagnostic in found[path]])


def _published(diagnostic: Diagnostic) -> dict[str, Any]:
    """The row of `repair.schema.events.PUBLISHED_DIAGNOSTIC`."""
    return {
        "code": diagnostic.code,
        "message": diagnostic.message,
        "severity": diagnostic.severity,
        "start_line": diagnostic.start_line,
        "start_character": diagnostic.start_character,
        "end_line": diagnostic.end_line,
        "end_character": diagnostic.end_character,
        "code_action": diagnostic.has_code_action,
    }


def _publication(template: Event, path: str, diagnostics: list[dict[str, Any]]) -> Event:
    return Event(
        template.project_id,
        template.timestamp,
        EventKind.DIAGNOSTICS,
        template.session_id,
        path=path,
        diagnostics=diagnostics,
    )


def _merged(events: list[Event], publications: list[Event]) -> Iterator[Event]:
    """Merge both in time order; at the same instant a publication comes last."""
    moment = publications[0].timestamp if publications else None
    early = [event for event in events if moment is None or event.timestamp <= moment]
    yield from early
    yield from publications
    yield from events[len(early) :]


class _PauseSplitter:
    """Splits a project's events at its pauses."""

    def __init__(self, settle: timedelta) -> None:
        self._settle = settle
        self._files = _ProjectTexts()
        self.rest: list[Event] = []
        """Events after the last pause, once all were read."""

    def pauses(self, events: Iterable[Event]) -> Iterator[_Pause]:
        before: list[Event] = []
        after: list[Event] = []
        last: Event | None = None
        for event in events:
            if event.kind not in _EDITS:
                after.append(event)
            else:
                pause = None
                if last is not None and event.timestamp - last.timestamp >= self._settle:
                    pause = self._pause(before, after, last, event)
                if pause is None:
                    before += after
                else:
                    yield pause
                    before = []
                before.append(event)
                after, last = [], event
            self._files.apply(event)
        pause = None if last is None else self._pause(before, after, last, None)
        if pause is None:
            self.rest = before + after
        else:
            yield pause

    def _pause(
        self, before: list[Event], after: list[Event], last: Event, following: Event | None
    ) -> _Pause | None:
        targets, gone = self._files.pop_changed()
        if not targets and not gone:
            return None
        moment = last.timestamp + PUBLICATION_DELAY
        if following is not None:
            moment = min(moment, following.timestamp - timedelta(microseconds=1))
        template = Event(last.project_id, moment, EventKind.DIAGNOSTICS, last.session_id)
        return _Pause(before, after, template, Request(self._files.texts(), targets), gone)


class _ProjectTexts:
    """The texts of a project that the servers read, kept up to date by its events."""

    def __init__(self) -> None:
        self._workspace: Workspace | None = None
        self._texts: dict[str, str] = {}
        self._changed: set[str] = set()
        self._stored: dict[str, tuple[bytes | None, int | None]] | None = None

    def texts(self) -> Mapping[str, str]:
        """A copy of the texts at this moment."""
        return dict(self._texts)

    def apply(self, event: Event) -> None:
        sequence = event.sequence or 0
        if self._workspace is None:
            # The project is empty before its first event.
            self._workspace = Workspace()
            self._workspace.restore(StoredCopy(event.timestamp, sequence, {}))
        if event.kind == EventKind.SNAPSHOT:
            self._stored = self._stored or {}
            if event.path is not None:
                self._stored.setdefault(event.path, (event.content, event.version))
            return
        if self._stored is not None:
            self._workspace.restore(StoredCopy(event.timestamp, sequence, self._stored))
            self._changed |= self._texts.keys() | self._stored.keys()
            self._stored = None
        if event.kind not in _EDITS or event.path is None:
            return
        for path in (event.path, event.destination):
            if path is not None:
                self._changed.add(path)
                self._changed.update(known for known in self._texts if known.startswith(path + "/"))
                if event.operation == FileOperation.MOVE and event.destination is not None:
                    self._changed.update(
                        event.destination + known[len(event.path) :]
                        for known in self._texts
                        if known.startswith(event.path + "/")
                    )
        self._workspace.apply(
            Change(
                event.timestamp,
                sequence,
                event.kind,
                event.path,
                event.packet,
                event.operation,
                event.destination,
                event.content,
                event.version,
            )
        )

    def pop_changed(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Python files to check, and paths of removed files, since the last call."""
        changed, self._changed = self._changed, set()
        targets: set[str] = set()
        gone: set[str] = set()
        for path in changed:
            text = None if self._workspace is None or not safe_path(path) else self._workspace.text(path)
            before = self._texts.get(path)
            if text is None or not is_readable(path):
                if self._texts.pop(path, None) is not None:
                    gone.add(path)
            elif text != before:
                self._texts[path] = text
                targets.add(path)
        moved = {name for path in targets | gone if (name := module_name(path)) is not None}
        importers = (
            path
            for path, text in sorted(self._texts.items())
            if path not in targets and not moved.isdisjoint(imported_names(text))
        )
        targets.update(path for path, _ in zip(importers, range(MOST_IMPORTERS), strict=False))
        return tuple(sorted(path for path in targets if is_python(path))), tuple(sorted(gone))
