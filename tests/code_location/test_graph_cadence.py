"""Partitions of a week: a recording of several days is one partition, its midnights are all compared."""

from datetime import timedelta
from pathlib import Path

import pytest

from partitions.keys import Key
from tests.code_location import code_location
from tests.graph import MORNING, House, misspelt, record, typing_errors

WEEK = "2026-01-11"  # a Sunday: Dagster's weeks begin with it
NAMES = Key(WEEK, "F821")
DAYS_OF_WORK = (1, 2, 4)  # Monday, Tuesday and Thursday of that week


@pytest.mark.slow
def test_a_week_is_one_partition_and_each_stored_copy_in_it_is_compared(tmp_path: Path):
    sunday = MORNING + timedelta(days=6)
    session = typing_errors("week", [0], sunday + timedelta(days=DAYS_OF_WORK[0]))
    for number, day in enumerate(DAYS_OF_WORK[1:], 1):
        session.now = sunday + timedelta(days=day)
        broken, repaired, shown = misspelt(number)
        session.errs_and_repairs(f"area_{number}.py", broken, repaired, shown)
    # it stands from Thursday on and is repaired on Friday: in the same partition
    broken, repaired, shown = misspelt(9)
    session.edits("late.py", broken)
    session.publishes("late.py", shown)
    session.now += timedelta(days=1)
    session.edits("late.py", repaired)
    session.publishes("late.py")
    elsewhere = typing_errors("next-week", [20], sunday + timedelta(days=7))
    record(tmp_path / "recordings", [session, elsewhere])

    jobs = ("events", WEEK), ("diagnostics", str(NAMES))
    code_location.run(tmp_path, *jobs, REPAIR_CADENCE="weekly")
    house = House(tmp_path)
    held = house.rows("session_events", Key(WEEK))
    assert {row["project_id"] for row in held} == {"week"}
    midnights = sorted({row["timestamp"].day for row in held if row["kind"] == "snapshot"})
    assert midnights == [12, 13, 14, 15, 16, 17]
    assert house.manifest("session_events", Key(WEEK)).rows_in == len(held)

    states = house.manifest("error_states", NAMES)
    files_at_midnight = (1, 2, 2, 4, 4)  # the 13th to the 17th; the 12th is where the replay begins
    assert states.extra["snapshot_files"] == sum(files_at_midnight)
    assert states.extra["snapshot_files_equal"] == states.extra["snapshot_files"]
    examples = {row["path"] for row in house.rows("repair_examples", NAMES)}
    assert examples == {"area_0.py", "area_1.py", "area_2.py", "late.py"}
    assert house.store.partitions("repair_examples") == [NAMES.segments()]
