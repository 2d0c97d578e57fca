"""The nightly job on real stages: what it plans and submits, and that its plan is what there was to do."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from code_location.backfill import job as module
from code_location.backfill.job import TAG, scheduled_backfill
from code_location.backfill.plan import DIAGNOSTICS, EVENTS, EXAMPLES, Budget, Plan
from code_location.backfill.sources import Sources, failures_in_a_row, partitions_at_work, plan_of
from code_location.definitions import SETTINGS, defs
from partitions.dates import DATES
from partitions.keys import Key
from partitions.types import DIAGNOSTIC_TYPES
from repair.execution import staleness
from repair_assets.repair_examples import daily_examples
from tests.graph import DAY, LANGUAGE_SERVERS, QUIET, STAGES, House, record, reused, typing_errors

NAMES = Key(DAY, "F821")
ASSETS = {asset.key.path[-1]: asset for asset in defs.assets or () if isinstance(asset, dg.AssetsDefinition)}
ALL_DATES = len(DATES.get_partition_keys())
LARGE = Budget(seconds=1e9, usd=0)
OURS = {TAG: "true"}
CONFIG = {"look_back": ALL_DATES, "hours": 10.0, "usd": 0.0, "code_changes": False}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A day of one project, made up to its examples."""
    house = House(tmp_path_factory.mktemp("house"))
    record(house.folder / "recording", [typing_errors("early", [1])])
    house.events()
    house.diagnostics("F821")
    house.run([daily_examples], Key(DAY))
    with house.instance:
        yield house


def plan_for(house: House) -> Plan:
    sources = Sources.of(
        house.store,
        house.resources["recordings"].recording(),
        LANGUAGE_SERVERS,
        house.resources["language_model"],
        look_back=ALL_DATES,
    )
    return plan_of(sources, house.instance, LARGE, code_changes=False)


def nightly(house: House, **config: Any) -> dg.ExecuteInProcessResult:
    deployed = dg.Definitions(
        assets=defs.assets, schedules=[scheduled_backfill(SETTINGS)], resources=house.resources
    )
    return deployed.resolve_job_def("scheduled_backfill").execute_in_process(
        run_config={**QUIET, "ops": {"plan_backfill": {"config": {**CONFIG, **config}}}},
        instance=house.instance,
    )


@pytest.mark.slow
def test_a_new_version_of_a_server_makes_its_stages_again(house: House, monkeypatch: pytest.MonkeyPatch):
    now = dict(LANGUAGE_SERVERS.versions())
    monkeypatch.setattr(type(LANGUAGE_SERVERS), "versions", lambda _: {**now, "ruff": "99"})
    planned = plan_for(house)
    assert [str(run) for run in planned.runs] == [
        f"reproduced_diagnostics..repair_examples[{NAMES}]",
        f"daily_examples[{DAY}]",
    ]
    assert planned.runs[0].causes == (f"ruff {now['ruff']} made it, 99 is here",)


def test_our_own_code_waits_for_approval(house: House, monkeypatch: pytest.MonkeyPatch):
    there = staleness._definitions

    def changed(roots: tuple[str, ...], without: tuple[str, ...]) -> Any:
        found = there(roots, without)
        reached = any("verify" in part for part in found.parts)
        return type(found)({**found.parts, "repair.new:f": "1"}, found.roots) if reached else found

    monkeypatch.setattr(staleness, "_definitions", changed)
    planned = plan_for(house)
    assert planned.runs == ()
    assert {out.reason for out in planned.left_out} == {"only our own code changed: needs approval"}
    assert nightly(house, dry_run=True, code_changes=True).success


def test_late_events_are_planned_submitted_and_done(house: House):
    assert plan_for(house) == Plan((), ())
    shutil.rmtree(house.folder / "recording")
    record(house.folder / "recording", [typing_errors("early", [1]), typing_errors("late", [2])])

    planned = plan_for(house)
    types = DIAGNOSTIC_TYPES.get_partition_keys()
    assert set(planned.partitions()) == {
        (EVENTS[0], Key(DAY)),
        *((asset, Key(DAY, name)) for asset in DIAGNOSTICS for name in types),
        (EXAMPLES[0], Key(DAY)),
    }
    assert planned.runs[0].causes == ("its recording is another one now",)
    assert planned.cost.measured and planned.cost.seconds > 0

    assert nightly(house, dry_run=True).output_for_node("plan_backfill") == ""
    assert house.instance.get_backfills() == []
    submitted = nightly(house).output_for_node("plan_backfill")
    [backfill] = house.instance.get_backfills()
    assert (backfill.backfill_id, backfill.tags) == (submitted, {TAG: "true"})
    assert backfill.asset_backfill_data
    target = backfill.asset_backfill_data.target_subset
    assert {(asset.path[-1], str(key)) for asset, key in target.iterate_asset_partitions()} == {
        (asset, str(key.dagster())) for asset, key in planned.partitions()
    }
    assert backfill.run_config and backfill.run_config["ops"]["synthesized_diffs"]["config"] == {
        "teacher": "history",
        "candidates": 1,
    }
    assert nightly(house).output_for_node("plan_backfill") == "", "the one before is still at work"

    for run in planned.runs:
        if run.key.diagnostic_type not in (None, "F821"):
            continue  # nothing was published of it, which nobody knew before
        result = house.run([ASSETS[name] for name in run.assets], run.key)
        assert reused(result) == dict.fromkeys(run.assets, False), "no run was for nothing"
    assert plan_for(house) == Plan((), ())
    assert {row["project_id"] for row in house.rows("daily_examples", Key(DAY))} == {"early", "late"}


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        pytest.param([("FAILURE", OURS)] * 2, 2, id="twice"),
        pytest.param([("FAILURE", OURS), ("SUCCESS", {}), ("FAILURE", OURS)], 1, id="made since"),
        pytest.param([("FAILURE", {})], 0, id="of another's"),
        pytest.param([("FAILURE", {**OURS, "dagster/will_retry": "true"})], 0, id="started again"),
    ],
)
def test_failures_are_counted_since_a_partition_was_last_made(
    runs: list[tuple[str, dict[str, str]]], expected: int
):
    with dg.DagsterInstance.ephemeral() as instance:
        for status, tags in runs:
            run = dg.DagsterRun(
                job_name="diagnostics",
                run_id=module.make_new_backfill_id(),
                status=dg.DagsterRunStatus[status],
                tags={**tags, "dagster/partition": str(NAMES)},
            )
            instance.add_run(run)
        counts = failures_in_a_row(instance)
        assert counts == ({(asset, NAMES): expected for asset in STAGES} if expected else {})
        assert partitions_at_work(instance) == set()


def test_a_run_at_work_is_known_by_its_selection():
    with dg.DagsterInstance.ephemeral() as instance:
        run = dg.DagsterRun(
            job_name="__ASSET_JOB",
            run_id=module.make_new_backfill_id(),
            status=dg.DagsterRunStatus.STARTED,
            tags={"dagster/partition": DAY},
            asset_selection=frozenset([dg.AssetKey("daily_examples")]),
        )
        instance.add_run(run)
        assert partitions_at_work(instance) == {("daily_examples", Key(DAY))}


def test_the_schedule_is_off_until_it_is_turned_on():
    schedule = defs.get_repository_def().get_schedule_def("scheduled_backfill_schedule")
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED


@pytest.mark.slow
def test_the_command_tells_the_plan_and_starts_nothing(tmp_path: Path):
    record(tmp_path / "recordings", [typing_errors("early", [1])])
    environment = {"REPAIR_HOME": str(tmp_path), "DAGSTER_HOME": str(tmp_path / "dagster")}
    done = subprocess.run(
        [sys.executable, "-m", "code_location.backfill", "--dry-run", "--look-back", str(ALL_DATES + 1)],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    assert f"| session_events[{DAY}] | session_events is missing | at least 0.0 | 0.00 |" in done.stdout
    assert f"error_states..repair_examples[{DAY}\\|F821]" in done.stdout
    assert not (tmp_path / "store").exists()
