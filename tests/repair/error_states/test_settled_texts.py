"""Later settled texts of random histories, beside the plain definition, which reads every text."""

from itertools import zip_longest
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repair.error_states import settled_texts
from repair.error_states.project import SETTLE_SECONDS, error_states
from repair.ot.packets import Author
from repair.replay import engine
from repair.replay.workspace import workspaces_at
from repair.schema.events import EventKind, FileOperation
from repair.schema.stages import SAMPLED_EPISODES
from repair.text.paths import is_readable
from tests.repair.error_states.test_project import PROJECT, episode
from tests.repair.replay.recorded_project import RecordedProject, at

PATH, OTHER = "app/main.py", "other.py"
WHAT = [*["edit"] * 12, "ai", "other", "wrong", "modify", "remove", "move", "return", "copy"]

changes = st.lists(
    st.tuples(
        st.sampled_from([0.5, 2.5, 3.0, 8.0]),  # seconds since the change before
        st.sampled_from(WHAT),
        st.sampled_from(["a\nb\n", "b\n", "c\n", "d\n", "e\n", "f\n", "g\n"]),
    ),
    max_size=24,
)


def recorded(steps: list[tuple[float, str, str]]) -> RecordedProject:
    project = RecordedProject()
    project.snapshot(0, {PATH: "a\nb\n", OTHER: "x"})
    now = 1.0
    for gap, what, text in steps:
        now += gap
        match what:
            case "edit":
                project.edit(now, PATH, text)
            case "ai":
                project.edit(now, PATH, text, author=Author.GHOSTWRITER)
            case "other":
                project.edit(now, OTHER, text)
            case "wrong":
                project.edit(now, PATH, text, crc32=1)
            case "modify":
                project.file(now, FileOperation.MODIFY, PATH, content=text.encode())
            case "remove":
                project.file(now, FileOperation.REMOVE, "app")
            case "move":
                project.file(now, FileOperation.MOVE, "app", destination="lib")
            case "return":
                project.file(now, FileOperation.MOVE, "lib", destination="app")
            case _:
                project.snapshot(now, dict(project.texts))
    return project


def touches(row: dict[str, Any]) -> bool:
    names = {row["path"], row["destination"]}
    if row["kind"] == EventKind.OT:
        return row["path"] == PATH
    return row["kind"] == EventKind.FILE and not names.isdisjoint({"app", PATH})


def later_texts(
    project: RecordedProject, moment: float, gone: float
) -> list[tuple[float, str | None, bool]] | None:
    """By the definition, for a recording without a stored copy behind the first one."""
    positions = [(row["timestamp"], row["sequence"]) for row in project.rows]
    ordered = sorted([(at(moment), 2**62), *positions])
    found = dict(zip(ordered, workspaces_at(project.table(), ordered), strict=True))
    first = found[at(moment), 2**62]
    if PATH not in first.files or any(map(is_readable, first.broken)):
        return None
    rows = [row for row in project.rows if row["timestamp"] > at(moment) and touches(row)]
    result: list[tuple[float, str | None, bool]] = []
    seen = {first.files[PATH]}
    for row, following in zip_longest(rows, rows[1:]):
        state = found[row["timestamp"], row["sequence"]]
        time = (row["timestamp"] - at(0)).total_seconds()
        if PATH not in state.files and PATH not in state.broken:
            return [*result, (time, None, False)]
        if PATH in state.broken:
            return result
        stood = None if following is None else (following["timestamp"] - row["timestamp"]).total_seconds()
        settled = stood is None or (stood >= SETTLE_SECONDS and following["timestamp"] > at(gone))
        if settled and state.files[PATH] not in seen:
            seen.add(state.files[PATH])
            written = state.ghostwriter_packets[PATH] > first.ghostwriter_packets[PATH]
            result.append((time, state.files[PATH], written))
            if len(result) == settled_texts.MOST_LATER_STATES:
                return result
    return result


@pytest.mark.parametrize("at_once", [False, True], ids=["plain", "compiled"])
@settings(max_examples=75, deadline=None)
@given(changes, st.lists(st.tuples(st.floats(1, 40), st.floats(0, 30)), min_size=1, max_size=4))
def test_later_texts_are_those_of_the_definition(
    at_once: bool, steps: list[tuple[float, str, str]], moments: list[tuple[float, float]]
) -> None:
    project = recorded([step for step in steps if step[1] != "copy"])
    rows = [episode(moment, PATH, 0, gone=at(moment + rest)) for moment, rest in moments]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "_SHORT", 0 if at_once else 10**9)
        patch.setattr(engine, "_LOADING", 0)
        patch.setattr(engine, "_COMPILING", 0)
        table = pa.Table.from_pylist(rows, schema=SAMPLED_EPISODES)
        outcomes = error_states(project.table(), table, PROJECT).to_pylist()
    for (moment, rest), outcome in zip(moments, outcomes, strict=True):
        expected = later_texts(project, moment, moment + rest)
        if expected is None:
            assert outcome["reason"] is not None
            continue
        assert [
            ((row["timestamp"] - at(0)).total_seconds(), row["text"], row["ghostwriter"])
            for row in outcome["later_states"]
        ] == expected


@settings(max_examples=50, deadline=None)
@given(changes)
def test_a_stored_copy_that_equals_the_replay_changes_nothing(steps: list[tuple[float, str, str]]) -> None:
    """Copies of what the replay knows anyway stand between the edits of a file that is never broken."""
    steps = [step for step in steps if step[1] in ("edit", "ai", "other", "copy")]
    table = pa.Table.from_pylist([episode(1, PATH, 0, gone=at(2))], schema=SAMPLED_EPISODES)
    (with_copies,) = error_states(recorded(steps).table(), table, PROJECT).to_pylist()
    plain = [step if step[1] != "copy" else (step[0], "other", "x") for step in steps]
    (without,) = error_states(recorded(plain).table(), table, PROJECT).to_pylist()
    assert with_copies["later_states"] == without["later_states"]


def test_no_more_texts_are_read_than_may_be_wanted() -> None:
    """Each text is told apart by its checksum: of a long history few are in memory."""
    project = RecordedProject()
    project.snapshot(0, {PATH: "a\nb\n"})
    for number in range(200):
        project.edit(10 * number + 10, PATH, f"{number}\n")
    timeline_entries: list[int] = []
    finish = settled_texts.PathTimeline.finish

    def counted(self: Any, workspace: Any) -> None:
        timeline_entries.append(len(self._entries))
        finish(self, workspace)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settled_texts.PathTimeline, "finish", counted)
        table = pa.Table.from_pylist([episode(5, PATH, 0, gone=at(9))], schema=SAMPLED_EPISODES)
        (row,) = error_states(project.table(), table, PROJECT).to_pylist()
    assert [state["text"] for state in row["later_states"]] == [f"{number}\n" for number in range(5)]
    assert timeline_entries == [settled_texts.MOST_LATER_STATES + 1]
