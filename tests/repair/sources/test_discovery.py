"""Discovery: when the servers are asked, about what, and what is published where."""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from repair.diagnostics.diagnostic import Diagnostic
from repair.language_servers import LanguageServers, Request, Result, ServerTimeoutError
from repair.ot import packets as ot
from repair.recording.event import Event
from repair.schema.events import EventKind, FileOperation
from repair.sources.discovery import MOST_IMPORTERS, DiscoveryReport, discover
from repair.sources.simulated import projects_and_events

START = datetime(2024, 5, 6, 9, tzinfo=UTC)


class WordServers:
    """Fake servers: report a diagnostic on each line with `bad`, and record the requests.

    They read `ahead` requests before they answer the first, as the real ones do, and fail at those whose
    indices are in `failing`.
    """

    def __init__(self, ahead: int = 4, failing: Sequence[int] = ()) -> None:
        self.ahead = ahead
        self.failing = failing
        self.asked: list[Request] = []

    def check_many(self, requests: Iterable[Request]) -> Iterator[Result]:
        pending: list[tuple[int, Request]] = []
        for number, request in enumerate(requests):
            self.asked.append(request)
            pending.append((number, request))
            if len(pending) > self.ahead:
                yield self._result(*pending.pop(0))
        for number, request in pending:
            yield self._result(number, request)

    def _result(self, number: int, request: Request) -> Result:
        if number in self.failing:
            return Result(error=ServerTimeoutError("too slow"))
        found = [
            Diagnostic(path, line, 0, 0, line, 3, 3, "ruff[X1]", f"bad in {path}", "error", True)
            for path in request.paths or ()
            for line, text in enumerate(request.files[path].split("\n"))
            if "bad" in text
        ]
        return Result(sorted(found))


class Editor:
    """Makes the events of one project; times are seconds after its start."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.versions: dict[str, int] = {}

    def event(self, seconds: float, kind: EventKind, path: str | None = None, **columns: Any) -> Event:
        return Event("p", START + timedelta(seconds=seconds), kind, "s", path=path, **columns)

    def create(self, seconds: float, path: str, text: str) -> Event:
        self.texts[path], self.versions[path] = text, 0
        operation = FileOperation.CREATE
        return self.event(seconds, EventKind.FILE, path, operation=operation, content=text.encode())

    def edit(self, seconds: float, path: str, text: str, *, wrong: bool = False) -> Event:
        """`wrong`: the packet's checksum is not that of the text."""
        ops = ot.minimal_ops(self.texts[path], text)
        self.texts[path] = text
        self.versions[path] += 1
        checksum = zlib.crc32(text.encode()) ^ wrong
        moment = START + timedelta(seconds=seconds)
        packet = ot.Packet(tuple(ops), checksum, moment, self.versions[path])
        return self.event(seconds, EventKind.OT, path, packet=ot.encode_packet(packet))

    def remove(self, seconds: float, path: str) -> Event:
        return self.event(seconds, EventKind.FILE, path, operation=FileOperation.REMOVE)

    def move(self, seconds: float, path: str, to: str) -> Event:
        return self.event(seconds, EventKind.FILE, path, operation=FileOperation.MOVE, destination=to)


@pytest.fixture
def editor() -> Editor:
    return Editor()


def published(events: Iterable[Event]) -> list[tuple[float, str | None, int]]:
    """(seconds after the start, path, diagnostics) of each publication."""
    return [
        ((event.timestamp - START).total_seconds(), event.path, len(event.diagnostics or ()))
        for event in events
        if event.kind == EventKind.DIAGNOSTICS
    ]


def run(events: list[Event], servers: WordServers | None = None, settle: float = 3) -> list[Event]:
    """Everything that comes out; what went in is there, unchanged and in order, among rising times."""
    found = list(discover(events, servers or WordServers(), settle_seconds=settle))
    assert [event for event in found if event.kind != EventKind.DIAGNOSTICS] == events
    times = [event.timestamp for event in found]
    assert times == sorted(times)
    return found


def test_it_looks_when_nothing_is_typed_for_a_while(editor: Editor) -> None:
    events = [
        editor.create(0, "a.py", "bad\n"),
        editor.edit(2.9, "a.py", "bad\nba\n"),  # too soon to look at what was before
        editor.edit(4, "a.py", "bad\nbad\n"),
        editor.edit(7, "a.py", "bad\ngood\n"),  # exactly late enough
        editor.edit(8, "a.py", "good\ngood\n"),  # the end
    ]
    assert published(run(events)) == [(4.3, "a.py", 2), (8.3, "a.py", 0)]


def test_a_publication_has_its_place_among_other_events(editor: Editor) -> None:
    events = [
        editor.create(0, "a.py", "bad"),
        editor.event(0.2, EventKind.EXECUTION, payload="{}"),
        editor.event(0.4, EventKind.SHELL_COMMAND, payload="{}"),
        editor.edit(5, "a.py", "good"),
    ]
    assert [event.kind for event in run(events)] == [
        EventKind.FILE,
        EventKind.EXECUTION,
        EventKind.DIAGNOSTICS,
        EventKind.SHELL_COMMAND,
        EventKind.OT,
        EventKind.DIAGNOSTICS,
    ]


def test_commits_a_millisecond_apart_are_looked_at_each(editor: Editor) -> None:
    events = [
        editor.create(0, "a.py", "bad"),
        editor.create(0, "b.py", "bad"),  # of the same commit
        editor.edit(0.001, "a.py", "good"),
    ]
    found = published(run(events, settle=0.001))
    assert found == [(0.000999, "a.py", 1), (0.000999, "b.py", 1), (0.301, "a.py", 0)]


def test_the_session_and_the_row_of_a_publication(editor: Editor) -> None:
    _, publication = run([editor.create(0, "a.py", "x\nbad")])
    assert (publication.session_id, publication.sequence) == ("s", None)
    assert publication.diagnostics == [
        {
            "code": "ruff[X1]",
            "message": "bad in a.py",
            "severity": "error",
            "start_line": 1,
            "start_character": 0,
            "end_line": 1,
            "end_character": 3,
            "code_action": True,
        }
    ]


def test_what_does_not_change_a_text_asks_nothing(editor: Editor) -> None:
    servers = WordServers()
    events = [
        editor.create(0, "a.py", "good"),
        editor.edit(10, "a.py", "good!"),
        editor.edit(11, "a.py", "good"),  # undone at once
        editor.create(30, "README.md", "bad"),  # no file of a server
        editor.event(40, EventKind.EDITOR_ACTION, payload="{}"),
    ]
    assert published(run(events, servers)) == [(0.3, "a.py", 0)]
    assert [request.paths for request in servers.asked] == [("a.py",)]


def test_what_is_gone_is_withdrawn_once(editor: Editor) -> None:
    events = [
        editor.create(0, "a.py", "bad"),
        editor.create(10, "b.py", "good"),
        editor.move(20, "a.py", "c.py"),
        editor.remove(30, "c.py"),
        editor.remove(40, "b.py"),  # it had no diagnostics to withdraw
    ]
    assert published(run(events)) == [
        (0.3, "a.py", 1),
        (10.3, "b.py", 0),
        (20.3, "a.py", 0),
        (20.3, "c.py", 1),
        (30.3, "c.py", 0),
    ]


def test_a_folder_moves_and_goes_with_its_files(editor: Editor) -> None:
    events = [
        editor.create(0, "old/a.py", "bad"),
        editor.create(0, "older.py", "bad"),
        editor.move(10, "old", "new"),
        editor.remove(20, "new"),
    ]
    assert published(run(events))[2:] == [(10.3, "new/a.py", 1), (10.3, "old/a.py", 0), (20.3, "new/a.py", 0)]


# How a file may import `pkg/tool.py`, and what only looks like it.
IMPORTS = [
    ("import pkg.tool", True),
    ("from pkg import tool", True),
    ("from pkg.tool import run", True),
    ("from . import tool", True),
    ("from .tool import run", True),
    ("from pkg import (\n    other,\n    tool,\n)", True),
    ("def f():\n    import pkg.tool as t", True),  # inside a function
    ("import pkg.tools", False),  # a longer name
    ("tool = 1", False),
    ("# import pkg.tool", False),
]


@pytest.mark.parametrize(("text", "imports"), IMPORTS)
def test_importers_of_what_changed_are_looked_at_too(editor: Editor, text: str, imports: bool) -> None:
    servers = WordServers()
    events = [
        editor.create(0, "pkg/user.py", text),
        editor.create(0, "pkg/tool.py", "def run(): ..."),
        editor.edit(10, "pkg/tool.py", "def go(): ..."),
    ]
    run(events, servers)
    wanted = ("pkg/tool.py", "pkg/user.py") if imports else ("pkg/tool.py",)
    assert servers.asked[-1].paths == wanted


def test_only_so_many_importers_are_looked_at(editor: Editor) -> None:
    servers = WordServers()
    users = [f"user{number:03d}.py" for number in range(100)]
    events = [editor.create(0, user, "import tool") for user in users]
    events += [editor.create(0, "tool.py", "x = 1"), editor.edit(10, "tool.py", "x = 2")]
    run(events, servers)
    assert servers.asked[-1].paths == ("tool.py", *users[:MOST_IMPORTERS])


def test_the_servers_get_every_file_that_they_read(editor: Editor) -> None:
    servers = WordServers()
    modified = FileOperation.MODIFY
    events = [
        editor.create(0, "a.py", "x"),
        editor.create(0, "pyproject.toml", "[tool.ruff]"),
        editor.create(0, "secret.env", "no"),
        editor.edit(10, "a.py", "y"),
        editor.event(20, EventKind.FILE, "a.py", operation=modified, content=b"\xff"),  # no text any more
        editor.create(30, "b.py", "z"),
    ]
    run(events, servers)
    assert [dict(request.files) for request in servers.asked] == [
        {"a.py": "x", "pyproject.toml": "[tool.ruff]"},  # as they were then, not as they are now
        {"a.py": "y", "pyproject.toml": "[tool.ruff]"},
        {"pyproject.toml": "[tool.ruff]"},
        {"b.py": "z", "pyproject.toml": "[tool.ruff]"},
    ]


def test_a_file_whose_packets_do_not_replay_is_not_there(editor: Editor) -> None:
    events = [
        editor.create(0, "a.py", "bad"),
        editor.create(0, "b.py", "good"),
        editor.edit(10, "a.py", "bad bad", wrong=True),
        editor.edit(20, "b.py", "bad"),
    ]
    assert published(run(events)) == [
        (0.3, "a.py", 1),
        (0.3, "b.py", 0),
        (10.3, "a.py", 0),
        (20.3, "b.py", 1),
    ]


def test_a_stored_snapshot_is_the_base(editor: Editor) -> None:
    editor.texts["a.py"], editor.versions["a.py"] = "good", 7
    events = [
        editor.event(0, EventKind.SNAPSHOT, "a.py", content=b"good", version=7),
        editor.event(0, EventKind.SNAPSHOT, "never_opened.py", content=b"bad"),
        editor.edit(10, "a.py", "bad"),
    ]
    assert published(run(events)) == [(10.3, "a.py", 1), (10.3, "never_opened.py", 1)]


def test_a_failing_check_costs_its_own_pause_only(editor: Editor) -> None:
    events = [editor.create(0, "a.py", "bad")]
    events += [editor.edit(10 * lines, "a.py", "bad\n" * lines) for lines in (2, 3)]
    report = DiscoveryReport()
    seen: list[int] = []
    found = discover(
        events,
        WordServers(failing=[1]),
        settle_seconds=3,
        report=report,
        progress=lambda so_far: seen.append(so_far.pauses),
    )
    assert published(found) == [(0.3, "a.py", 1), (30.3, "a.py", 3)]
    assert (report.pauses, report.checks, report.publications) == (3, 2, 2)
    assert report.failed == {"server_timeout": 1}
    assert report.diagnostics == {"ruff[X1]": 4}
    assert seen == [1, 2, 3]


def test_a_few_pauses_are_read_ahead_and_no_more(editor: Editor) -> None:
    read: list[int] = []

    def events() -> Iterator[Event]:
        yield editor.create(0, "a.py", "")
        for number in range(1, 1000):
            read.append(number)
            yield editor.edit(number * 10, "a.py", f"{number}")

    found = discover(events(), WordServers(ahead=4), settle_seconds=3)
    next(found)
    assert len(read) == 5
    list(found)
    assert len(read) == 999


@pytest.mark.parametrize("seconds", [0, -1])
def test_without_a_pause_there_is_nothing_to_find(seconds: float) -> None:
    with pytest.raises(ValueError, match="settle_seconds"):
        list(discover([], WordServers(), settle_seconds=seconds))


def test_no_events_no_questions() -> None:
    servers = WordServers()
    assert list(discover([], servers, settle_seconds=3)) == []
    assert not servers.asked


def test_the_servers_see_what_the_typist_gets_wrong(servers: LanguageServers) -> None:
    """Real servers on a simulated project: mistakes show as errors, and corrected ones are gone."""
    _, events = next(projects_and_events(seed=5, projects=1, days=1, modules_per_project=1))
    report = DiscoveryReport()
    found = list(discover(events, servers, settle_seconds=3, report=report))
    assert not report.failed
    assert report.pauses > 15
    errors = [
        {(row["code"], row["message"]) for row in event.diagnostics or () if row["severity"] == "error"}
        for event in found
        if event.kind == EventKind.DIAGNOSTICS
    ]
    ever = set[tuple[str, str]]().union(*errors)
    gone = ever - errors[-1]
    assert len(ever - errors[0]) >= 5
    assert len(gone) >= 5
    assert any(code.startswith("pyright") for code, _ in gone)


def test_characters_are_utf_16_units(editor: Editor, servers: LanguageServers) -> None:
    events = [editor.create(0, "a.py", 'x = "🐍"; y = undefined_name\n')]
    _, publication = discover(events, servers, settle_seconds=3)
    rows = {row["code"]: row for row in publication.diagnostics or ()}
    for code in ("ruff[F821]", "pyright[reportUndefinedVariable]"):
        assert rows[code]["start_character"] == 14  # and 13 code points
        assert rows[code]["code_action"] is False
