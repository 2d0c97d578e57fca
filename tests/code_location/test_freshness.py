"""Freshness: what was recorded has to be stored in time, and what was not is not missed."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from code_location.freshness import DATA, MODEL, RECORDING, freshness, verdicts
from partitions.dates import DATES
from partitions.keys import Key
from repair.store.reader import PartitionStore
from resources.recordings import RecordingsResource
from resources.store import StoreResource
from tests.graph import record, typing_errors

DAYS = [date(2026, 1, 5) + timedelta(days=number) for number in range(30)]
NOON = datetime(2026, 1, 9, 12, tzinfo=UTC)


def put(store: PartitionStore, asset: str, day: date) -> None:
    with store.writer(asset, Key(str(day)).segments()) as writer:
        writer.commit(fingerprint="f", inputs={}, versions={}, rows_in=0)


@pytest.fixture
def store(tmp_path: Path) -> PartitionStore:
    return PartitionStore(str(tmp_path / "store"))


def passed(
    store: PartitionStore, recorded: list[date], now: datetime, days: int = 7
) -> dict[tuple[str, str], bool]:
    found = verdicts(store, recorded, now, days)
    return {(asset, name): verdict.passed for asset, name, verdict in found}


@pytest.mark.parametrize(
    ("stored", "recorded", "now", "fresh"),
    [
        (DAYS[:4], DAYS[:4], NOON, True),
        (DAYS[:3], DAYS[:4], NOON, False),  # the 8th ended twelve hours ago
        (DAYS[:3], DAYS[:4], NOON - timedelta(minutes=1), True),  # not due yet
        (DAYS[:3], DAYS[:3], NOON, True),  # nothing was recorded on the 8th
        ([], [], NOON, True),
        ([], DAYS[:4], NOON, False),
    ],
)
def test_a_recorded_date_is_due_twelve_hours_after_its_end(
    store: PartitionStore, stored: list[date], recorded: list[date], now: datetime, fresh: bool
) -> None:
    for day in stored:
        put(store, "session_events", day)
    found = passed(store, recorded, now)
    assert found["session_events", DATA] is fresh
    assert found["daily_examples", DATA] is (not recorded), "of which there are none"


@pytest.mark.parametrize(("day", "fresh"), [(5, True), (4, False)])
def test_a_recording_that_stops_is_told(store: PartitionStore, day: int, fresh: bool) -> None:
    assert passed(store, [date(2026, 1, day)], NOON)["session_events", RECORDING] is fresh
    assert not passed(store, [], NOON)["session_events", RECORDING]


@pytest.mark.parametrize(
    ("events", "trained", "fresh"),
    [
        (5, None, True),  # too early for one
        (20, None, False),
        (20, 11, True),  # seven days and two
        (20, 10, False),
    ],
)
def test_a_checkpoint_may_be_as_old_as_its_cadence_and_two_days(
    store: PartitionStore, events: int, trained: int | None, fresh: bool
) -> None:
    put(store, "session_events", DAYS[events])
    if trained is not None:
        put(store, "checkpoint", DAYS[trained])
    found = passed(store, DAYS, NOON)
    assert found["checkpoint", MODEL] is fresh
    assert found["scorecard", MODEL] is (events == 5)


@dg.asset(partitions_def=DATES)
def session_events() -> None:
    """Partitioned, as the real one."""


def run(folder: Path, selection: dg.AssetSelection, key: str | None = None) -> dg.ExecuteInProcessResult:
    if not (folder / "recording").exists():
        record(folder / "recording", [typing_errors("project", [1])])
    resources = {
        "store": StoreResource(base_uri=str(folder / "store")),
        "recordings": RecordingsResource(uri=str(folder / "recording")),
    }
    job = dg.define_asset_job("any", selection)
    found = dg.Definitions([session_events], asset_checks=[freshness], jobs=[job], resources=resources)
    return found.resolve_job_def("any").execute_in_process(partition_key=key)


def test_the_checks_run_by_themselves_and_say_what_to_do(tmp_path: Path) -> None:
    result = run(tmp_path, dg.AssetSelection.checks(freshness))
    assert result.success, "a check that fails is no failed run"
    evaluations = {
        (one.asset_key.path[-1], one.check_name): one for one in result.get_asset_check_evaluations()
    }
    assert len(evaluations) == 7
    late = evaluations["session_events", DATA]
    assert not late.passed
    assert "stored up to no date, due is 2026-01-0" in (late.description or "")
    assert "What to do: look at the runs" in (late.description or "")


def test_a_run_of_an_old_partition_asks_for_no_latest_date(tmp_path: Path) -> None:
    """As a backfill from the UI starts it, which takes the checks of an asset along."""
    own = dg.AssetSelection.assets("session_events")
    result = run(tmp_path, own, "2026-01-05")
    assert result.success
    assert not result.get_asset_check_evaluations()
    assert {event.step_key for event in result.get_step_success_events()} == {
        "session_events",
        "latest_dates",
    }
    without = run(tmp_path, own - dg.AssetSelection.checks(freshness), "2026-01-05")
    assert {event.step_key for event in without.get_step_success_events()} == {"session_events"}, (
        "a job's run"
    )
