"""Import report: counters, and the first examples of each problem.

Tested by `tests/repair/sources/test_events.py` and `test_ot.py`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime

from repair.recording.event import Event, estimated_bytes, event_batch
from repair.recording.validation import Problem, check_batch
from repair.replay.workspace_file import Broken
from repair.schema.events import EventKind
from repair.sources.discovery import DiscoveryReport

EXAMPLES = 5
CHUNK = 8192
CHUNK_BYTES = 64 << 20


def chunks(located: Iterable[tuple[str, Event]]) -> Iterator[list[tuple[str, Event]]]:
    """Events with their locations, as many at a time as one batch may have: in number and in bytes."""
    chunk: list[tuple[str, Event]] = []
    size = 0
    for location, event in located:
        chunk.append((location, event))
        size += estimated_bytes(event)
        if len(chunk) == CHUNK or size > CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


class Report:
    """Counters of an import. `now`: the present; an event after it is in the future."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.projects = 0
        self.sessions = 0
        self.events: Counter[str] = Counter()
        self.bad_rows: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()
        """Content of a source that has no form as events, such as the symbolic links of a git history."""
        self.licences: list[str] = []
        """Licence files that do not permit, each with its project and the reason."""
        self.refused: list[str] = []
        """Whole sources that could not be read, each with its name and the reason."""
        self.discovery = DiscoveryReport()
        self.examples: dict[str, list[Problem]] = {}

    @property
    def publications(self) -> int:
        """How often diagnostics of a file were published."""
        return self.events[EventKind.DIAGNOSTICS]

    def add(self, problem: Problem) -> None:
        """Count a bad row."""
        self.bad_rows[problem.reason] += 1
        examples = self.examples.setdefault(problem.reason, [])
        if len(examples) < EXAMPLES:
            examples.append(problem)

    def refuse(self, name: object, error: Exception) -> None:
        """Count a source that could not be read, of which nothing is imported."""
        self.refused.append(f"{name} is refused: {error}")

    def broken_file(self, project_id: str, path: str, broken: Broken) -> None:
        """Count a file that can't be replayed; the `OnBroken` of `repair.recording.snapshots`."""
        hint = "what rests on it is rejected later"
        self.add(Problem(broken.reason, f"a file that replays ({broken.detail})", hint, project_id, path))

    def counted(self, events: Iterable[Event]) -> Iterator[Event]:
        """Pass one project's events through and count them. A sequence that repeats is a problem."""
        self.projects += 1
        sessions: set[str] = set()
        last: int | None = None
        for event in events:
            self.events[str(event.kind)] += 1
            if event.session_id is not None and event.session_id not in sessions:
                sessions.add(event.session_id)
                self.sessions += 1
            if event.sequence is not None and event.sequence == last:
                self.add(
                    Problem(
                        "duplicate_event",
                        f"one event with sequence {last}",
                        "record each event once",
                        event.project_id,
                        f"{event.kind} at {event.timestamp.isoformat()}",
                    )
                )
            last = event.sequence
            yield event

    def checked(self, rows: Iterable[tuple[str, Event]], source: str, *, drop_bad: bool) -> Iterator[Event]:
        """Validate `rows`, pairs of a location in the file `source` and an event; bad ones are counted."""
        for chunk in chunks(rows):
            problems = check_batch(event_batch([event for _, event in chunk]), now=self.now)
            for row, problem in problems.items():
                self.add(problem.at(source, chunk[row][0]))
            yield from (event for row, (_, event) in enumerate(chunk) if not (drop_bad and row in problems))
