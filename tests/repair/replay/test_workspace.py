"""All files of a project at a moment: what each event does to them, and how they stand to a stored copy."""

import random
from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest

from repair.ot.packets import Author, Delete, Insert, Skip
from repair.replay.workspace import State, workspaces_at
from repair.schema.events import EVENTS, EventError, EventKind, FileOperation
from repair.text.paths import path_fault, safe_path
from tests.repair.replay.recorded_project import RecordedProject, at

LAST = 2**62
CREATE, MODIFY, MOVE, REMOVE = (
    FileOperation.CREATE,
    FileOperation.MODIFY,
    FileOperation.MOVE,
    FileOperation.REMOVE,
)


def states(project: RecordedProject, *seconds: float) -> list[State]:
    """In the order of time, each after everything of its second."""
    return list(workspaces_at(project.table(), [(at(second), LAST) for second in seconds]))


def state(project: RecordedProject, seconds: float) -> State:
    return states(project, seconds)[0]


@pytest.fixture
def project() -> RecordedProject:
    """A file of each kind at midnight."""
    project = RecordedProject()
    project.snapshot(0, {"main.py": "x = 1\n", "lib/help.py": "y = 2\n", "logo.png": b"\x89PNG\xff"})
    return project


def test_the_first_snapshot_is_the_base(project: RecordedProject) -> None:
    first = state(project, 1)
    assert first.has_base
    assert first.files == {"main.py": "x = 1\n", "lib/help.py": "y = 2\n"}
    assert first.binary == {"logo.png"}
    assert first.broken == {}


def test_before_the_first_snapshot_nothing_is_known() -> None:
    project = RecordedProject()
    project.edit(1, "main.py", "lost")
    project.snapshot(5, {"main.py": "x"})
    before, after = states(project, 2, 5)
    assert (before.has_base, before.files) == (False, {})
    assert (after.has_base, after.files) == (True, {"main.py": "x"})


def test_a_project_without_files_has_a_base_too() -> None:
    project = RecordedProject()
    project.snapshot(0, {})
    project.edit(1, "main.py", "x")  # the first packet may insert the whole file
    empty, written = states(project, 0, 1)
    assert (empty.has_base, empty.files) == (True, {})
    assert written.files == {"main.py": "x"}


def test_a_moment_is_a_time_and_a_place_within_it(project: RecordedProject) -> None:
    first = project.edit(1, "main.py", "x = 2\n")
    second = project.edit(1, "main.py", "x = 3\n")
    moments = [(at(1), first - 1), (at(1), first), (at(1), second), (at(2), 0)]
    texts = [state.files["main.py"] for state in workspaces_at(project.table(), moments)]
    assert texts == ["x = 1\n", "x = 2\n", "x = 3\n", "x = 3\n"]


def test_states_come_in_the_order_of_time_whatever_the_order_of_rows(project: RecordedProject) -> None:
    for second in range(1, 30):
        project.edit(second, "main.py", f"x = {second}\n")
    random.Random(5).shuffle(project.rows)
    found = states(project, 20, 3, 11, 3)
    assert [state.timestamp for state in found] == [at(3), at(3), at(11), at(20)]
    assert [state.files["main.py"] for state in found] == ["x = 3\n", "x = 3\n", "x = 11\n", "x = 20\n"]


def test_files_are_created_modified_and_removed(project: RecordedProject) -> None:
    project.file(1, CREATE, "new.py", content=b"a")
    project.file(2, CREATE, "empty.py")
    project.file(3, MODIFY, "main.py", content=b"z")
    project.file(4, REMOVE, "new.py")
    project.file(5, REMOVE, "new.py")  # twice is as good as once
    project.edit(6, "main.py", "zz")
    created, modified, last = states(project, 2, 3, 6)
    assert (created.files["new.py"], created.files["empty.py"]) == ("a", "")
    assert modified.files["main.py"] == "z"
    assert set(last.files) == {"main.py", "lib/help.py", "empty.py"}
    assert last.files["main.py"] == "zz"


def test_a_move_takes_text_and_version_along(project: RecordedProject) -> None:
    project.edit(1, "main.py", "x = 2\n")
    project.file(2, MOVE, "main.py", destination="app.py")
    project.edit(3, "app.py", "x = 3\n")
    project.edit(4, "app.py", "x = 4\n", version=9)  # a gap behind the version that moved along
    moved, broken = states(project, 3, 4)
    assert moved.files == {"app.py": "x = 3\n", "lib/help.py": "y = 2\n"}
    assert broken.broken["app.py"].reason == "version_gap"


def test_a_folder_moves_and_goes_with_its_files(project: RecordedProject) -> None:
    project.file(1, MOVE, "lib", destination="tools")
    project.file(2, REMOVE, "tools")
    moved, removed = states(project, 1, 2)
    assert set(moved.files) == {"main.py", "tools/help.py"}
    assert set(removed.files) == {"main.py"}


def spoil(project: RecordedProject, how: str) -> None:
    """One wrong event at second 5 about main.py, and a right one behind it."""
    match how:
        case "no packet":
            project.row(5, EventKind.OT, path="main.py", packet=b"\xff\xff")
        case "bad text":
            project.row(5, EventKind.OT, path="main.py", packet=b"\x12\x03\x1a\x01\xff\x22\x00")
        case "crc":
            project.edit(5, "main.py", "x = 2\n", crc32=1)
        case "gap":
            project.edit(5, "main.py", "x = 2\n", version=7)
        case "delete":
            project.edit(5, "main.py", "x = 2\n", ops=(Skip(4), Delete(3)))
        case "skip":
            project.edit(5, "main.py", "x = 2\n", ops=(Skip(7), Insert("2")))
        case "binary":
            project.file(5, MODIFY, "main.py", content=b"\xff")
            project.edit(5, "main.py", "x = 2\n")
        case "unknown":
            project.file(5, MODIFY, "main.py")
        case _:
            project.file(5, MOVE, "nowhere.py", destination="main.py")
    project.edit(6, "main.py", "x = 3\n")


BREAKING = [
    ("no packet", "malformed_packet"),
    ("bad text", "bad_utf8"),
    ("crc", "bad_crc"),
    ("gap", "version_gap"),
    ("delete", "delete_past_end"),
    ("skip", "skip_past_end"),
    ("binary", "not_text"),
    ("unknown", "no_content"),
    ("moved", "unknown_source"),
]


@pytest.mark.parametrize(("how", "reason"), BREAKING)
def test_a_wrong_event_breaks_its_file_and_no_other(project: RecordedProject, how: str, reason: str) -> None:
    spoil(project, how)
    project.edit(7, "lib/help.py", "y = 3\n")
    before, after = states(project, 4, 8)
    assert before.files["main.py"] == "x = 1\n"
    assert before.broken == {}
    assert after.files == {"lib/help.py": "y = 3\n"}
    assert {path: broken.reason for path, broken in after.broken.items()} == {"main.py": reason}


def heal(project: RecordedProject, how: str) -> None:
    match how:
        case "snapshot":
            project.snapshot(10, {"main.py": "x = 9\n", "lib/help.py": "y = 2\n", "logo.png": b"\x89PNG\xff"})
        case "modify":
            project.file(10, MODIFY, "main.py", content=b"x = 9\n")
        case "create":
            project.file(10, CREATE, "main.py", content=b"x = 9\n")
        case _:
            project.file(10, REMOVE, "main.py")
            project.edit(10, "main.py", "x = 9\n")


@pytest.mark.parametrize("how", ["snapshot", "modify", "create", "removed and written anew"])
@pytest.mark.parametrize(("breaking", "reason"), BREAKING)
def test_a_broken_file_heals_when_its_content_is_said(
    project: RecordedProject, breaking: str, reason: str, how: str
) -> None:
    spoil(project, breaking)
    heal(project, how)
    project.edit(11, "main.py", "x = 10\n")
    before, healed = states(project, 9, 11)
    assert before.broken["main.py"].reason == reason
    assert healed.broken == {}
    assert healed.files["main.py"] == "x = 10\n"


def test_a_move_carries_the_damage_along(project: RecordedProject) -> None:
    spoil(project, "crc")
    project.file(7, MOVE, "main.py", destination="app.py")
    assert set(state(project, 8).broken) == {"app.py"}


def test_an_unsafe_path_breaks_what_it_names_and_nothing_heals_it(project: RecordedProject) -> None:
    project.file(1, CREATE, "../evil.py", content=b"x")
    project.edit(2, "/etc/evil.py", "x")
    project.file(3, MOVE, "lib/help.py", destination="lib/../../help.py")
    project.file(4, MODIFY, "../evil.py", content=b"y")
    last = state(project, 4)
    assert set(last.files) == {"main.py"}
    assert {path: broken.reason for path, broken in last.broken.items()} == dict.fromkeys(
        ["../evil.py", "/etc/evil.py", "lib/../../help.py"], "unsafe_path"
    )


def test_a_replay_that_equals_the_stored_copy_goes_on(project: RecordedProject) -> None:
    project.edit(1, "main.py", "x = 2\n")
    project.snapshot(10, {"main.py": "x = 2\n", "lib/help.py": "y = 2\n", "logo.png": b"\x89PNG\xff"})
    project.edit(11, "main.py", "x = 3\n")
    assert [state.broken for state in states(project, 0, 5, 10, 11)] == [{}, {}, {}, {}]
    assert state(project, 11).files["main.py"] == "x = 3\n"


@pytest.mark.parametrize(
    ("stored", "path"),
    [
        ({"main.py": "x = 5\n", "lib/help.py": "y = 2\n"}, "main.py"),  # another text
        ({"lib/help.py": "y = 2\n"}, "main.py"),  # the file went, and nobody said so
        ({"main.py": "x = 2\n", "lib/help.py": "y = 2\n", "new.py": ""}, "new.py"),  # one came, likewise
        ({"main.py": "x = 2\n", "lib/help.py": b"\xff"}, "lib/help.py"),  # it is no text any more
    ],
)
def test_what_differs_from_the_stored_copy_was_wrong_since_the_one_before(
    stored: dict[str, Any], path: str
) -> None:
    project = RecordedProject()
    project.snapshot(0, {"main.py": "x = 0\n", "lib/help.py": "y = 2\n"})
    project.edit(1, "main.py", "x = 1\n")
    project.snapshot(5, {"main.py": "x = 1\n", "lib/help.py": "y = 2\n"})
    project.edit(6, "main.py", "x = 2\n")
    project.snapshot(10, stored)
    proved, wrong, healed = states(project, 4, 7, 10)
    assert proved.broken == {}
    assert {path: broken.reason for path, broken in wrong.broken.items()} == {path: "snapshot_mismatch"}
    assert healed.broken == {}
    assert healed.files == {path: text for path, text in stored.items() if isinstance(text, str)}


def test_a_mismatch_counts_for_the_names_that_the_file_had_before(project: RecordedProject) -> None:
    project.file(2, MOVE, "main.py", destination="app.py")
    project.snapshot(10, {"app.py": "x = 7\n", "lib/help.py": "y = 2\n", "logo.png": b"\x89PNG\xff"})
    before, after = states(project, 1, 3)
    assert set(before.broken) == {"main.py", "app.py"}
    assert set(after.broken) == {"app.py"}


def test_a_snapshot_counts_from_its_last_row_on() -> None:
    project = RecordedProject()
    project.snapshot(0, {"a.py": "1", "b.py": "2"})
    within = project.row(10, EventKind.SNAPSHOT, path="a.py", content=b"1", version=0)
    edit = project.edit(10, "b.py", "22")
    project.row(10, EventKind.SNAPSHOT, path="b.py", content=b"22", version=1)
    moments = [(at(10), within), (at(10), edit), (at(11), 0)]
    found = list(workspaces_at(project.table(), moments))
    assert [state.files["b.py"] for state in found] == ["2", "22", "22"]
    assert [state.broken for state in found] == [{}, {}, {}]


def test_text_of_an_ai_is_told_apart(project: RecordedProject) -> None:
    project.edit(1, "main.py", "x = 2\n")
    project.edit(2, "main.py", "x = 2\nprint(x)\n", author=Author.GHOSTWRITER)
    project.edit(3, "lib/help.py", "y = 2\n", author=Author.GHOSTWRITER)  # changes nothing
    project.file(4, MOVE, "main.py", destination="app.py")
    project.file(5, MODIFY, "app.py", content=b"z")
    own, ghost, last = states(project, 1, 3, 5)
    assert own.ghostwriter_packets == {"main.py": 0, "lib/help.py": 0}
    assert ghost.ghostwriter_packets == {"main.py": 1, "lib/help.py": 0}
    assert last.ghostwriter_packets == {"app.py": 1, "lib/help.py": 0}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"kind": "ot", "packet": b""}, "ot without path"),
        ({"kind": "ot", "path": "a.py"}, "ot without packet"),
        ({"kind": "file", "path": "a.py", "operation": "move"}, "file without destination"),
        ({"kind": "file", "path": "a.py", "operation": "touch"}, "'touch' is no file operation"),
        ({"kind": "file", "path": "a.py"}, "None is no file operation"),
    ],
)
def test_a_row_that_is_no_event_is_refused(
    project: RecordedProject, row: dict[str, Any], message: str
) -> None:
    project.row(3, **row)
    with pytest.raises(EventError, match=message):
        state(project, 5)


def test_events_of_two_projects_are_refused(project: RecordedProject) -> None:
    other = RecordedProject("p2")
    other.snapshot(0, {})
    with pytest.raises(ValueError, match="2 projects"):
        list(workspaces_at(pa.concat_tables([project.table(), other.table()]), []))


def test_no_events_give_no_base() -> None:
    moments: list[tuple[datetime, int]] = [(at(0), 0)]
    assert [state.has_base for state in workspaces_at(EVENTS.empty_table(), moments)] == [False]


@pytest.mark.parametrize(
    "path",
    [
        "",  # nothing
        "/etc/passwd",  # absolute
        "..",  # the folder above
        "a/../../b.py",  # likewise, on a detour
        "./a.py",  # not the plain form: two names for one file
        "a//b.py",  # likewise
        "a/",  # a folder
        "C:/a.py",  # a drive
        "c:a.py",  # a drive too
        "a\\b.py",  # a separator elsewhere
        "a\0.py",  # ends the name in C
        "a\n</code>.py",  # would write a line of the prompt
        "a\u2028b.py",  # likewise where Python splits lines
        "\ud800.py",  # no UTF-8
        "a" * 1022 + ".py",  # longer than a file system takes
        "é" * 126 + ".pyi",  # 256 bytes in one component
    ],
)
def test_strangers_paths_that_are_refused(path: str) -> None:
    assert not safe_path(path)
    assert path_fault(path)


@pytest.mark.parametrize(
    "path",
    [
        "main.py",
        "a/b/c.py",
        "..a.py",  # dots are only special alone
        ".ruff.toml",
        "mit leerzeichen/été 😀.py",
        "-rf.py",
        "é" * 126 + ".py",  # 255 bytes in one component
        "/".join(["a" * 203] * 5) + ".py",  # 1022 bytes in all
    ],
)
def test_strangers_paths_that_are_taken(path: str) -> None:
    assert safe_path(path)
