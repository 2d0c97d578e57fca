"""The sensor reports the dates that got data, each once, and tells what no run reads."""

import json
import os
import shutil
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from partitions import dates
from repair_assets.recorded_days import recorded_days_sensor
from resources.recordings import RecordingsResource
from tests.graph import MORNING, record, typing_errors

MONDAY, TUESDAY, WEDNESDAY = (f"2026-01-{day:02}" for day in (5, 6, 7))


def recorded(folder: Path, *numbers: int, days: int = 0) -> Path:
    """A recording of one day, the given number of days after Monday."""
    return record(folder, [typing_errors("one", numbers, MORNING + timedelta(days=days))])


def tick(recording: Path, cursor: str | None) -> tuple[dict[str, str], str, str]:
    """Date -> version of what is reported; the new cursor; what the tick says."""
    context = dg.build_sensor_context(
        cursor=cursor, resources={"recordings": RecordingsResource(uri=str(recording))}
    )
    result = recorded_days_sensor(context)
    assert isinstance(result, dg.SensorResult)
    versions = {
        event.partition: str(event.tags["dagster/data_version"])
        for event in result.asset_events
        if isinstance(event, dg.AssetMaterialization)
    }
    said = result.skip_reason.skip_message if result.skip_reason else ""
    return {str(date): version for date, version in versions.items()}, result.cursor or "", said or ""


def add(recording: Path, other: Path, day: str, name: str) -> None:
    """A file of the other recording as one more file of the day."""
    (source,) = (other / "events" / f"date={day}").iterdir()
    shutil.copy(source, recording / "events" / f"date={day}" / name)


def test_a_date_that_gets_more_data_is_reported_again_and_no_other(tmp_path: Path) -> None:
    recording, late = recorded(tmp_path / "recording", 1), recorded(tmp_path / "late", 2)
    first, cursor, said = tick(recording, json.dumps({}))
    assert set(first) == {MONDAY, TUESDAY}  # Tuesday has the closing copies of Monday
    assert said == ""
    assert tick(recording, cursor) == (
        *({}, cursor),
        "no date got data; no recorded day is before the first partition",
    )
    add(recording, late, MONDAY, "late.parquet")
    second, cursor, _ = tick(recording, cursor)
    assert set(second) == {MONDAY}
    assert second[MONDAY] != first[MONDAY]
    assert tick(recording, cursor)[0] == {}


def test_a_file_that_is_written_again_as_it_was_has_the_same_version(tmp_path: Path) -> None:
    recording = recorded(tmp_path / "recording", 1)
    first, cursor, _ = tick(recording, "{}")
    (file,) = (recording / "events" / f"date={MONDAY}").iterdir()
    os.utime(file, (1, 1))
    assert tick(recording, cursor)[0] == {MONDAY: first[MONDAY]}


def test_what_was_recorded_before_the_sensor_began_is_left_to_a_backfill(tmp_path: Path) -> None:
    recording = recorded(tmp_path / "recording", 1)
    found, cursor, said = tick(recording, None)
    assert found == {}  # years ago
    assert "2 older dates were recorded before: materialize them by a backfill" in said
    assert set(json.loads(cursor)) == {MONDAY, TUESDAY}


def test_days_before_the_first_partition_are_told(tmp_path: Path) -> None:
    recording = recorded(tmp_path / "recording", 1, days=-3)
    found, _, said = tick(recording, "{}")
    assert found == {}
    assert "2 recorded days, 2026-01-02 to 2026-01-03, are before the first partition" in said
    assert "REPAIR_FIRST_DATE=2026-01-02 would" in said


def test_a_day_that_is_not_over_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = recorded(tmp_path / "recording", 1)
    settings = dates.DateSettings(cadence="weekly", first_date=dates.DEFAULT_FIRST_DATE)
    weeks = settings.partitions()
    monkeypatch.setattr("repair_assets.recorded_days.DATES", weeks)
    monkeypatch.setattr(dates, "DATES", weeks)
    assert set(tick(recording, "{}")[0]) == {"2026-01-04"}  # the week of both days, from its Sunday
    monkeypatch.setattr(type(weeks), "get_partition_keys", lambda *_: [])
    assert tick(recording, "{}")[0] == {}
