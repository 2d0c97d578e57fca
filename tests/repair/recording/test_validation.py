import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.recording.event import Event, event_batch
from repair.recording.session_events import session_events
from repair.recording.validation import NEEDED, Problem, check_batch
from repair.schema.events import EVENTS, PROJECTS, EventKind
from repair.schema.outcomes import outcome_schema, split_outcomes
from tests.recorded import NOON, NOW, Typist, diagnostic

TYPIST = Typist()
KINDS = EventKind


def event(kind: str = "shell_command", **columns: object) -> Event:
    defaults: dict[str, object] = {"timestamp": NOON, "sequence": 0}
    if kind not in {"ot", "file", "snapshot", "diagnostics"}:
        defaults["payload"] = "{}"
    return Event("p", kind=kind, **{**defaults, **columns})  # pyright: ignore[reportArgumentType]


PACKET = TYPIST.types("a.py", "x = 1\n", NOON).packet
UNDECODABLE = b"\xff\xff\xff"
BAD_TEXT = PACKET.replace(b"x = 1", b"x = \xff") if PACKET else b""

FIX = {
    "fix_id": "f1",
    "model": "2026-01-06-0123456789ab",
    "code": "ruff[F821]",
    "message": "Undefined name `x`",
    "start_line": 0,
    "line_diff": "-1 x\n+1 y",
}


def fix(kind: str, **changed: object) -> Event:
    """A fix event; a value of None leaves the key out."""
    known = FIX if kind == "fix_shown" else {"fix_id": "f1"}
    payload = {name: value for name, value in {**known, **changed}.items() if value is not None}
    return event(kind, path="a.py", payload=json.dumps(payload))


SOUND = [
    event("ot", path="a.py", packet=PACKET),
    event("file", path="a.py", operation="create", content=b""),
    event("file", path="folder", operation="create"),  # a folder has no content
    event("file", path="a.py", operation="modify"),  # that a file changed is worth knowing
    event("file", path="a.py", operation="remove"),
    event("file", path="a.py", operation="move", destination="b/c.py"),
    event("snapshot", path="a.py", content=b"x", version=1),
    event("snapshot", path="a.bin", content=b"\xff"),  # only Python has to be text
    event("snapshot"),  # a project without a file
    event("diagnostics", path="a.py", diagnostics=[]),
    event("diagnostics", path="a.py", diagnostics=[diagnostic()]),
    event("editor_action"),  # not every action is about a file
    event("code_actions", path="a.py"),
    fix("fix_shown"),
    fix("fix_accepted", editor="its own business"),
    fix("fix_shown", fix_id="f2"),
    fix("fix_rejected", fix_id="f2"),
    event("package_install"),
    event("execution"),
    event("shell_command", payload='{"command": "ls 😀"}'),
    event("consent_revoked", payload=None),  # of every purpose
    event("consent_revoked", payload='{"purposes": ["training"]}'),
    event(timestamp=datetime(1970, 1, 1, tzinfo=UTC)),
    event(timestamp=NOW + timedelta(hours=23)),  # clocks differ by less than a day
]

BAD = [
    (event("telepathy"), "unknown_kind"),
    (event("OT", path="a.py", packet=PACKET), "unknown_kind"),  # kinds are lower case
    (event("ot", packet=PACKET), "malformed_event"),  # of which file?
    (event("ot", path="a.py"), "malformed_event"),
    (event("file", path="a.py"), "malformed_event"),
    (event("file", path="a.py", operation="burn"), "malformed_event"),
    (event("file", path="a.py", operation="move"), "malformed_event"),  # where to?
    (event("snapshot", path="a.py"), "malformed_event"),  # a file without its content
    (event("snapshot", content=b"x"), "malformed_event"),  # content of no file
    (event("diagnostics", path="a.py"), "malformed_event"),  # clean is [], not null
    (event("diagnostics", diagnostics=[]), "malformed_event"),
    (event("fix_shown"), "malformed_event"),
    *((fix("fix_shown", **{name: None}), "malformed_fix") for name in FIX),
    (fix("fix_shown", start_line=-1), "malformed_fix"),
    (fix("fix_shown", start_line="1"), "malformed_fix"),
    (fix("fix_shown", fix_id=7), "malformed_fix"),
    (fix("fix_shown", fix_id=""), "malformed_fix"),
    (fix("fix_shown", fix_id="f" * 129), "malformed_fix"),
    (fix("fix_shown", line_diff="x = 1"), "malformed_fix"),  # no diff
    (fix("fix_accepted", fix_id=None), "malformed_fix"),
    (fix("fix_rejected", fix_id=None), "malformed_fix"),
    (event("fix_shown", path="a.py", payload="[]"), "malformed_event"),
    (event("execution", payload=None), "malformed_event"),
    (event(payload="ls"), "malformed_event"),  # not JSON
    (event(payload="[1]"), "malformed_event"),  # JSON, and no object
    (event(payload="[" * 100_000), "malformed_event"),  # deeper than a parser goes
    (event("ot", path="../a.py", packet=PACKET), "unsafe_path"),
    (event("ot", path="/etc/passwd", packet=PACKET), "unsafe_path"),
    (event("ot", path="", packet=PACKET), "unsafe_path"),
    (event("file", path="a.py", operation="move", destination="../../b.py"), "unsafe_path"),
    (event("snapshot", path="a//b.py", content=b""), "unsafe_path"),
    (event("ot", path="a.py", packet=UNDECODABLE), "malformed_packet"),
    (event("ot", path="a.py", packet=b""), "malformed_packet"),  # says no time
    (event("ot", path="a.py", packet=BAD_TEXT), "bad_utf8"),
    (event("snapshot", path="a.py", content=b"\xff"), "bad_utf8"),
    (event("file", path="a.pyi", operation="create", content=b"\xc3\x28"), "bad_utf8"),
    (event(timestamp=datetime(1969, 12, 31, tzinfo=UTC)), "bad_timestamp"),
    (event(timestamp=NOW + timedelta(days=2)), "bad_timestamp"),
    *(
        (
            event("diagnostics", path="a.py", diagnostics=[diagnostic(), diagnostic() | wrong]),
            "malformed_event",
        )
        for wrong in (
            {"start_line": -1},
            {"start_character": -1},
            {"end_line": -1},
            {"end_character": -1},
            {"start_line": 3, "end_line": 2},  # ends before it starts
            {"start_character": 3, "end_character": 2},
        )
    ),
]


@pytest.mark.parametrize("row", SOUND, ids=lambda row: f"{row.kind}-{row.operation or row.path}")
def test_sound_rows_have_no_problem(row: Event) -> None:
    assert check_batch(event_batch([row]), now=NOW) == {}


@pytest.mark.parametrize(("row", "reason"), BAD, ids=lambda value: getattr(value, "kind", value))
def test_each_bad_row_has_its_reason(row: Event, reason: str) -> None:
    problems = check_batch(event_batch([SOUND[0], row, SOUND[0]]), now=NOW)
    assert {place: problem.reason for place, problem in problems.items()} == {1: reason}
    assert problems[1].expected
    assert problems[1].hint


def test_every_kind_is_judged() -> None:
    assert set(NEEDED) == set(EventKind)
    assert {row.kind for row in SOUND} == set(EventKind)


@pytest.mark.parametrize("name", ["project_id", "kind", "timestamp"])
def test_what_every_event_needs(name: str) -> None:
    row = event_batch([SOUND[0]]).to_pylist()[0] | {name: None}
    problems = check_batch(pa.RecordBatch.from_pylist([row], EVENTS), now=NOW)
    assert problems[0].reason == ("bad_timestamp" if name == "timestamp" else "malformed_event")


def test_text_that_is_not_utf8_is_found_and_can_be_written_on() -> None:
    batch = event_batch([event(), event(payload='{"a": "b"}')])
    raw = pa.array([b"{}", b'{"a": "\xff"}']).view(pa.binary())
    payload = pa.StringArray.from_buffers(2, raw.buffers()[1], raw.buffers()[2])
    batch = batch.set_column(EVENTS.get_field_index("payload"), EVENTS.field("payload"), payload)
    (outcome,) = outcomes([batch])
    assert outcome.column("reason").to_pylist() == [None, "bad_utf8"]
    assert outcome.column("payload").to_pylist()[1] == '{"a": "\ufffd"}'


def test_an_empty_batch() -> None:
    assert check_batch(event_batch([]), now=NOW) == {}


def test_a_problem_says_where_what_and_what_to_do() -> None:
    problem = Problem("bad_utf8", "UTF-8 in content", "convert it").at("a.jsonl", "line 3")
    assert str(problem) == "a.jsonl, line 3: bad_utf8: UTF-8 in content; convert it"


def outcomes(batches: list[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    projects = pa.Table.from_pylist([{"project_id": "p"}, {"project_id": "q"}], PROJECTS)
    return session_events(batches, projects, now=NOW)


def reasons(*batches: list[Event]) -> list[str | None]:
    found = list(outcomes([event_batch(batch) for batch in batches]))
    assert all(batch.schema == outcome_schema(EVENTS) for batch in found)
    assert all(set(batch.column("rows").to_pylist()) <= {1} for batch in found)
    return [reason for batch in found for reason in batch.column("reason").to_pylist()]


def test_rows_are_kept_or_rejected_and_none_is_lost() -> None:
    rows = [row for row, _ in BAD] + SOUND
    rows = [replace(row, sequence=number) for number, row in enumerate(rows)]
    assert reasons(rows) == [reason for _, reason in BAD] + [None] * len(SOUND)
    (outcome,) = outcomes([event_batch(rows)])
    assert outcome.select(EVENTS.names) == event_batch(rows)
    assert all(
        (detail is None) == (why is None)
        for detail, why in zip(
            outcome.column("detail").to_pylist(), outcome.column("reason").to_pylist(), strict=True
        )
    )


def test_a_repeated_sequence_is_a_duplicate_also_across_batches() -> None:
    first, second = event(sequence=1), event(sequence=2)
    assert reasons([first, first], [second], [first]) == [None, "duplicate_event", None, "duplicate_event"]


def test_a_decision_is_about_a_fix_that_was_shown_before_and_the_first_one_counts() -> None:
    rows = [
        fix("fix_accepted"),  # not shown yet
        fix("fix_shown"),
        fix("fix_shown"),
        fix("fix_accepted"),
        fix("fix_rejected"),
        fix("fix_rejected", fix_id="other"),
    ]
    rows = [replace(row, sequence=number) for number, row in enumerate(rows)]
    found = ["unknown_fix", None, "repeated_fix", None, "repeated_fix", "unknown_fix"]
    assert reasons(rows) == found
    assert reasons(*([row] for row in rows)) == found  # wherever they are cut
    assert reasons([rows[1], replace(rows[3], project_id="q")]) == [None, "unknown_fix"]


def test_a_bad_fix_event_shows_nothing() -> None:
    rows = [fix("fix_shown", model=None), fix("fix_accepted")]
    numbered = [replace(row, sequence=number) for number, row in enumerate(rows)]
    assert reasons(numbered) == ["malformed_fix", "unknown_fix"]


def test_projects_count_for_themselves() -> None:
    assert reasons([event(sequence=1), replace(event(sequence=1), project_id="q")]) == [None, None]


def test_a_bad_row_does_not_take_the_number_of_a_sound_one() -> None:
    assert reasons([event("telepathy", sequence=1), event(sequence=1)]) == ["unknown_kind", None]


def test_an_event_without_a_sequence_is_malformed() -> None:
    assert reasons([event(sequence=None)]) == ["malformed_event"]


def test_a_project_without_a_record_is_unknown() -> None:
    assert reasons([replace(event(), project_id="stranger")]) == ["unknown_project"]


@given(st.lists(st.lists(st.integers(0, 40), max_size=20), max_size=5))
def test_duplicates_are_those_of_a_plain_set(batches: list[list[int]]) -> None:
    seen: set[int] = set()
    expected = list[str | None]()
    for number in (number for batch in batches for number in batch):
        expected.append("duplicate_event" if number in seen else None)
        seen.add(number)
    assert reasons(*([event(sequence=number) for number in batch] for batch in batches)) == expected


def test_the_reject_says_what_was_expected() -> None:
    (outcome,) = outcomes([event_batch([event(payload=json.dumps([1]))])])
    assert outcome.column("detail").to_pylist() == ["a payload that is a JSON object; write it as {...}"]


def test_rows_of_projects_that_took_consent_back_are_counted_and_not_told() -> None:
    rows = [event("ot", path="secret.py", packet=PACKET, sequence=number) for number in range(3)]
    others = [replace(row, project_id="q") for row in rows[:2]]
    bad = replace(rows[0], kind="telepathy")
    batch = event_batch([*rows[:2], *others, bad])
    outcomes = list(
        session_events([batch], now=NOW, withdrawn={"p": "consent_revoked", "r": "consent_expired"})
    )
    parts = [split_outcomes(outcome) for outcome in outcomes]
    assert [row["project_id"] for kept, _ in parts for row in kept.to_pylist()] == ["q", "q"]
    (reject,) = [row for _, rejects in parts for row in rejects.to_pylist()]
    assert (reject["project_id"], reject["reason"], reject["rows"]) == ("p", "consent_revoked", 3)
    assert reject["path"] is None and reject["timestamp"] is None
