"""Long edit histories in a workspace are replayed at once: the outcome is that of replaying them one by one.

Reading the state after every event as it comes has each edit applied alone; reading the last one has them
replayed in one pass, in compiled code.
"""

import random
from collections.abc import Iterator
from typing import Any

import pytest

from repair.ot import packets
from repair.ot.packets import Author, Packet, Skip
from repair.replay import compiled, engine, workspace_file
from repair.replay.timeline import Change, changes
from repair.replay.workspace import State, Workspace, workspaces_at
from repair.schema.events import FileOperation
from tests.repair.replay.recorded_project import RecordedProject, at

EDITS = 2_300


@pytest.fixture
def decoded_plainly(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The packets that plain replay was given."""
    given: list[bytes] = []

    def decode_packet(data: bytes) -> Packet:
        given.append(data)
        return packets.decode_packet(data)

    monkeypatch.setattr(workspace_file, "decode_packet", decode_packet)
    return given


@pytest.fixture(autouse=True)
def replays(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many edits were replayed at once in compiled code, each time that it was asked to."""
    at_once: list[int] = []
    at_once_replay = compiled.replayed

    def replayed(ops: Any, *arguments: Any, **settings: Any) -> Any:
        at_once.append(ops.num_rows)
        return at_once_replay(ops, *arguments, **settings)

    monkeypatch.setattr(engine, "_LOADING", 0)
    monkeypatch.setattr(compiled, "replayed", replayed)
    yield at_once
    assert max(at_once) > 1_500


def edited(project: RecordedProject, path: str, **wrong: Any) -> None:
    """Many edits, every fifth by an AI; the 1,900th with what is `wrong`."""
    chance = random.Random(path)
    project.snapshot(0, {path: "début\n", "other.py": "x = 1\n"})
    text = "début\n"
    for second in range(1, EDITS + 1):
        place = chance.randrange(len(text) + 1)
        text = text[:place] + chance.choice(["a", "中", "😀\n", ""]) + text[place + chance.randrange(2) :]
        author = Author.GHOSTWRITER if second % 5 == 0 else Author.USER
        project.edit(second, path, text, author, **(wrong if second == 1_900 else {}))


def outcome(state: State) -> tuple[Any, ...]:
    return state.files, state.binary, state.broken, state.ghostwriter_packets


def last_states(project: RecordedProject) -> tuple[State, State]:
    """The last state if the edits are replayed in one pass, and if each is applied alone."""
    table = project.table()
    position = project.rows[-1]["timestamp"], project.rows[-1]["sequence"]
    (waited,) = workspaces_at(table, [position])
    outcome(waited)
    workspace = Workspace()
    for change in changes(table):
        if isinstance(change, Change):
            workspace.apply(change)
            outcome(workspace.state(*position))
        else:
            workspace.restore(change)
    return waited, workspace.state(*position)


def test_the_text_and_what_an_ai_wrote() -> None:
    project = RecordedProject()
    edited(project, "main.py")
    waited, alone = last_states(project)
    assert outcome(waited) == outcome(alone)
    assert waited.files["main.py"] == project.texts["main.py"]
    assert 0 < waited.ghostwriter_packets["main.py"] < EDITS / 5  # some change nothing


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"crc32": 7}, "bad_crc"),
        ({"version": 7}, "version_gap"),
        ({"ops": (Skip(10**6),)}, "skip_past_end"),
    ],
)
def test_what_is_wrong_with_one_of_them(wrong: dict[str, Any], reason: str) -> None:
    project = RecordedProject()
    edited(project, "main.py", **wrong)
    waited, alone = last_states(project)
    assert outcome(waited) == outcome(alone)
    assert waited.broken["main.py"].reason == reason
    assert waited.broken["main.py"].detail.startswith(f"event 1901 at {at(1_900)}: ")
    assert waited.files == {"other.py": "x = 1\n"}


def test_what_is_wrong_costs_what_follows_it(decoded_plainly: list[bytes]) -> None:
    project = RecordedProject()
    edited(project, "main.py", crc32=7)
    middle, last = project.rows[1_900], project.rows[-1]
    moments = [(row["timestamp"], row["sequence"]) for row in (middle, last)]
    before, after = workspaces_at(project.table(), moments)
    assert after.broken["main.py"].reason == "bad_crc"
    assert before.files["main.py"]
    assert len(decoded_plainly) == 1


def test_a_file_that_grows_too_large(decoded_plainly: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workspace_file, "LARGEST_TEXT", 400)
    project = RecordedProject()
    edited(project, "main.py")
    waited, alone = last_states(project)
    assert outcome(waited) == outcome(alone)
    assert waited.broken["main.py"].reason == "too_large"
    grown = int(waited.broken["main.py"].detail.split()[1])
    assert len(decoded_plainly) == 1 + grown - 1  # one after the compiled replay, each of those alone


def test_a_packet_that_does_not_decode() -> None:
    project = RecordedProject()
    edited(project, "main.py")
    project.rows[1_901]["packet"] = b"\xff"
    waited, alone = last_states(project)
    assert outcome(waited) == outcome(alone)
    assert waited.broken["main.py"].reason == "malformed_packet"


def test_edits_that_wait_move_with_their_file() -> None:
    project = RecordedProject()
    edited(project, "main.py")
    project.file(EDITS + 1, FileOperation.MOVE, "main.py", destination="pkg/main.py")
    project.edit(EDITS + 2, "pkg/main.py", project.texts["pkg/main.py"] + "#")
    project.snapshot(EDITS + 3, dict(project.texts))
    waited, alone = last_states(project)
    assert outcome(waited) == outcome(alone)
    assert waited.files["pkg/main.py"].endswith("#")


def test_a_stored_copy_is_compared_with_what_waited() -> None:
    project = RecordedProject()
    edited(project, "main.py")
    moment = project.rows[-1]["timestamp"], project.rows[-1]["sequence"]
    project.snapshot(EDITS + 1, {"main.py": "another text", "other.py": "x = 1\n"})
    (state,) = workspaces_at(project.table(), [moment])
    assert state.broken["main.py"].reason == "snapshot_mismatch"
