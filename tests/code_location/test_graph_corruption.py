"""Packets and stored copies that do not fit: what rests on them is rejected, their neighbours go on."""

from datetime import timedelta
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from partitions.keys import Key
from repair.ot.packets import Delete, Packet, encode_packet
from repair.schema.events import EVENTS, EventKind
from tests.graph import DAY, MORNING, STAGES, House, Session, check, misspelt, record, typing_errors

NEXT_DAY = "2026-01-06"
NAMES, LATER_NAMES = Key(DAY, "F821"), Key(NEXT_DAY, "F821")
BROKEN, REPAIRED, SHOWN = misspelt(0)


def bad_crc(session: Session) -> None:
    session.edits("area.py", BROKEN, crc32=1)


def version_gap(session: Session) -> None:
    session.edits("area.py", "# an area\n")
    session.edits("area.py", BROKEN, version=7)


def delete_past_end(session: Session) -> None:
    packet = Packet(ops=(Delete(len(BROKEN) + 1),), crc32=0, version=2, committed=session.now)
    session.edits("area.py", BROKEN)
    session.sends("area.py", encode_packet(packet))


def bad_utf8(session: Session) -> None:
    """What cannot be decoded is rejected as an event; the file lacks it, and the next packet shows it."""
    session.edits("area.py", "# an area\n")
    empty = encode_packet(Packet(ops=(), crc32=0, version=2, committed=session.now))
    session.sends("area.py", empty + b"\x12\x03\x1a\x01\xff")  # and an insert of the byte FF
    session.typist.versions["area.py"] = 2
    session.edits("area.py", BROKEN)


def malformed_at_the_end(session: Session) -> None:
    """Nothing follows the lost packet but the stored copy at midnight."""
    session.edits("area.py", BROKEN)
    session.sends("area.py", b"\xff")


CORRUPTIONS = [
    # (what happens to the file, the reason of its diagnostic, rejected events)
    (bad_crc, "bad_crc", {}),
    (version_gap, "version_gap", {}),
    (delete_past_end, "delete_past_end", {}),
    (bad_utf8, "version_gap", {"bad_utf8": 1}),
    (malformed_at_the_end, "snapshot_mismatch", {"malformed_packet": 1}),
]


def corrupt(corruption) -> Session:
    session = Session(f"corrupt-{corruption.__name__}")
    corruption(session)
    session.publishes("area.py", SHOWN)
    return session


@pytest.fixture(scope="module")
def corrupted(tmp_path_factory: pytest.TempPathFactory) -> House:
    house = House(tmp_path_factory.mktemp("corrupted"))
    projects = [corrupt(corruption) for corruption, _, _ in CORRUPTIONS]
    record(house.folder / "recording", [*projects, typing_errors("sound", [0, 1])])
    house.events()
    house.diagnostics("F821")
    return house


@pytest.mark.parametrize(("corruption", "reason", "events"), CORRUPTIONS)
def test_a_diagnostic_that_rests_on_a_bad_packet_is_rejected_for_it(
    corrupted: House, corruption, reason: str, events: dict[str, int]
):
    project = f"corrupt-{corruption.__name__}"
    rejected = {
        asset: [row for row in corrupted.rows(asset, key, "rejects") if row["project_id"] == project]
        for asset, key in (("session_events", Key(DAY)), ("error_states", NAMES))
    }
    (row,) = rejected["error_states"]
    assert (row["reason"], row["path"]) == (reason, "area.py")
    assert row["detail"].startswith("area.py: ")
    assert {row["reason"]: row["rows"] for row in rejected["session_events"]} == events


def test_its_neighbours_go_on_and_the_counts_add_up(corrupted: House):
    states = corrupted.manifest("error_states", NAMES)
    assert (states.rows_in, states.rows_out) == (len(CORRUPTIONS) + 2, 2)
    for stage in STAGES:
        assert {row["project_id"] for row in corrupted.rows(stage, NAMES)} == {"sound"}
    assert corrupted.manifest("repair_examples", NAMES).rows_out == 2
    assert corrupted.manifest("session_events", Key(DAY)).rejects == {"bad_utf8": 1, "malformed_packet": 1}


def over_midnight() -> Session:
    """One diagnostic repaired before midnight, one that stands over midnight, one made after it."""
    session = Session("owl", MORNING.replace(hour=23, minute=50))
    for number in range(3):
        broken, repaired, shown = misspelt(number)
        session.edits(f"area_{number}.py", broken)
        session.publishes(f"area_{number}.py", shown)
        session.now = session.now + timedelta(minutes=5)
        if number == 1:
            assert session.now.date() == MORNING.date() + timedelta(days=1)
            session.publishes(f"area_{number}.py", shown)  # the server starts again
        session.edits(f"area_{number}.py", repaired)
        session.publishes(f"area_{number}.py")
    return session


def both_days(house: House) -> dict[str, dg.ExecuteInProcessResult]:
    results: dict[str, dg.ExecuteInProcessResult] = {}
    for day in (DAY, NEXT_DAY):
        house.events(day)
        results[day] = house.diagnostics("F821", day)
    return results


def test_a_session_across_midnight_loses_nothing(tmp_path: Path):
    house = House(tmp_path)
    session = over_midnight()
    record(tmp_path / "recording", [session])
    results = both_days(house)

    held = {day: house.rows("session_events", Key(day)) for day in (DAY, NEXT_DAY)}
    recorded = [row for rows in held.values() for row in rows if row["kind"] != EventKind.SNAPSHOT]
    assert [row["sequence"] for row in recorded] == sorted(row["sequence"] for row in recorded)
    assert len(recorded) == len(session.events)
    assert {row["timestamp"].day for row in held[DAY] if row["kind"] != EventKind.SNAPSHOT} == {5}
    assert {row["kind"] for row in held[NEXT_DAY][:2]} == {EventKind.SNAPSHOT}
    assert held[NEXT_DAY][:2] == held[DAY][-2:], "the second day begins with what the first ended with"

    for day, compared in ((DAY, 2), (NEXT_DAY, 3)):
        proved = check(results[day], "error_states", "replay_equals_stored_copy")
        assert proved.passed
        assert proved.metadata["compared"].value == compared
    paths = {day: {row["path"] for row in house.rows("repair_examples", Key(day, "F821"))} for day in held}
    assert paths == {DAY: {"area_0.py"}, NEXT_DAY: {"area_1.py", "area_2.py"}}
    # what stands at midnight is repaired on another day: its own looks no further
    assert house.rejects("synthesized_diffs", NAMES) == {("area_1.py", "no_later_fix"): 1}


def tamper(recording: Path, path: str, moment: int) -> None:
    """Change the text of `path` in the copy that is stored at the beginning of the January day `moment`."""
    (part,) = (recording / "events" / f"date=2026-01-{moment:02d}").glob("*.parquet")
    table = pq.read_table(part, schema=EVENTS)
    copy = pc.and_(pc.equal(table["kind"], "snapshot"), pc.equal(table["path"], path))
    row = copy.to_pylist().index(True)
    contents = table["content"].to_pylist()
    contents[row] += b"# not what was typed\n"
    place = table.schema.get_field_index("content")
    pq.write_table(table.set_column(place, EVENTS.field("content"), pa.array(contents, pa.binary())), part)


def test_a_stored_copy_that_was_tampered_with_is_named_and_what_rests_on_it_rejected(tmp_path: Path):
    house = House(tmp_path)
    recording = record(tmp_path / "recording", [over_midnight(), typing_errors("sound", [0])])
    both_days(house)
    sound = {stage: house.manifest(stage, NAMES).data_version for stage in STAGES}

    tamper(recording, "area_0.py", 6)
    results = both_days(house)
    checked = check(results[DAY], "error_states", "replay_equals_stored_copy")
    assert not checked.passed
    assert (checked.severity, checked.blocking) == (dg.AssetCheckSeverity.ERROR, False)
    assert checked.description.startswith("2 of 3 replayed files equal their stored copy")
    (mismatch,) = checked.metadata["mismatches"].value
    assert mismatch.startswith("owl/area_0.py at 2026-01-06 00:00:00+00:00: the replay has ")
    rejected = [row for row in house.rows("error_states", NAMES, "rejects") if row["project_id"] == "owl"]
    # the other file was open beside it, and what the servers say of it rests on the whole workspace
    assert {(row["path"], row["reason"]) for row in rejected} == {
        ("area_0.py", "snapshot_mismatch"),
        ("area_1.py", "snapshot_mismatch"),
    }
    assert all(row["detail"].startswith("area_0.py: snapshot at 2026-01-06") for row in rejected)
    assert {row["project_id"] for row in house.rows("repair_examples", NAMES)} == {"sound"}
    assert all(house.manifest(stage, NAMES).data_version != sound[stage] for stage in STAGES)
    # the next day begins with the wrong text: its own end shows it
    again = check(results[NEXT_DAY], "error_states", "replay_equals_stored_copy")
    assert not again.passed
    assert "owl/area_0.py" in again.metadata["mismatches"].value[0]
    assert house.manifest("repair_examples", LATER_NAMES).rows_out == 0


def test_damaged_texts_are_removed_and_written_again_by_the_stage_that_needs_them(tmp_path: Path) -> None:
    record(tmp_path / "recording", [typing_errors("p", [1])])
    house = House(tmp_path)
    house.events()
    house.diagnostics("F821")
    before = {stage: house.store.table(stage, NAMES.segments()) for stage in STAGES}
    for path in Path(house.store.base_uri).glob("texts/**/*.parquet"):
        content = bytearray(path.read_bytes())
        content[len(content) // 3] ^= 4
        path.write_bytes(content)
    result = house.diagnostics("F821")
    remade = [
        event.materialization.metadata["remade"].value
        for event in result.get_asset_materialization_events()
        if "remade" in event.materialization.metadata
    ]
    assert remade
    assert "texts" in str(remade[0])
    assert {stage: house.store.table(stage, NAMES.segments()) for stage in STAGES} == before
