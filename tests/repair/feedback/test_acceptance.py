"""What became of shown fixes, from hand-made events: outcomes, fates, and each reject."""

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pytest

from repair.feedback.acceptance import REASONS, fix_acceptance, shown_fixes
from repair.recording.event import event_batch, numbered
from repair.recording.snapshots import with_snapshots
from repair.schema.events import EventKind
from repair.schema.stages import FIX_ACCEPTANCE
from tests.graph import Session

BROKEN, FIXED = "number = 1\nprint(numbr)\n", "number = 1\nprint(number)\n"
DIFF = "-2 print(numbr)\n+2 print(number)"
MODEL = "2026-01-05-0123456789ab"
PERMITTED = {"licence": "MIT", "purposes": ["training"], "refused": None}


class Editor(Session):
    """A session in which fixes are shown."""

    def shows(self, fix_id: str = "f", path: str = "a.py", **changed: Any) -> "Editor":
        payload = {
            **{"fix_id": fix_id, "model": MODEL, "code": "ruff[F821]", "start_line": 1, "line_diff": DIFF},
            "message": "Undefined name `numbr`",
            **changed,
        }
        self.happens(EventKind.FIX_SHOWN, path=path, payload=json.dumps(payload), after=5)
        return self

    def decides(self, kind: EventKind, fix_id: str = "f", path: str = "a.py") -> "Editor":
        self.happens(kind, path=path, payload=json.dumps({"fix_id": fix_id}), after=2)
        return self

    def accepts(self, text: str = FIXED, fix_id: str = "f", after: float = 1) -> "Editor":
        self.decides(EventKind.FIX_ACCEPTED, fix_id)
        self.edits("a.py", text, after=after)
        return self


def opened() -> Editor:
    editor = Editor("p")
    editor.edits("a.py", BROKEN)
    return editor


def events(editor: Editor) -> pa.RecordBatch:
    return event_batch(list(numbered(with_snapshots(editor.events, lambda *_: None))))


def rows(editor: Editor, project: Mapping[str, Any] = PERMITTED, name: str = "F821") -> list[dict[str, Any]]:
    found = shown_fixes(
        [events(editor)], diagnostic_type=name, known_types=["F821", "syntax"], projects={"p": project}
    )
    return [row for batch in found for row in batch.to_pylist()]


def one(editor: Editor, **how: Any) -> dict[str, Any]:
    [row] = rows(editor, **how)
    return row


def test_an_accepted_fix_that_stays() -> None:
    editor = opened().shows().accepts()
    editor.edits("a.py", f"{FIXED}print(2)\n", after=1800)
    editor.edits("a.py", f"{BROKEN}print(2)\n", after=7200)  # later than an hour: nobody looks
    row = one(editor)
    assert (row["reason"], row["outcome"], row["fate"]) == (None, "accepted", "kept")
    assert (row["model"], row["code"], row["licence"], row["policy"]) == (MODEL, "ruff[F821]", "MIT", None)
    assert row["purposes"] == ["training"]
    assert row["files"] == [{"path": "a.py", "text": BROKEN}]
    assert row["later_files"] == [{"path": "a.py", "text": f"{FIXED}print(2)\n"}]
    assert (row["decided"] - row["moment"]).total_seconds() == 2


@pytest.mark.parametrize(
    ("later", "fate"), [(BROKEN, "reverted"), (FIXED.replace("number)", "number + 1)"), "edited")]
)
def test_an_accepted_fix_that_does_not_stay(later: str, fate: str) -> None:
    editor = opened().shows().accepts()
    editor.edits("a.py", later, after=600)
    assert one(editor)["fate"] == fate


def test_an_accepted_fix_whose_file_is_removed() -> None:
    editor = opened().shows().accepts()
    editor.happens(EventKind.FILE, path="a.py", operation="remove", after=60)
    row = one(editor)
    assert (row["fate"], row["later_files"]) == ("file_gone", [])


def test_what_was_rejected_or_ignored_has_no_fate() -> None:
    editor = opened().shows().decides(EventKind.FIX_REJECTED).shows("g")
    first, second = rows(editor)
    assert (first["outcome"], first["fate"]) == ("rejected", None)
    assert first["later_files"] == [{"path": "a.py", "text": BROKEN}]
    assert (second["outcome"], second["decided"], second["later_files"]) == ("ignored", None, [])


def test_in_the_last_hour_of_the_day_nothing_is_known_of_its_fate() -> None:
    editor = opened()
    editor.now = editor.now.replace(hour=23, minute=10)
    row = one(editor.shows().accepts())
    assert (row["outcome"], row["fate"], row["later_files"]) == ("accepted", None, [])


def test_the_edit_may_come_just_before_the_event_that_says_why() -> None:
    editor = opened().shows()
    editor.edits("a.py", FIXED, after=1)
    editor.decides(EventKind.FIX_ACCEPTED)
    editor.edits("a.py", f"{FIXED}x\n", after=3)
    assert one(editor)["fate"] == "kept"


def test_a_fix_of_another_type_is_in_another_partition() -> None:
    editor = opened().shows(code="pyright")
    assert rows(editor) == []
    assert one(editor, name="syntax")["code"] == "pyright"


@pytest.mark.parametrize("refused", ["private", "no_consent"])
def test_of_a_project_that_may_not_be_used_only_counts_are_kept(refused: str) -> None:
    row = one(opened().shows().accepts(), project={"refused": refused})
    assert (row["outcome"], row["fate"], row["policy"]) == ("accepted", "kept", refused)
    assert (row["files"], row["later_files"], row["message"], row["line_diff"]) == ([], [], None, None)


@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        ({"line_diff": "-2 print(other)\n+2 print(number)"}, "not_applicable"),
        ({"line_diff": "-9 print(numbr)"}, "not_applicable"),
        ({"path": "b.py"}, "file_absent"),
        ({"start_line": 9}, "range_outside_file"),
    ],
)
def test_a_fix_that_is_none_of_the_file(shown: dict[str, Any], reason: str) -> None:
    row = one(opened().shows(**shown))
    assert row["reason"] == reason
    assert row["detail"].startswith("fix f: ")


def test_an_acceptance_without_the_edit_is_rejected() -> None:
    assert one(opened().shows().decides(EventKind.FIX_ACCEPTED))["reason"] == "not_applied"
    late = opened().shows().accepts(after=90)
    assert one(late)["reason"] == "not_applied"


def test_a_file_that_breaks_within_the_hour_is_unknown_later() -> None:
    editor = opened().shows().accepts()
    editor.edits("a.py", f"{FIXED}x\n", after=60, crc32=1)
    assert one(editor)["reason"] == "unknown_later"


def test_a_file_that_is_broken_at_the_moment() -> None:
    editor = Editor("p")
    editor.edits("a.py", BROKEN, crc32=1)
    assert one(editor.shows())["reason"] == "bad_crc"


def test_without_a_snapshot_nothing_is_known() -> None:
    editor = opened().shows()
    batch = event_batch(list(numbered(editor.events)))
    [outcomes] = shown_fixes([batch], diagnostic_type="F821", known_types=["F821"], projects={"p": PERMITTED})
    assert outcomes["reason"].to_pylist() == ["no_base"]


def test_a_project_whose_rows_lie_between_those_of_others_is_passed_over() -> None:
    between = Editor("o")
    between.edits("a.py", BROKEN)
    batches = [events(opened().shows()), events(between)]
    found = shown_fixes(
        batches, diagnostic_type="F821", known_types=["F821"], projects={"p": PERMITTED, "q": PERMITTED}
    )
    assert [row["project_id"] for batch in found for row in batch.to_pylist()] == ["p"]


def test_a_file_of_events_alone_is_read_as_public() -> None:
    [outcomes] = fix_acceptance([events(opened().shows().accepts())], diagnostic_type="F821")
    assert outcomes["fate"].to_pylist() == ["kept"]
    assert set(FIX_ACCEPTANCE.names) < set(outcomes.schema.names)
    assert {"not_applicable", "not_applied", "unknown_later"} < set(REASONS)
