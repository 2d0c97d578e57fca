"""What the nightly jobs do: consent that was taken back is acted on, and garbage goes."""

import os
import shutil
from datetime import timedelta
from pathlib import Path

import dagster as dg

from code_location.housekeeping import SCHEDULES, forget_job, garbage_job
from partitions.keys import Key
from repair.execution.staleness import staleness
from repair.recording.reader import Recording
from repair.schema.events import EventKind
from repair_assets.error_states import error_states
from tests.graph import DAY, House, record, reused, typing_errors

STAGES = {"session_events": Key(DAY), "error_states": Key(DAY, "F821")}


def replay(house: House) -> dict[str, bool]:
    """Materializes events and error states; stage -> whether the stored result was returned."""
    house.events()
    return reused(house.run([error_states], STAGES["error_states"]))


def data_versions(house: House) -> list[str]:
    return [house.manifest(name, key).data_version for name, key in STAGES.items()]


def test_a_revoked_project_is_forgotten_and_the_graph_is_as_if_it_had_never_been(tmp_path: Path) -> None:
    house, oracle = House(tmp_path / "house"), House(tmp_path / "oracle")
    left, stays = typing_errors("left", [1]), typing_errors("stays", [2])
    record(house.folder / "recording", [left, stays])
    replay(house)
    left.now += timedelta(days=1)
    left.happens(EventKind.CONSENT_REVOKED)
    shutil.rmtree(house.folder / "recording")
    record(house.folder / "recording", [left, stays])

    resources = {name: house.resources[name] for name in ("store", "recordings", "language_model")}
    dry = {"ops": {"forget_withdrawn": {"config": {"dry_run": True}}}}
    assert forget_job.execute_in_process(resources=resources, run_config=dry).success
    assert Recording(house.folder / "recording").projects().num_rows == 2
    assert forget_job.execute_in_process(resources=resources).success
    assert Recording(house.folder / "recording").projects()["project_id"].to_pylist() == ["stays"]
    for name, key in STAGES.items():
        assert {row["project_id"] for row in house.rows(name, key)} == {"stays"}
    stale = {found.name for found in staleness(house.store) if found.causes}
    assert stale == {f"{name}[{key}]" for name, key in STAGES.items()}
    assert forget_job.execute_in_process(resources=resources).success, "there is nothing left to do"

    assert replay(house) == {"error_states": False}
    record(oracle.folder / "recording", [stays])
    replay(oracle)
    assert data_versions(house) == data_versions(oracle)
    assert not [found for found in staleness(house.store) if found.causes]


def test_garbage_goes(tmp_path: Path) -> None:
    house = House(tmp_path)
    folder = tmp_path / "store" / "stage"
    folder.mkdir(parents=True)
    left = folder / f"data-{16 * 'a'}.parquet"
    left.write_bytes(b"left behind")
    os.utime(left, (0, 0))
    resources = {"store": house.resources["store"]}
    dry = {"ops": {"collect_garbage": {"config": {"dry_run": True}}}}
    assert garbage_job.execute_in_process(resources=resources, run_config=dry).success
    assert left.exists()
    assert garbage_job.execute_in_process(resources=resources).success
    assert not left.exists()


def test_nothing_is_removed_unasked() -> None:
    assert {schedule.default_status for schedule in SCHEDULES} == {dg.DefaultScheduleStatus.STOPPED}
