"""What the demo runs and prints, on a recording of one day; the whole of it is `make demo`."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from code_location.demo import recorded_dates
from code_location.summary import print_funnel
from partitions.keys import Key
from repair.errors import InputError
from repair.recording.reader import Recording
from tests.graph import DAY, House, record, typing_errors


def test_the_dates_are_those_on_which_something_was_recorded(tmp_path: Path) -> None:
    record(tmp_path / "recording", [typing_errors("p", [1])])
    assert recorded_dates(Recording(str(tmp_path / "recording"))) == [DAY]


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
