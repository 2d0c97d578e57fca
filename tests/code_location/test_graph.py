"""From a recording to training examples: each row goes on, or is rejected once and for the right reason."""

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from partitions.keys import Key
from repair.curation.consent import OWNER, consent_records
from repair.dataset.splits import SPLIT_SEED, split_of
from repair.execution.staleness import RunSettings, staleness
from repair.ot.packets import Author
from repair.prompt.rows import prompt_of
from repair.recording.writer import RecordingWriter
from repair.schema import rows
from repair.schema.events import EventKind, FileOperation
from repair.verification.confidence import verifiers_own
from repair_assets.error_states import error_states
from repair_assets.reproduced_diagnostics import reproduced_diagnostics
from repair_assets.session_events import published_by_type, session_events
from tests.graph import (
    DAY,
    STAGES,
    House,
    Session,
    check,
    failure,
    published,
    record,
    reused,
    typing_errors,
    undefined,
)
from tests.typed_rows import faults

NAMES, TAIL, ATTRIBUTES = Key(DAY, "F821"), Key(DAY, "other"), Key(DAY, "reportAttributeAccessIssue")

PRICES = (
    "prices = [3, 4]\n\nfor number, each in enumerate(prices):\n    print(number, each)\nprint(sum(prices))\n"
)
BROKEN_PRICES = PRICES.replace("sum(prices)", "sum(prise)")
CONTACT = 'OWNER = "ada.lovelace@engines.org"\n\n\ndef owner():\n    return OWNER\n'
BROKEN_CONTACT = CONTACT.replace("return OWNER", "return OWNR")
BREAD = "import math\n\nLOAVES = 12\n\n\ndef boxes(size):\n    return math.ceil(LOAVES / size)\n"
BROKEN_BREAD = BREAD.replace("LOAVES / size", "LOAVES / sise")
NEVER = "for guest in guests:\n    print('welcome', guest, 'to the party')\n"
BLINK = "light = lamp.on()\nwhile light:\n    light = not light\n"
GHOST = 'def haunt(house):\n    return house.upper() + scream\n\n\nprint(haunt("castle"))\n'
FLEETING = "class Cloud:\n    shape = mist\n\n\nprint(Cloud.shape)\n"
WRONG = "answer = 42\nassert answer == 6 * 7\n"
PROSE = "Hello, world\n"
SHORT = "seconds = 3\nprint(seconds)\n"
SHOUT = 'name = "ada"\nshouted = name.upper()\nprint(f"{shouted}!")\n'
BROKEN_SHOUT = SHOUT.replace("upper", "uper")
UNUSED = "import os\n\nprint(3)\n"
AMBIGUOUS = "l = 1\nprint(l)\n"

# Of a project that may not be learned from: the reason that every row of it has.
REFUSED: dict[str, dict[str, Any]] = {
    "private": {"visibility": "private"},
    "unknown_visibility": {"visibility": "unknown"},
    "no_consent": {"consent": False},
    "unknown_consent": {"consent": None},
    "not_python": {"language": "javascript"},
}


def shop() -> Session:
    """A project in which everything happens to an undefined name that can."""
    session = Session("shop")
    session.edits("prices.py", BROKEN_PRICES)
    session.publishes("prices.py", undefined(BROKEN_PRICES, "prise"))
    session.publishes("prices.py", undefined(BROKEN_PRICES, "prise"))
    session.edits("prices.py", PRICES)
    session.publishes("prices.py")
    session.errs_and_repairs("twin.py", BROKEN_PRICES, PRICES, undefined(BROKEN_PRICES, "prise"))
    session.errs_and_repairs("contact.py", BROKEN_CONTACT, CONTACT, undefined(BROKEN_CONTACT, "OWNR"))
    session.edits("never.py", NEVER)
    session.publishes("never.py", undefined(NEVER, "guests"))
    session.edits("blink.py", BLINK)
    session.publishes("blink.py", undefined(BLINK, "lamp"), after=1)
    session.edits("blink.py", "lamp = None\n", after=1)
    session.publishes("blink.py")
    session.edits("ghost.py", GHOST)
    session.publishes("ghost.py", undefined(GHOST, "scream"))
    session.edits("ghost.py", GHOST.replace("scream", "'!'"), author=Author.GHOSTWRITER)
    session.publishes("ghost.py")
    session.edits("fleeting.py", FLEETING)
    session.publishes("fleeting.py", undefined(FLEETING, "mist"))
    session.happens(EventKind.FILE, path="fleeting.py", operation=FileOperation.REMOVE)
    session.publishes("fleeting.py")
    session.errs_and_repairs("wrong.py", WRONG, WRONG + "\n", undefined(WRONG, "answer"))
    session.errs_and_repairs("notes.py", PROSE, SHORT, undefined(PROSE, "Hello"))
    behind = undefined(SHORT, "seconds") | {"start_line": 40, "end_line": 40}
    session.errs_and_repairs("short.py", SHORT, SHORT + "\n", behind)
    return session


def bakery() -> Session:
    session = Session("bakery")
    rules = b'[lint]\nselect = ["F", "E741"]\n'
    session.happens(EventKind.FILE, path="ruff.toml", operation=FileOperation.CREATE, content=rules)
    session.errs_and_repairs("bread.py", BROKEN_BREAD, BREAD, undefined(BROKEN_BREAD, "sise"))
    unused = published(UNUSED, "ruff[F401]", "`os` imported but unused", "os")
    session.edits("unused.py", UNUSED)
    session.publishes("unused.py", unused)
    session.publishes("unused.py", unused)
    session.edits("unused.py", "print(3)\n")
    session.publishes("unused.py")
    style = published(AMBIGUOUS, "ruff[E741]", "Ambiguous variable name: `l`", "l")
    session.errs_and_repairs("style.py", AMBIGUOUS, "loaves = 1\nprint(loaves)\n", style)
    message = 'Cannot access member "uper" for type "str"'  # as an older pyright said it
    attribute = published(BROKEN_SHOUT, "pyright[reportGeneralTypeIssues]", message, "uper")
    today = {**attribute, "code": "pyright[reportAttributeAccessIssue]"}
    session.errs_and_repairs("shout.py", BROKEN_SHOUT, SHOUT, today)
    # what was recorded, and is no event
    session.sends("notes.txt", b"\xff\xff no packet")
    session.happens(EventKind.DIAGNOSTICS, path="../outside.py", diagnostics=[])
    session.happens(EventKind.SHELL_COMMAND, payload="ls")
    return session


def refused(reason: str) -> Session:
    session = Session(f"of-{reason}", **REFUSED[reason])
    session.errs_and_repairs("bread.py", BROKEN_BREAD, BREAD, undefined(BROKEN_BREAD, "sise"))
    return session


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """The whole recording, taken through all stages for the types that occur."""
    house = House(tmp_path_factory.mktemp("house"))
    record(house.folder / "recording", [shop(), bakery(), *map(refused, REFUSED)])
    house.events()
    for key in (NAMES, TAIL, ATTRIBUTES):
        house.diagnostics(key.diagnostic_type or "")
    return house


def counts(house: House, key: Key) -> list[tuple[int, int]]:
    """Rows in and out of each stage."""
    return [
        (manifest.rows_in, manifest.rows_out) for manifest in (house.manifest(stage, key) for stage in STAGES)
    ]


def test_events_are_counted_by_the_recorded_rows(house: House):
    manifest = house.manifest("session_events", Key(DAY))
    session = [
        *shop().events,
        *bakery().events,
        *(event for name in REFUSED for event in refused(name).events),
    ]
    projects = 2 + len(REFUSED)
    closing = 9 + 5 + len(REFUSED)  # files that the projects have at the end of the day
    assert manifest.rows_in == len(session) + projects + closing
    assert manifest.rejects == {"malformed_packet": 1, "unsafe_path": 1, "malformed_event": 1}
    assert published_by_type(manifest) == {
        "F821": 11 + 1 + len(REFUSED),
        "other": 3,
        "reportAttributeAccessIssue": 1,
    }
    assert len(house.rows("session_events", Key(DAY), "projects")) == projects


def test_each_stage_adds_up_to_a_count_by_hand(house: House):
    assert counts(house, NAMES) == [
        (17, 9),  # 5 refused projects, a repeat, one never settled, one behind the end
        (9, 8),  # one that the servers do not say
        (8, 6),  # a near-duplicate and a page of prose
        (6, 3),  # never repaired, repaired by an AI, the file taken away
        (3, 3),
        (3, 3),
    ]
    assert counts(house, TAIL) == [(3, 1), (1, 1), (1, 0), (0, 0), (0, 0), (0, 0)]
    assert counts(house, ATTRIBUTES) == [(1, 1)] * len(STAGES)


ROWS = {
    "error_states": rows.ErrorStateRow,
    "reproduced_diagnostics": rows.ReproducedDiagnosticRow,
    "repair_candidates": rows.RepairCandidateRow,
    "synthesized_diffs": rows.SynthesizedDiffRow,
    "verified_diffs": rows.VerifiedDiffRow,
    "repair_examples": rows.RepairExampleRow,
}


@pytest.mark.parametrize("stage", STAGES)
def test_rows_are_of_the_type_of_their_table(house: House, stage: str):
    for key in (NAMES, TAIL, ATTRIBUTES):
        assert faults(house.rows(stage, key), list[ROWS[stage]]) == []
        assert faults(house.rows(stage, key, "rejects"), list[rows.RejectRow]) == []


@pytest.mark.parametrize(
    ("stage", "key", "expected"),
    [
        (
            "error_states",
            NAMES,
            {
                ("prices.py", "same_episode"): 1,
                ("blink.py", "never_settled"): 1,
                ("short.py", "range_outside_file"): 1,
                **{("bread.py", reason): 1 for reason in REFUSED},
            },
        ),
        ("reproduced_diagnostics", NAMES, {("wrong.py", "not_reproduced"): 1}),
        ("repair_candidates", NAMES, {("twin.py", "near_duplicate"): 1, ("notes.py", "prose"): 1}),
        (
            "synthesized_diffs",
            NAMES,
            {
                ("never.py", "no_later_fix"): 1,
                ("ghost.py", "ghostwriter_fix"): 1,
                ("fleeting.py", "file_absent_later"): 1,
            },
        ),
        ("verified_diffs", NAMES, {}),
        ("repair_examples", NAMES, {}),
        ("repair_candidates", TAIL, {("unused.py", "has_code_action"): 1}),
    ],
)
def test_a_rejected_row_carries_its_reason(
    house: House, stage: str, key: Key, expected: dict[tuple[str, str], int]
):
    assert house.rejects(stage, key) == expected
    for row in house.rows(stage, key, "rejects"):
        assert row["project_id"]
        assert row["code"]
        assert row["detail"] or row["reason"] in (*REFUSED, "same_episode")


def test_an_example_is_what_the_user_did_and_nothing_more(house: House):
    examples = {row["path"]: row for row in house.rows("repair_examples", NAMES)}
    assert set(examples) == {"prices.py", "contact.py", "bread.py"}
    bread = examples["bread.py"]
    assert bread["line_diff"] == (
        "-7     return math.ceil(LOAVES / sise)\n+7     return math.ceil(LOAVES / size)"
    )
    assert bread["repaired"] == BREAD
    assert (bread["teacher"], bread["licence"], bread["code"]) == ("history", "MIT", "ruff[F821]")
    assert prompt_of(bread).startswith("<code>\n#bread.py\n1 import math\n")
    assert bread["response"].splitlines()[-1] == "</diff>"


def test_no_address_reaches_a_candidate_or_an_example(house: House):
    (candidate,) = (row for row in house.rows("repair_candidates", NAMES) if row["path"] == "contact.py")
    assert candidate["redactions"] > 0
    for stage in STAGES[2:]:
        for name in ("data", "rejects"):
            assert "lovelace" not in str(house.rows(stage, NAMES, name)), f"{stage} {name}"


def test_what_an_older_server_recorded_agrees_by_code_and_place(house: House):
    (row,) = house.rows("reproduced_diagnostics", ATTRIBUTES)
    assert set(row["agreed"]) == {"code", "line", "range"}
    assert "Cannot access attribute" in row["diagnostic"]["message"]


def test_a_second_run_reuses_every_stage_and_says_so(house: House):
    before = [house.manifest(stage, NAMES) for stage in STAGES]
    result = house.diagnostics("F821")
    assert reused(result) == dict.fromkeys(STAGES, True)
    assert [house.manifest(stage, NAMES) for stage in STAGES] == before
    assert check(result, "error_states", "replay_equals_stored_copy").passed


def test_another_sample_is_a_new_result_for_all_that_follows(house: House):
    result = house.diagnostics("F821", config={"error_states": {"cap_per_project": 1}})
    assert not any(reused(result).values())
    states = house.manifest("error_states", NAMES)
    assert states.rejects["cap_project"] == 8
    assert states.rows_out + states.rejects.get("range_outside_file", 0) == 2, "one of each project"
    house.diagnostics("F821")  # as the other tests expect it
    assert counts(house, NAMES)[-1] == (3, 3)


def test_a_server_fixes_the_only_row_of_the_tail_and_the_tail_deserves_a_type(house: House):
    result = house.diagnostics("other")
    shared = check(result, "repair_candidates", "code_action_share")
    assert shared.passed, "one row is no alarm"
    assert "1 of 1 (100%) have a CodeAction" in (shared.description or "")
    assert check(result, "error_states", "code_action_share").passed, "the recording says nothing of it"
    tail = check(house.run([session_events], Key(DAY)), "session_events", "tail_is_small")
    assert not tail.passed
    assert tail.severity is dg.AssetCheckSeverity.WARN
    assert "ruff[F401]" in (tail.description or "")
    assert "E741" not in (tail.description or ""), "style is no candidate for a type"


def test_a_type_that_nobody_published_is_an_empty_partition(house: House):
    result = house.diagnostics("reportIndexIssue")
    assert result.success
    assert counts(house, Key(DAY, "reportIndexIssue")) == [(0, 0)] * len(STAGES)


def test_another_calibration_makes_the_rows_that_it_gave_a_confidence_stale(house: House):
    def causes(sha256: str) -> set[tuple[str, str]]:
        found = staleness(house.store, {DAY}, RunSettings({"calibration": sha256}))
        return {(one.name, cause.kind) for one in found for cause in one.causes if cause.kind == "version"}

    assert causes(verifiers_own().sha256) == set()
    assert (f"verified_diffs[{NAMES}]", "version") in causes("0" * 64)


def test_a_stage_without_its_input_says_what_to_materialize(tmp_path: Path):
    house = House(tmp_path)
    record(tmp_path / "recording", [refused("private")])
    result = house.run([error_states, reproduced_diagnostics], NAMES, raise_on_error=False)
    assert f"session_events[{DAY}] is not in the store" in failure(result, "error_states")
    assert not (tmp_path / "store").exists()


def test_events_that_arrive_late_make_a_new_result_and_none_is_lost(tmp_path: Path):
    house = House(tmp_path)
    record(tmp_path / "recording", [typing_errors("early", [1])])
    house.events()
    house.diagnostics("F821")

    shutil.rmtree(tmp_path / "recording")
    record(tmp_path / "recording", [typing_errors("early", [1]), typing_errors("late", [2])])
    stale = house.diagnostics("F821")
    assert reused(stale) == dict.fromkeys(STAGES, True), "the day's events are not materialized again yet"
    house.events()
    result = house.diagnostics("F821")
    assert reused(result) == dict.fromkeys(STAGES, False)
    assert {row["project_id"] for row in house.rows("repair_examples", NAMES)} == {"early", "late"}


def test_a_project_that_takes_consent_back_has_no_row_that_day_or_later(tmp_path: Path):
    house = House(tmp_path)
    left, stays = typing_errors("left", [1]), typing_errors("stays", [2])
    record(tmp_path / "recording", [left, stays])
    before = house.events()
    left.now += timedelta(days=1)
    left.happens(EventKind.CONSENT_REVOKED)
    left.edits("later.py", "x = 1\n")
    shutil.rmtree(tmp_path / "recording")
    record(tmp_path / "recording", [left, stays])
    for day in (DAY, "2026-01-06"):
        events = house.events(day)
        of_left = sum(event.timestamp.date().isoformat() == day for event in left.events)
        assert events.rejects["consent_revoked"] >= of_left > 0
        rejects = house.rows("session_events", Key(day), "rejects")
        assert {(row["project_id"], row["path"]) for row in rejects} == {("left", None)}
        records = house.rows("session_events", Key(day), "projects")
        assert [row["project_id"] for row in records] == ["stays"]
    assert house.manifest("session_events", Key(DAY)).fingerprint != before.fingerprint


def test_a_purpose_that_was_not_agreed_to_ends_before_the_examples(tmp_path: Path):
    house = House(tmp_path)
    split = {split_of(name, SPLIT_SEED): name for name in map(str, range(40))}
    sessions = [typing_errors(split[side], [number]) for number, side in enumerate(("train", "test"))]
    for session, purpose in zip(sessions, ("evaluation", "training"), strict=True):
        consents = [row for row in consent_records(OWNER) if row["purpose"] == purpose]
        session.project = replace(session.project, consents=consents)
    record(tmp_path / "recording", sessions)
    house.events()
    house.diagnostics("F821")
    assert counts(house, NAMES)[-1] == (2, 0)
    assert house.rejects("repair_examples", NAMES) == {
        ("area_0.py", "no_consent_to_training"): 1,
        ("area_1.py", "no_consent_to_evaluation"): 1,
    }


def test_a_day_on_which_nothing_was_recorded_is_empty(tmp_path: Path):
    house = House(tmp_path)
    record(tmp_path / "recording", [typing_errors("early", [1])])
    events = house.events("2026-01-20")
    assert (events.rows_in, events.rows_out, published_by_type(events)) == (0, 0, {})
    house.diagnostics("F821", "2026-01-20")
    assert counts(house, Key("2026-01-20", "F821")) == [(0, 0)] * len(STAGES)


def test_events_of_a_project_that_nobody_knows_are_rejected(tmp_path: Path):
    house = House(tmp_path)
    known, stranger = typing_errors("known", [1]), typing_errors("stranger", [2])
    with RecordingWriter(tmp_path / "recording") as writer:
        writer.add_project(known.project)
        for session in (known, stranger):
            writer.write_events(session.project.project_id, session.events)
    events = house.events()
    assert events.rejects == {"unknown_project": len(stranger.events) + 2}, "and its two snapshots"
    house.diagnostics("F821")
    assert counts(house, NAMES) == [(1, 1)] * len(STAGES)


def test_without_a_recording_a_run_says_how_to_make_one(tmp_path: Path):
    result = House(tmp_path).run([session_events], Key(DAY), raise_on_error=False)
    assert "recording is no recording: it has no projects.parquet" in failure(result, "session_events")
    assert not (tmp_path / "store").exists()
