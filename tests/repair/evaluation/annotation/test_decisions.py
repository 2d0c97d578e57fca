"""The log of decisions: what is saved stays, whatever happens; and what people say together."""

import json
import resource
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from repair.errors import ConfigurationError, InputError
from repair.evaluation.annotation.decisions import (
    Decision,
    DecisionLog,
    Decisions,
    annotator_name,
    consensus,
    decisions_bytes,
    read_decisions,
)
from tests.annotated import ROOT, logged

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def decision(choice: Any = "accept", annotator: str = "ann", **fields: Any) -> Decision:
    known = {"sample_id": "one", "sample_sha256": "f" * 64, "reason": "", "line_diff": "+1 x"}
    return Decision(**{**known, "annotator": annotator, "decision": choice, "timestamp": NOON, **fields})


def test_what_is_saved_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with DecisionLog(path) as log:
        first = log.append(decision("reject", reason="a \u2028 b \ud800 c"))
        log.append(decision("skip", "bob"))
        last = log.append(decision("accept", line_diff="+1 é\u202e"))
    assert first.timestamp < last.timestamp
    with DecisionLog(path) as log:
        assert log.decisions.of("one", "f" * 64)["ann"] == last
        assert {row.annotator for row in log.decisions} == {"ann", "bob"}
    assert [row["decision"] for row in logged(path)] == ["reject", "skip", "accept"]
    assert logged(path)[0]["timestamp"].endswith("Z")
    assert path.stat().st_mode & 0o077 == 0


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.repair.evaluation.annotation.test_decisions import decision
from repair.evaluation.annotation.decisions import DecisionLog
with DecisionLog(Path(sys.argv[1])) as log:
    for number in range(int(sys.argv[2])):
        log.append(decision(sample_id=str(number)))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_has_saved_what_it_said_it_had(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    done = subprocess.run([sys.executable, "-c", KILLED, path, "5"], cwd=ROOT, check=False)
    assert done.returncode == -9
    with DecisionLog(path) as log:
        assert len(list(log.decisions)) == 5
        assert log.cut == 0


@pytest.mark.parametrize("kept", [1, 15, 40, -3])
def test_a_row_that_was_never_saved_is_cut_off(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "log.jsonl"
    with DecisionLog(path) as log:
        log.append(decision())
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:kept])
    with DecisionLog(path) as log:
        assert log.cut == len(whole[:kept])
        log.append(decision("skip"))
    assert [row["decision"] for row in logged(path)] == ["accept", "skip"]


def test_a_last_row_without_its_newline_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with DecisionLog(path) as log:
        log.append(decision())
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    with DecisionLog(path) as log:
        log.append(decision("skip"))
    assert len(logged(path)) == 2


@pytest.mark.parametrize(
    "content", [b"my notes", b"my\nnotes\n", b"[1]\n", b"{}\n", b"[" * 100_000, b"\xff\n"]
)
def test_another_file_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"notes\.txt, line 1"):
        DecisionLog(path)
    assert path.read_bytes() == content


def test_one_process_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with DecisionLog(path), pytest.raises(ConfigurationError, match="another `repair annotate`"):
        DecisionLog(path)
    DecisionLog(path).__exit__(None, None, None)


@pytest.mark.parametrize("replaced", [True, False])
def test_nothing_is_saved_to_a_file_that_is_gone(tmp_path: Path, replaced: bool) -> None:
    path = tmp_path / "log.jsonl"
    with DecisionLog(path) as log:
        path.rename(tmp_path / "other")
        if replaced:
            path.write_text("")
        with pytest.raises(InputError, match="removed or replaced"):
            log.append(decision())
    assert (tmp_path / "other").read_text() == ""


def test_a_full_disk_leaves_no_half_of_a_row(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with DecisionLog(path) as log:
        log.append(decision())
        size = path.stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, limits[1]))
        try:
            with pytest.raises(OSError, match="File too large"):
                log.append(decision("skip"))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert path.stat().st_size == size
        assert log.decisions.of("one", "f" * 64)["ann"].decision == "accept"
        log.append(decision("reject", reason="no"))
    assert [row["decision"] for row in logged(path)] == ["accept", "reject"]


def test_a_verdict_comes_too_late_for_a_decision_that_was_changed(tmp_path: Path) -> None:
    with DecisionLog(tmp_path / "log.jsonl") as log:
        corrected = log.append(decision("correct"))
        rejected = log.append(decision("reject", reason="no"))
        assert log.append(decision("correct"), instead_of=corrected) == rejected
        assert log.decisions.of("one", "f" * 64)["ann"] == rejected


def test_a_clock_that_is_set_back_changes_no_order(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    ahead = datetime.now(UTC) + timedelta(days=400)
    row = {**dict.fromkeys(("sample_id", "sample_sha256", "annotator", "reason", "line_diff"), "x")}
    path.write_text(json.dumps({**row, "decision": "reject", "timestamp": ahead.isoformat()}) + "\n")
    with DecisionLog(path) as log:
        log.append(decision("accept", "x", sample_id="x", sample_sha256="x"))
    assert read_decisions(path.read_bytes(), "").of("x", "x")["x"].decision == "accept"


def test_files_may_be_concatenated_in_any_order() -> None:
    rows = [
        decision("accept"),
        decision("reject", timestamp=NOON + timedelta(seconds=1)),
        decision("skip", "bob"),
    ]
    for order in (rows, rows[::-1]):
        latest = Decisions(order).of("one", "f" * 64)
        assert {name: row.decision for name, row in latest.items()} == {"ann": "reject", "bob": "skip"}
    assert Decisions(rows).of("one", "e" * 64) == {}  # of another version of the sample


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"decision": "maybe"}, "decision"),
        ({"timestamp": "2026-01-05T12:00:00"}, "timestamp"),  # of which zone?
        ({"timestamp": "today"}, "timestamp"),
        ({"annotator": " \t"}, "annotator"),
        ({"sample_id": 7}, "sample_id is 7, expected a string"),
        ({"line_dif": ""}, "unknown field 'line_dif'"),
        ({"verdict": {"accepted": 1}}, "verdict"),
    ],
)
def test_a_wrong_row_is_named(change: dict[str, Any], part: str) -> None:
    row = {**dict.fromkeys(("sample_id", "sample_sha256", "annotator", "reason", "line_diff"), "x")}
    row |= {"decision": "accept", "timestamp": NOON.isoformat()}
    good = json.dumps(row).encode()
    assert len(list(read_decisions(b"\xef\xbb\xbf" + good + b"\r\n\r\n" + good, "f"))) == 1
    with pytest.raises(InputError, match=r"^(f, line 2|an annotator)") as caught:
        read_decisions(good + b"\n" + json.dumps({**row, **change}).encode(), "f")
    assert part in str(caught.value)


def test_a_file_that_is_absent_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"can't be read from .*absent\.jsonl"):
        decisions_bytes(str(tmp_path / "absent.jsonl"))


def test_spellings_of_a_name_are_one_person() -> None:
    spellings = ["Ann  Lee", "ann lee ", "ＡＮＮ lee", "ANN\tLEE"]
    assert {annotator_name(text) for text in spellings} == {"ann lee"}
    for text in ("", "  ", "a" * 61, "a\x1b[31m", "a\u202eb", "\ud800"):
        with pytest.raises(InputError, match="annotator's name"):
            annotator_name(text)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], None),
        ([("skip", "a", "")], None),
        ([("accept", "a", "P")], ("accept", "P", ("a",))),
        ([("accept", "a", "P"), ("skip", "b", "P")], ("accept", "P", ("a",))),
        ([("accept", "a", "P"), ("accept", "b", "P")], ("accept", "P", ("a", "b"))),
        ([("accept", "a", "P"), ("correct", "b", "P")], ("accept", "P", ("a", "b"))),  # the same reference
        ([("correct", "a", "Q"), ("accept", "b", "P")], (None, "", ("a", "b"))),
        ([("correct", "a", "Q"), ("correct", "b", "R")], (None, "", ("a", "b"))),
        ([("reject", "a", "P"), ("reject", "b", "Q")], ("reject", "", ("a", "b"))),
        ([("reject", "a", "P"), ("accept", "b", "P")], (None, "", ("a", "b"))),
        (
            [("reject", "a", "P"), ("accept", "b", "P"), ("accept", "adjudicator", "P")],
            ("accept", "P", ("adjudicator", "b")),
        ),
        ([("reject", "a", "P"), ("skip", "adjudicator", "P")], ("reject", "", ("a",))),
        ([("right", "a", "P"), ("unsure", "b", "P")], (None, "", ("a", "b"))),
    ],
)
def test_what_annotators_say_together(
    rows: list[tuple[str, str, str]], expected: tuple[str | None, str, tuple[str, ...]] | None
) -> None:
    found = consensus({name: decision(choice, name, line_diff=diff) for choice, name, diff in rows})
    assert (found and (found.decision, found.line_diff, found.annotators)) == expected
