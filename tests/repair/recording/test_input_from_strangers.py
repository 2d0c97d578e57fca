"""What a stranger's recording may hold, on every way in: a defined result, and a reason.

docs/recordings.md#input-that-is-refused has the table. What is about one way in alone is tested beside it
(`test_validation`, `test_events_source`, `test_ot_source`, `test_git`, `test_workspace`, `test_error_states`,
`language_servers/test_workspaces`); `test_malformed_timelines` mixes it all, and
`language_servers/test_hostile_workspaces` looks at the disk.
"""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from repair.error_states import project as states
from repair.ot.packets import Delete, Insert, Skip
from repair.recording import validation
from repair.recording.event import Event, Project, event_batch
from repair.recording.session_events import session_events
from repair.replay import engine, workspace_file
from repair.replay.workspace import workspaces_at
from repair.schema.events import EVENTS, PROJECTS, EventKind, FileOperation
from repair.sources import events as events_source
from repair.sources import importing, ot, rows
from repair.sources.report import Report
from tests.recorded import NOON, NOW, Typist, diagnostic
from tests.repair.error_states.test_project import episode, outcomes
from tests.repair.replay.recorded_project import RecordedProject, at

LAST = 2**62


def outcome(*recorded: Event | pa.RecordBatch) -> list[str | None]:
    """The reasons of the stage `session_events`."""
    projects = pa.Table.from_pylist([{"project_id": "p"}], PROJECTS)
    batches = [part if isinstance(part, pa.RecordBatch) else event_batch([part]) for part in recorded]
    found = list(session_events(batches, projects, now=NOW))
    assert sum(batch.num_rows for batch in found) == sum(batch.num_rows for batch in batches)
    return [reason for batch in found for reason in batch.column("reason").to_pylist()]


def snapshot(path: str | None, content: bytes | None, sequence: int, at: datetime = NOON) -> Event:
    return Event("p", at, EventKind.SNAPSHOT, sequence=sequence, path=path, content=content)


def files_at(project: RecordedProject, seconds: float) -> dict[str, str]:
    (state,) = workspaces_at(project.table(), [(at(seconds), LAST)])
    assert not state.broken
    return state.files


# --- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("one", "other"), [("Main.py", "main.py"), ("\u00e9.py", "e\u0301.py")])
def test_names_that_differ_in_case_or_in_their_unicode_form_alone_are_two_files(one: str, other: str) -> None:
    project = RecordedProject()
    project.snapshot(0, {one: "a = 1\n", other: "b = 1\n"})
    project.edit(1, one, "a = 2\n")
    project.file(2, FileOperation.MOVE, other, destination="c.py")
    assert files_at(project, 1) == {one: "a = 2\n", other: "b = 1\n"}
    assert files_at(project, 3) == {one: "a = 2\n", "c.py": "b = 1\n"}
    assert outcome(snapshot(one, b"", 0), snapshot(other, b"", 1)) == [None, None]


def test_one_name_twice_in_a_snapshot_counts_once_and_the_first_time() -> None:
    same_again = [snapshot("a.py", b"a", 0), snapshot("b.py", b"b", 1), snapshot("a.py", b"c", 2)]
    assert outcome(*same_again) == [None, None, "duplicate_event"]
    # at another instant it is another snapshot
    later = [
        replace(event, timestamp=NOON + timedelta(days=1), sequence=event.sequence + 3)
        for event in same_again
    ]  # type: ignore[operator]
    assert outcome(event_batch(same_again), event_batch(later)) == 2 * [None, None, "duplicate_event"]
    (state,) = workspaces_at(pa.Table.from_batches([event_batch(same_again)]), [(NOON, LAST)])
    assert state.files == {"a.py": "a", "b.py": "b"}


def test_a_move_or_a_creation_onto_a_file_that_is_there_takes_its_place() -> None:
    project = RecordedProject()
    project.snapshot(0, {"a.py": "a", "b.py": "b", "c.py": "c"})
    project.file(1, FileOperation.MOVE, "a.py", destination="b.py")
    project.file(1, FileOperation.CREATE, "c.py", content=b"new")
    project.edit(2, "b.py", "a, moved")
    assert files_at(project, 3) == {"b.py": "a, moved", "c.py": "new"}


# --- sizes ----------------------------------------------------------------------------------------


def test_a_row_with_a_huge_content_or_packet_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    create = Event(
        "p", NOON, EventKind.FILE, sequence=0, path="a.bin", operation="create", content=b"\xff" * 100
    )
    typed = replace(Typist().types("a.py", "x" * 90, NOON), sequence=0)
    monkeypatch.setattr(validation, "LARGEST_CONTENT", len(typed.packet or b""))
    assert outcome(typed) == [None]
    monkeypatch.setattr(validation, "LARGEST_CONTENT", 100)
    assert outcome(create) == [None]
    monkeypatch.setattr(validation, "LARGEST_CONTENT", 99)
    assert outcome(create) == outcome(typed) == ["too_large"]


def test_the_limit_of_a_row_is_the_documented_one() -> None:
    assert workspace_file.LARGEST_CONTENT == 16 << 20
    content = bytes(workspace_file.LARGEST_CONTENT + 1)
    assert outcome(snapshot("a.bin", content, 0)) == ["too_large"]
    assert outcome(snapshot("a.bin", content[:-1], 0)) == [None]


@pytest.mark.parametrize("compiled_from", [1, 10**9])  # both ways of replaying
def test_a_text_that_grows_too_large_breaks_its_file_until_it_is_told_anew(
    compiled_from: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_SHORT", compiled_from)
    monkeypatch.setattr(engine, "_LOADING", compiled_from)
    monkeypatch.setattr(engine, "_COMPILING", compiled_from)
    monkeypatch.setattr(workspace_file, "LARGEST_TEXT", 1000)
    project = RecordedProject()
    project.snapshot(0, {"a.py": "é" * 999, "b.py": "b"})
    project.edit(1, "a.py", "é" * 1000)  # code points, not bytes
    project.edit(2, "a.py", "é" * 1001)
    project.edit(3, "a.py", "é")  # too late
    project.file(4, FileOperation.MODIFY, "a.py", content=b"told anew")
    project.edit(5, "b.py", "x" * 5000)
    reasons = [
        {path: broken.reason for path, broken in state.broken.items()}
        for state in workspaces_at(project.table(), [(at(second), LAST) for second in (1, 2, 3, 4, 5)])
    ]
    assert reasons == [{}, {"a.py": "too_large"}, {"a.py": "too_large"}, {}, {"b.py": "too_large"}]


def test_many_edits_that_stay_small_are_not_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits has more bytes than a text may have code points; the text never has."""
    monkeypatch.setattr(engine, "_SHORT", 2)
    monkeypatch.setattr(engine, "_LOADING", 2)
    monkeypatch.setattr(engine, "_COMPILING", 2)
    monkeypatch.setattr(workspace_file, "LARGEST_TEXT", 200)
    monkeypatch.setattr(workspace_file, "LARGEST_CONTENT", 300)
    project = RecordedProject()
    project.snapshot(0, {"a.py": ""})
    for second in range(1, 30):
        project.edit(second, "a.py", str(second) * 60)
    assert files_at(project, 29) == {"a.py": "29" * 60}


@pytest.mark.parametrize("content", [b"x" * 201, b"\xff" * 301], ids=["text", "binary"])
def test_a_file_that_comes_too_large_is_broken(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workspace_file, "LARGEST_TEXT", 200)
    monkeypatch.setattr(workspace_file, "LARGEST_CONTENT", 300)
    project = RecordedProject()
    project.snapshot(0, {"a.py": content, "b.py": b"\xff" * 300, "c.py": "x" * 200})
    (state,) = workspaces_at(project.table(), [(at(1), LAST)])
    assert {path: broken.reason for path, broken in state.broken.items()} == {"a.py": "too_large"}


def test_a_workspace_that_is_too_large_is_rejected_row_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    project = RecordedProject()
    project.snapshot(0, {"main.py": "a\nb\n", "helper.py": "x" * 96, "data.csv": "x" * 1000})
    monkeypatch.setattr(states, "LARGEST_WORKSPACE", 100)  # what no server reads does not count
    project.edit(5, "helper.py", "x" * 97)
    small, large = outcomes(project, episode(1), episode(6))
    assert (small["reason"], large["reason"]) == (None, "too_large")
    assert "2 files have 101 code points" in large["detail"]


def test_a_line_of_json_that_is_too_long_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "LONGEST_LINE", 200)
    short = {"project_id": "p", "timestamp": NOON.isoformat(), "kind": "execution", "payload": {}}
    long = short | {"payload": {"x": "y" * 1000}}
    (tmp_path / "projects.jsonl").write_text('{"project_id": "p"}\n')
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(row) + "\n" for row in (short, long, short)))
    report = Report(NOW)
    found = [list(events) for _, events in events_source.projects_and_events(tmp_path, report=report)]
    assert [len(events) for events in found] == [2]
    assert report.bad_rows == {"too_large": 1}
    assert report.examples["too_large"][0].row == "line 2"


# --- an OT folder ---------------------------------------------------------------------------------


class Folder:
    """An OT folder of the project `p`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.put("projects.jsonl", b'{"project_id": "p"}\n')

    def put(self, name: str, data: bytes) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_bytes(data)

    def read(self) -> tuple[list[Event], Report]:
        report = Report(NOW)
        ((_, events),) = ot.projects_and_events(self.root, report=report)
        return list(events), report


@pytest.mark.parametrize("odd", [datetime(1969, 12, 31, tzinfo=UTC), datetime(9999, 12, 31, 23, tzinfo=UTC)])
def test_a_packet_at_an_impossible_time_is_left_out_and_moves_no_other(tmp_path: Path, odd: datetime) -> None:
    folder, typist = Folder(tmp_path / "ot"), Typist()
    moments = [NOON, odd, NOON + timedelta(minutes=1)]
    packets = [typist.packet("a.py", f"x = {number}\n", moment) for number, moment in enumerate(moments)]
    lines = "".join(packet.to_json() + "\n" for packet in packets)
    folder.put("p/packets/a.py.jsonl", lines.encode())
    events, report = folder.read()
    assert [event.timestamp for event in events] == [NOON, NOON + timedelta(minutes=1)]
    assert report.bad_rows == {"bad_timestamp": 1}
    # the packet behind it lacks its predecessor, and is told at the import
    importing.check_source([(Project("p"), iter(events))], report)
    assert report.bad_rows == {"bad_timestamp": 1, "version_gap": 1}


@pytest.mark.parametrize("name", ["99991231T000000Z", "19691231T000000Z"])
def test_a_stored_copy_at_an_impossible_time_is_left_out(tmp_path: Path, name: str) -> None:
    folder = Folder(tmp_path / "ot")
    folder.put(f"p/snapshots/{name}/a.py", b"")
    events, report = folder.read()
    assert (events, report.bad_rows) == ([], {"bad_timestamp": 1})


def test_a_huge_stored_file_is_left_out_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ot, "LARGEST_CONTENT", 100)
    folder = Folder(tmp_path / "ot")
    folder.put("p/snapshots/20240501T000000Z/a.bin", bytes(101))
    folder.put("p/snapshots/20240501T000000Z/b.bin", bytes(100))
    events, report = folder.read()
    assert [event.path for event in events] == ["b.bin"]
    assert report.bad_rows == {"too_large": 1}


# --- a folder of events ---------------------------------------------------------------------------


def test_a_link_among_the_files_of_events_is_not_followed(tmp_path: Path) -> None:
    row = {"project_id": "p", "timestamp": NOON.isoformat(), "kind": "execution", "payload": {}}
    (tmp_path / "elsewhere.jsonl").write_text(json.dumps(row) + "\n")
    folder = tmp_path / "events"
    folder.mkdir()
    (folder / "projects.jsonl").write_text('{"project_id": "p"}\n')
    (folder / "a.jsonl").write_text(json.dumps(row) + "\n")
    (folder / "b.jsonl").symlink_to(tmp_path / "elsewhere.jsonl")
    report = Report(NOW)
    found = [list(events) for _, events in events_source.projects_and_events(folder, report=report)]
    assert [len(events) for events in found] == [1]
    assert report.bad_rows == {"unsafe_path": 1}


# --- texts and times that Python can't say --------------------------------------------------------


def test_text_of_a_diagnostic_that_is_not_utf8_is_rejected() -> None:
    """Half a surrogate pair, as a recorder in another language writes it: Arrow takes it, Python does not."""
    rows_ = [
        Event("p", NOON, EventKind.DIAGNOSTICS, sequence=n, path="a.py", diagnostics=shown)
        for n, shown in enumerate([[diagnostic(), diagnostic(message="!!!")], [], [diagnostic()]])
    ]
    batch = event_batch(rows_)
    column: Any = batch.column("diagnostics")
    message = column.values.field("message").cast(pa.binary()).to_pylist()
    broken = [b"\xed\xa0\x80" if value == b"!!!" else value for value in message]
    fields = [column.values.field(n) for n in range(column.values.type.num_fields)]
    fields[1] = pa.array(broken, pa.binary()).cast(pa.string(), safe=False)
    structs = pa.StructArray.from_arrays(fields, fields=list(column.values.type))
    lists = pa.ListArray.from_arrays(column.offsets, structs, type=column.type)
    position = EVENTS.get_field_index("diagnostics")
    batch = batch.set_column(position, EVENTS.field(position), lists)
    projects = pa.Table.from_pylist([{"project_id": "p"}], PROJECTS)
    (found,) = session_events([batch], projects, now=NOW)
    assert found.column("reason").to_pylist() == ["bad_utf8", None, None]
    assert found.column("diagnostics").to_pylist()[0][1]["message"] == "\ufffd\ufffd\ufffd"
    assert found.column("diagnostics").to_pylist()[1:] == [[], [diagnostic()]]


@pytest.mark.parametrize("microseconds", [-(2**63), -1, 2**63 - 1])
def test_a_time_that_no_calendar_has_is_rejected(microseconds: int) -> None:
    batch = event_batch([Event("p", NOON, EventKind.EXECUTION, sequence=0, payload="{}")])
    times = pa.array([microseconds]).cast(EVENTS.field("timestamp").type)
    position = EVENTS.get_field_index("timestamp")
    assert outcome(batch.set_column(position, EVENTS.field(position), times)) == ["bad_timestamp"]


def test_nul_is_text_like_any_other_and_no_part_of_a_path() -> None:
    project = RecordedProject()
    project.snapshot(0, {"main.py": "a = '\0'\nb\n"})
    project.edit(1, "main.py", "a = '\0\0'\nb\n")
    (row,) = outcomes(project, episode(2))
    assert row["reason"] is None
    assert row["files"] == [{"path": "main.py", "text": "a = '\0\0'\nb\n"}]
    assert outcome(snapshot("a\0.py", b"", 0)) == ["unsafe_path"]


def test_a_lone_surrogate_in_a_line_of_json_is_left_out(tmp_path: Path) -> None:
    packet = json.loads(Typist().packet("a.py", "x", NOON).to_json())
    packet["op"] = [{"op": "insert", "chars": "\ud800"}]
    folder = Folder(tmp_path / "ot")
    folder.put("p/packets/a.py.jsonl", json.dumps(packet).encode() + b"\n")
    events, report = folder.read()
    assert (events, report.bad_rows) == ([], {"bad_utf8": 1})


# --- packets out of order, twice, with gaps -------------------------------------------------------


@pytest.mark.parametrize(
    ("versions", "reason"),
    [
        ((1, 2, 3), None),
        ((1, 3, 2), "version_gap"),  # out of order
        ((1, 2, 2), "version_gap"),  # twice
        ((1, 3, 4), "version_gap"),  # with a gap
        ((0, 1, 2), None),  # a base without a version says nothing about the first
        ((2**32 - 2, 2**32 - 1, 0), "version_gap"),  # versions do not begin anew
    ],
)
def test_versions_rise_by_one(versions: tuple[int, ...], reason: str | None) -> None:
    project = RecordedProject()
    project.row(0, EventKind.SNAPSHOT, path="main.py", content=b"a\nb\n")
    project.texts["main.py"] = "a\nb\n"
    for number, version in enumerate(versions):
        project.edit(1 + number, "main.py", f"a\nb = {number}\n", version=version)
    (row,) = outcomes(project, episode(9))
    assert row["reason"] == reason


def test_ops_that_overlap_or_reach_past_the_end_are_no_edit() -> None:
    for ops in ((Skip(5),), (Delete(5),), (Skip(2), Delete(3)), (Insert("x"), Skip(5))):
        project = RecordedProject()
        project.snapshot(0, {"main.py": "a\nb\n"})
        project.edit(1, "main.py", "a\nb\n", ops=ops)
        (row,) = outcomes(project, episode(2))
        assert row["reason"] in ("skip_past_end", "delete_past_end")


# --- a project with no Python ---------------------------------------------------------------------


def test_a_project_without_python_has_events_and_no_diagnostic_to_learn_from() -> None:
    """Its recorded language decides at sampling (`repair.curation.policy`); where none is, its files do."""
    project = RecordedProject()
    project.snapshot(0, {"main.rs": "fn main() {}\n", "README.md": "read\n"})
    project.edit(1, "main.rs", "fn main() { }\n")
    rows_ = outcomes(project, episode(2, "main.rs", 0), episode(2, "README.md", 0))
    assert [row["reason"] for row in rows_] == ["not_python", "not_python"]


def test_base64_that_is_none_is_named(tmp_path: Path) -> None:
    row = {"project_id": "p", "timestamp": NOON.isoformat(), "kind": "snapshot", "path": "a.py"}
    (tmp_path / "projects.jsonl").write_text('{"project_id": "p"}\n')
    sound = row | {"content": base64.b64encode(b"x").decode()}
    (tmp_path / "events.jsonl").write_text(
        "".join(json.dumps(line) + "\n" for line in (sound, row | {"content": "\u00e9"}))
    )
    report = Report(NOW)
    ((_, events),) = events_source.projects_and_events(tmp_path, report=report)
    assert [event.content for event in events] == [b"x"]
    assert report.bad_rows == {"malformed_event": 1}
