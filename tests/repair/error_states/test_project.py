"""The workspace at each episode: what goes on, what is rejected and why, and the texts that came later."""

import hashlib
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pytest

from repair.error_states.project import compare_snapshots, error_states, replay_project
from repair.ot.packets import Author, Delete, Insert, Skip
from repair.schema.events import EventKind, FileOperation
from repair.schema.outcomes import Reject, outcome_schema
from repair.schema.stages import ERROR_STATES, SAMPLED_EPISODES
from repair.text.files import workspace_sha256
from repair.text.paths import is_readable
from tests.repair.replay.recorded_project import RecordedProject, at

PROJECT = {"project_id": "p1", "visibility": "public", "licence": "MIT"}
BASE = {
    "main.py": "import helper\nx = 1\n",
    "helper.py": "y = 2\n",
    "README.md": "read\n",
    "logo.png": b"\xff",
}


@pytest.fixture
def project() -> RecordedProject:
    project = RecordedProject()
    project.snapshot(0, BASE)
    return project


def episode(seconds: float, path: str = "main.py", line: int = 1, **other: Any) -> dict[str, Any]:
    """An episode whose moment is behind everything of that second."""
    recorded = {
        "code": "pyright[reportX]",
        "message": "wrong",
        "start_line": line,
        "start_character": 0,
        "end_line": line,
        "end_character": 1,
    }
    given = {"project_id": "p1", "path": path, "moment": at(seconds), "sequence": 2**62, "recorded": recorded}
    return dict.fromkeys(SAMPLED_EPISODES.names) | given | other


def outcomes(project: RecordedProject, *episodes: Mapping[str, Any]) -> list[dict[str, Any]]:
    table = pa.Table.from_pylist(list(episodes), schema=SAMPLED_EPISODES)
    batch = error_states(project.table(), table, PROJECT)
    assert batch.schema == outcome_schema(ERROR_STATES)
    assert batch.num_rows == len(episodes)
    return batch.to_pylist()


def texts(row: Mapping[str, Any]) -> dict[str, str]:
    return {file["path"]: file["text"] for file in row["files"]}


def test_an_episode_gets_what_the_servers_can_read(project: RecordedProject) -> None:
    project.file(1, FileOperation.CREATE, "tool/ruff.toml", content=b"line-length = 99\n")
    project.edit(2, "main.py", "import helper\nx = 2\n")
    project.edit(9, "main.py", "")
    (row,) = outcomes(project, episode(3, diagnostic_id="d1"))
    assert row["reason"] is None
    assert (row["rows"], row["diagnostic_id"], row["licence"], row["later_states"]) == (1, "d1", "MIT", [])
    assert texts(row) == {
        "helper.py": "y = 2\n",
        "main.py": "import helper\nx = 2\n",
        "tool/ruff.toml": "line-length = 99\n",
    }
    assert row["workspace_sha256"] == workspace_sha256(texts(row))


def test_the_hash_is_over_sorted_paths_and_texts() -> None:
    expected = hashlib.sha256("a.py\0é\0b.py\0\0".encode()).hexdigest()
    assert workspace_sha256({"b.py": "", "a.py": "é"}) == expected


@pytest.mark.parametrize(
    ("path", "readable"),
    [
        ("a/b.py", True),
        ("a.pyi", True),
        ("pyproject.toml", True),
        ("sub/pyrightconfig.json", True),
        (".ruff.toml", True),
        ("setup.cfg", True),
        ("tox.ini", False),  # neither server reads it
        ("my-ruff.toml", False),  # the name, not its end
        ("a.pyc", False),
        ("a.ipynb", False),
    ],
)
def test_what_the_servers_can_read(path: str, readable: bool) -> None:
    assert is_readable(path) == readable


def test_rows_keep_the_order_of_the_episodes(project: RecordedProject) -> None:
    for second in (1, 2, 3):
        project.edit(second, "main.py", f"a\nx = {second}\n")
    rows = outcomes(project, episode(3), episode(1), episode(2), episode(1))
    assert [texts(row)["main.py"] for row in rows] == [f"a\nx = {second}\n" for second in (3, 1, 2, 1)]


def wrong_packet(project: RecordedProject, how: str) -> None:
    right = "import helper\nx = 3\n"
    match how:
        case "malformed_packet":
            project.row(5, EventKind.OT, path="helper.py", packet=b"\xff")
        case "bad_utf8":
            project.row(5, EventKind.OT, path="helper.py", packet=b"\x12\x03\x1a\x01\xff\x22\x00")
        case "bad_crc":
            project.edit(5, "helper.py", right, crc32=5)
        case "version_gap":
            project.edit(5, "helper.py", right, version=4)
        case "delete_past_end":
            project.edit(5, "helper.py", right, ops=(Delete(99),))
        case "skip_past_end":
            project.edit(5, "helper.py", right, ops=(Skip(99), Insert("x")))
        case "unsafe_path":
            project.file(5, FileOperation.CREATE, "../helper.py", content=b"")
        case _:
            project.texts["helper.py"] = "another text"  # an edit that nobody recorded


@pytest.mark.parametrize(
    "reason",
    [
        "malformed_packet",
        "bad_utf8",
        "bad_crc",
        "version_gap",
        "delete_past_end",
        "skip_past_end",
        "unsafe_path",
        "snapshot_mismatch",
    ],
)
def test_what_rests_on_a_broken_file_is_rejected_and_neighbours_go_on(reason: str) -> None:
    """Rejected: every diagnostic of the workspace, from the break until the next stored copy."""
    project, neighbour = RecordedProject(), RecordedProject("p2")
    for recorded in (project, neighbour):
        recorded.snapshot(0, BASE)
        recorded.edit(2, "helper.py", "y = 3\n")
        recorded.snapshot(4, BASE | {"helper.py": "y = 3\n"})
    wrong_packet(project, reason)
    for recorded in (project, neighbour):
        recorded.snapshot(10, BASE | {"helper.py": recorded.texts["helper.py"]})
        recorded.edit(11, "main.py", "import helper\nx = 4\n")
    moments = [episode(3), episode(6), episode(6, "helper.py", 0), episode(12)]
    before, during, itself, after = outcomes(project, *moments)
    assert (before["reason"], during["reason"], itself["reason"], after["reason"]) == (
        None,
        reason,
        reason,
        None,
    )
    assert "helper.py" in during["detail"]
    assert during["files"] is None
    assert texts(after)["main.py"] == "import helper\nx = 4\n"
    assert [row["reason"] for row in outcomes(neighbour, *moments)] == [None] * 4


def test_a_broken_file_that_no_server_reads_rejects_nothing(project: RecordedProject) -> None:
    project.edit(1, "README.md", "text", crc32=1)
    project.row(1, EventKind.OT, path="logo.png", packet=b"")
    project.snapshot(9, BASE | {"README.md": "text", "NEWS.md": "appeared from nowhere"})
    assert [row["reason"] for row in outcomes(project, episode(2))] == [None]


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (episode(1, "gone.py"), "file_absent"),
        (episode(1, "later.py"), "file_absent"),  # it is created afterwards
        (episode(1, "binary.py"), "not_text"),
        (episode(1, "README.md"), "not_python"),
        (episode(1, "../main.py"), "unsafe_path"),
        (episode(1, line=3), "range_outside_file"),  # the file has the lines 0, 1 and the empty 2
        (episode(1, line=-1), "range_outside_file"),
        (episode(1, line=2), None),  # pyright does report on the line behind the last newline
        (episode(-1), "no_base"),
    ],
)
def test_reasons_of_the_episode_itself(wanted: dict[str, Any], reason: str | None) -> None:
    project = RecordedProject()
    project.snapshot(0, BASE | {"binary.py": b"\xff"})
    project.file(5, FileOperation.CREATE, "later.py", content=b"")
    (row,) = outcomes(project, wanted)
    assert row["reason"] == reason
    assert (row["detail"] is None) == (reason is None)


def test_without_events_there_is_no_base() -> None:
    assert [row["reason"] for row in outcomes(RecordedProject(), episode(1))] == ["no_base"]


def test_a_file_that_is_a_folder_too_is_rejected(project: RecordedProject) -> None:
    project.file(1, FileOperation.CREATE, "main.py/part.py", content=b"")
    (row,) = outcomes(project, episode(2))
    assert (row["reason"], row["detail"]) == (
        "unsafe_path",
        "main.py/part.py: main.py is a file, expected a folder",
    )


def test_a_row_that_is_no_event_rejects_the_project(project: RecordedProject) -> None:
    project.row(50, EventKind.FILE, path="a.py", operation="touch")
    assert [row["reason"] for row in outcomes(project, episode(1), episode(2))] == ["malformed_event"] * 2


def later(project: RecordedProject, wanted: dict[str, Any]) -> list[tuple[float, str | None, bool]]:
    (row,) = outcomes(project, wanted)
    assert row["reason"] is None
    return [
        ((state["timestamp"] - at(0)).total_seconds(), state["text"], state["ghostwriter"])
        for state in row["later_states"]
    ]


def test_later_states_are_those_that_the_file_settled_on(project: RecordedProject) -> None:
    project.edit(10, "main.py", "1")  # settles, but the diagnostic is still there
    project.edit(20, "main.py", "2")  # the edit that ends it, in a burst
    project.edit(22, "main.py", "3")
    project.edit(24.9, "main.py", "4")  # settles: 3.1 seconds of silence
    project.edit(28, "main.py", "5")
    project.edit(30.999, "main.py", "6")  # 5 was the text for 2.999 seconds; 6 is the last of the day
    project.edit(40, "helper.py", "another file")
    assert later(project, episode(5, gone=at(21))) == [(24.9, "4", False), (30.999, "6", False)]


def test_a_settled_text_in_which_the_diagnostic_ended_counts(project: RecordedProject) -> None:
    """The edit comes before the publication that says that the diagnostic is gone."""
    project.edit(10, "main.py", "fixed")
    project.edit(20, "main.py", "more")
    assert later(project, episode(5, gone=at(10.4))) == [(10, "fixed", False), (20, "more", False)]
    assert later(project, episode(5, gone=at(20.4))) == [(20, "more", False)]


def test_an_open_end_has_no_later_states(project: RecordedProject) -> None:
    project.edit(10, "main.py", "fixed")
    assert later(project, episode(5)) == []


def test_later_states_are_distinct_and_at_most_five(project: RecordedProject) -> None:
    for second, text in [(10, "1"), (20, BASE["main.py"]), (30, "1"), (40, "2"), (50, "3"), (60, "4")]:
        project.edit(second, "main.py", str(text))
    assert later(project, episode(5, gone=at(10))) == [
        (10, "1", False),
        (40, "2", False),
        (50, "3", False),
        (60, "4", False),
    ]
    project.edit(70, "main.py", "5")
    project.edit(80, "main.py", "6")
    assert [text for _, text, _ in later(project, episode(5, gone=at(10)))] == ["1", "2", "3", "4", "5"]


def test_an_ai_s_text_on_the_way_is_told(project: RecordedProject) -> None:
    project.edit(3, "main.py", "0\n0\n", author=Author.GHOSTWRITER)  # before the moment: not on the way
    project.edit(10, "main.py", "1")
    project.edit(20, "main.py", "2", author=Author.GHOSTWRITER)
    project.edit(30, "main.py", "3")
    assert later(project, episode(5, gone=at(9))) == [(10, "1", False), (20, "2", True), (30, "3", True)]


def test_an_ai_s_text_is_told_across_a_stored_copy(project: RecordedProject) -> None:
    project.edit(6, "main.py", "1", author=Author.GHOSTWRITER)
    project.snapshot(20, BASE | {"main.py": "1"})
    project.edit(30, "main.py", "2")
    assert later(project, episode(5, gone=at(9))) == [(6, "1", True), (30, "2", True)]


def test_a_text_that_ends_with_the_diagnostic_does_not_count(project: RecordedProject) -> None:
    project.edit(10, "main.py", "1")  # stands until the very moment at which the diagnostic is gone
    project.edit(20, "main.py", "2")
    assert later(project, episode(5, gone=at(20))) == [(20, "2", False)]


def test_the_event_of_the_moment_itself_has_happened(project: RecordedProject) -> None:
    sequence = project.edit(5, "main.py", "a\nb\n")
    before, after = outcomes(project, episode(5, sequence=sequence - 1), episode(5, sequence=sequence))
    assert [texts(row)["main.py"] for row in (before, after)] == [BASE["main.py"], "a\nb\n"]


@pytest.mark.parametrize("end", [FileOperation.REMOVE, FileOperation.MOVE])
def test_a_file_that_goes_ends_with_a_null_text(project: RecordedProject, end: FileOperation) -> None:
    project.edit(10, "main.py", "1")
    project.file(20, end, "main.py", destination="app.py" if end is FileOperation.MOVE else None)
    project.file(30, FileOperation.CREATE, "main.py", content=b"a new file of the old name")
    assert later(project, episode(5, gone=at(9))) == [(10, "1", False), (20, None, False)]


def test_a_file_whose_folder_goes_ends_too() -> None:
    project = RecordedProject()
    project.snapshot(0, {"app/main.py": "a\nb\n"})
    project.file(20, FileOperation.REMOVE, "app")
    assert later(project, episode(5, "app/main.py", gone=at(20))) == [(20, None, False)]


def test_later_states_end_where_the_file_breaks(project: RecordedProject) -> None:
    project.edit(10, "main.py", "1")
    project.edit(20, "main.py", "2", crc32=2)
    project.file(30, FileOperation.MODIFY, "main.py", content=b"3")
    assert later(project, episode(5, gone=at(9))) == [(10, "1", False)]


@pytest.mark.parametrize("told_by", ["a file event", "a stored copy"])
def test_a_break_counts_also_when_the_content_is_told_anew_at_once(
    project: RecordedProject, told_by: str
) -> None:
    project.edit(10, "main.py", "1")
    project.edit(20, "main.py", "2", crc32=2)
    if told_by == "a file event":
        project.file(20.5, FileOperation.MODIFY, "main.py", content=b"3")
    else:
        project.snapshot(20.5, BASE | {"main.py": "3"})
    project.edit(30, "main.py", "4")
    assert later(project, episode(5, gone=at(9))) == [(10, "1", False)]


def test_later_states_that_a_stored_copy_disproves_are_taken_back(project: RecordedProject) -> None:
    project.edit(10, "main.py", "1")
    project.edit(20, "main.py", "2")
    project.snapshot(25, BASE | {"main.py": "2"})
    project.edit(30, "main.py", "3")
    project.edit(40, "main.py", "4")
    project.snapshot(50, BASE | {"main.py": "5"})
    project.edit(60, "main.py", "6")
    assert later(project, episode(5, gone=at(9))) == [(10, "1", False)]


def test_silence_is_a_setting(project: RecordedProject) -> None:
    project.edit(10, "main.py", "1")
    project.edit(11, "main.py", "2")
    table = pa.Table.from_pylist([episode(5, gone=at(9))], schema=SAMPLED_EPISODES)
    (row,) = error_states(project.table(), table, PROJECT, settle_seconds=1.0).to_pylist()
    assert [state["text"] for state in row["later_states"]] == ["1", "2"]


def test_snapshots_are_counted_and_compared(project: RecordedProject) -> None:
    project.edit(1, "main.py", "x = 2\n")
    project.edit(2, "helper.py", "y", crc32=1)  # broken: rejected already, not compared
    project.snapshot(10, BASE | {"main.py": "x = 2\n", "helper.py": "y"})
    project.snapshot(20, BASE | {"main.py": "x = 2\nx = 3\n", "helper.py": "y", "README.md": "other\n"})
    comparison = compare_snapshots(project.table())
    assert (comparison.compared, comparison.equal) == (7, 5)
    assert [(path, moment) for path, moment, _ in comparison.mismatches] == [
        ("README.md", at(20)),
        ("main.py", at(20)),
    ]
    (_, _, detail) = comparison.mismatches[1]
    assert detail == "the replay has 6 bytes, the stored copy 12; they differ, first at line 2"
    table = pa.Table.from_pylist([episode(5)], schema=SAMPLED_EPISODES)
    [outcome], same = replay_project(project.table(), table, PROJECT)
    assert same == comparison
    assert isinstance(outcome, Reject)
    assert outcome.reason == "bad_crc"
