"""What the demo runs and prints, on a recording of one day; the whole of it is `make demo`."""

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from code_location.demo import recorded_dates
from code_location.summary import print_funnel
from partitions.keys import Key
from repair.errors import InputError
from repair.recording.reader import Recording
from repair_assets.session_events import session_events
from tests.graph import DAY, House, record, typing_errors


def test_the_dates_are_those_on_which_something_was_recorded(tmp_path: Path) -> None:
    record(tmp_path / "recording", [typing_errors("p", [1])])
    assert recorded_dates(Recording(str(tmp_path / "recording"))) == [DAY]


BEFORE = datetime(2025, 12, 3, 9, tzinfo=UTC)


def test_days_before_the_first_partition_are_counted_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(tmp_path / "recording", [typing_errors("p", [1]), typing_errors("q", [2], BEFORE)])
    assert recorded_dates(Recording(str(tmp_path / "recording"))) == [DAY]
    said = " ".join(capsys.readouterr().err.split())
    assert "1 of 2 recorded days, 2025-12-03 to 2025-12-03, are before the first partition" in said
    assert "REPAIR_FIRST_DATE=2025-12-03 takes them in" in said


def test_a_recording_outside_of_all_partitions_says_what_to_set(tmp_path: Path) -> None:
    record(tmp_path / "recording", [typing_errors("p", [1], BEFORE)])
    with pytest.raises(SystemExit, match=r"is in a partition.*set REPAIR_FIRST_DATE=2025-12-03$"):
        recorded_dates(Recording(str(tmp_path / "recording")))


def test_a_day_that_is_not_over_is_in_no_partition(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now = datetime.now(UTC).replace(hour=0, minute=0, second=1)
    record(tmp_path / "recording", [typing_errors("p", [1]), typing_errors("q", [2], now)])
    assert recorded_dates(Recording(str(tmp_path / "recording"))) == [DAY]
    assert "their partition is not over yet" in " ".join(capsys.readouterr().err.split())
    record(tmp_path / "today", [typing_errors("q", [2], now)])
    with pytest.raises(SystemExit, match="wait until the day is over"):
        recorded_dates(Recording(str(tmp_path / "today")))


def test_a_run_says_how_many_days_are_before_the_first_partition(tmp_path: Path) -> None:
    record(tmp_path / "recording", [typing_errors("p", [1]), typing_errors("q", [2], BEFORE)])
    house = House(tmp_path)
    result = house.run([session_events], Key(DAY))
    [event] = result.get_asset_materialization_events()
    metadata = event.materialization.metadata
    assert metadata["recorded_days_before_the_first_partition"].value == 1
    assert int(str(metadata["recorded_rows_before_the_first_partition"].value)) > 1
    assert metadata["rows_among_the_files_of_another_date"].value == 0


def test_a_recording_without_events_says_how_to_import_some(tmp_path: Path) -> None:
    record(tmp_path / "recording", [])
    with pytest.raises(SystemExit, match="holds no events; import some with `repair import`"):
        recorded_dates(Recording(str(tmp_path / "recording")))


def test_what_is_no_recording_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no recording"):
        recorded_dates(Recording(str(tmp_path)))


def test_the_funnel_counts_each_step_of_a_type(tmp_path: Path) -> None:
    record(tmp_path / "recording", [typing_errors("p", [1, 2])])
    house = House(tmp_path)
    house.events()
    house.diagnostics("F821")
    printed = io.StringIO()
    print_funnel(Console(file=printed, width=200), house.store, [DAY])
    [row] = [line for line in printed.getvalue().splitlines() if "F821" in line]
    verified = house.manifest("verified_diffs", Key(DAY, "F821")).rows_out
    counts = [int(cell) for cell in row.replace("│", " ").split()[1:]]
    assert counts[0] == 2 and counts[-1] == verified == 2
