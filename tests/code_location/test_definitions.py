"""The code location loads fast, holds the graph of the design, and imports nothing heavy."""

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from partitions.types import DIAGNOSTIC_TYPES
from resources.thresholds import THRESHOLDS

ASSETS = {
    "recorded_days": {"date"},
    "session_events": {"date"},
    "error_states": {"date", "diagnostic_type"},
    "reproduced_diagnostics": {"date", "diagnostic_type"},
    "repair_candidates": {"date", "diagnostic_type"},
    "few_shot_examples": set(),
    "teacher_program": set(),
    "synthesized_diffs": {"date", "diagnostic_type"},
    "verified_diffs": {"date", "diagnostic_type"},
    "repair_examples": {"date", "diagnostic_type"},
    "daily_examples": {"date"},
    "training_mixture": {"date"},
    "checkpoint": {"date"},
    "workspace_benchmark": {"diagnostic_type"},
    "leetcode_benchmark": {"diagnostic_type"},
    "predictions": {"date"},
    "eval_results": {"date", "diagnostic_type"},
    "scorecard": {"date"},
    "released_model": set(),
    "fix_acceptance": {"date", "diagnostic_type"},
    "preference_pairs": {"date", "diagnostic_type"},
    "model_calibration": {"date"},
    "judge_calibration": set(),
    "injected_bugs": set(),
    "teacher_results": {"date", "diagnostic_type"},
    "teacher_page": {"date"},
    "scaling_results": {"recipe", "size"},
    "scaling_page": set(),
}

# CPU time: what else the machine is doing does not count. Any code location costs what dagster does.
LOAD = """
import json, sys, time
import dagster
alone = time.process_time()
import code_location.definitions
ratio = time.process_time() / alone
heavy = sorted(set(sys.modules) & {"torch", "composer", "pyspark", "dspy", "transformers", "matplotlib"})
print(json.dumps({"ratio": ratio, "heavy": heavy}))
"""


@pytest.fixture(scope="module")
def defs() -> dg.Definitions:
    from code_location.definitions import defs

    return defs


def test_the_code_location_loads_fast_and_imports_nothing_heavy():
    def load() -> dict[str, Any]:
        return json.loads(
            subprocess.run([sys.executable, "-c", LOAD], check=True, capture_output=True).stdout
        )

    first = load()
    assert first["heavy"] == []
    assert first["ratio"] < 6 or load()["ratio"] < 6  # the first may compile the modules


def test_the_graph_has_all_stages_with_their_partitions(defs: dg.Definitions):
    graph = defs.resolve_asset_graph()
    assert {key.path[-1] for key in graph.get_all_asset_keys()} == set(ASSETS)
    for name, dimensions in ASSETS.items():
        partitions = graph.get(dg.AssetKey(name)).partitions_def
        if isinstance(partitions, dg.MultiPartitionsDefinition):
            found = {dimension.name for dimension in partitions.partitions_defs}
        elif isinstance(partitions, dg.StaticPartitionsDefinition):
            found = {"diagnostic_type"}
        else:
            found = {"date"} if partitions else set()
        assert found == dimensions, name


@pytest.mark.parametrize("asset", sorted(set(ASSETS) - {"recorded_days"}))
def test_every_stage_proves_its_counts_by_a_blocking_check_of_the_same_partitions(
    defs: dg.Definitions, asset: str
):
    graph = defs.resolve_asset_graph()
    spec = graph.get_check_spec(dg.AssetCheckKey(dg.AssetKey(asset), "rows_add_up"))
    assert spec.blocking
    assert spec.partitions_def == graph.get(dg.AssetKey(asset)).partitions_def


def test_no_training_sample_reaches_a_checkpoint_without_passing_every_stage(defs: dg.Definitions):
    graph = defs.resolve_asset_graph()
    chain = [
        *("recorded_days", "session_events", "error_states", "reproduced_diagnostics", "repair_candidates"),
        *("synthesized_diffs", "verified_diffs", "repair_examples", "daily_examples"),
        *("training_mixture", "checkpoint", "predictions", "eval_results", "scorecard"),
    ]
    for parent, child in pairwise(chain):
        assert dg.AssetKey(parent) in graph.get(dg.AssetKey(child)).parent_keys


def test_nothing_runs_by_itself_until_it_is_switched_on(defs: dg.Definitions):
    repository = defs.get_repository_def()
    repository.load_all_definitions()  # as a code server does: it refuses two ops or jobs of one name
    automations = [*repository.sensor_defs, *repository.schedule_defs]
    statuses = {one.name: one.default_status.value for one in automations}
    assert statuses == {
        "automation": "STOPPED",
        "recorded_days_sensor": "STOPPED",
        "scheduled_backfill_schedule": "STOPPED",
        "freshness": "STOPPED",
        "forget_job_schedule": "STOPPED",
        "garbage_job_schedule": "STOPPED",
        "alerts": "RUNNING",  # they start nothing
        "alerts_watch": "RUNNING",
    }


def test_every_job_and_automation_says_what_it_is_for(defs: dg.Definitions):
    repository = defs.get_repository_def()
    jobs = [job for job in repository.get_all_jobs() if not job.name.startswith("__")]
    listed = [*jobs, *repository.sensor_defs, *repository.schedule_defs]
    assert [one.name for one in listed if not one.description] == []


def test_the_checks_are_those_of_the_table_with_its_severity(defs: dg.Definitions):
    found: dict[str, set[str]] = {}
    for node in defs.resolve_asset_graph().asset_check_keys:
        found.setdefault(node.name, set()).add(node.asset_key.path[-1])
    everywhere = set(ASSETS) - {"recorded_days"}
    assert found == {name: set(threshold.assets) or everywhere for name, threshold in THRESHOLDS.items()}


def test_a_run_of_one_asset_can_be_asked_for_with_its_checks(defs: dg.Definitions):
    job = defs.get_repository_def().get_job("__ASSET_JOB")
    others = {"ops": {"synthesized_diffs": {"config": {"teacher": "history"}}}}
    for asset in ("session_events", "daily_examples", "checkpoint"):
        alone = job.get_subset(asset_selection={dg.AssetKey(asset)})
        assert dg.validate_run_config(alone, others), "a backfill has one configuration for all its runs"


def upstream(defs: dg.Definitions, asset: str, key: str | dg.MultiPartitionKey, parent: str) -> set[str]:
    """The partitions of `parent` that a partition of `asset` depends on."""
    graph = defs.resolve_asset_graph()
    child, source = graph.get(dg.AssetKey(asset)), graph.get(dg.AssetKey(parent))
    assert child.partitions_def and source.partitions_def
    mapping = graph.get_partition_mapping(child.key, parent_asset_key=source.key)
    found = mapping.get_upstream_mapped_partitions_result_for_partitions(
        child.partitions_def.subset_with_partition_keys([key]), child.partitions_def, source.partitions_def
    )
    return set(found.partitions_subset.get_partition_keys())


def test_answers_are_given_by_date_to_all_types_and_scored_by_type(defs: dg.Definitions):
    day, name = "2026-01-05", "F821"
    types = set(DIAGNOSTIC_TYPES.get_partition_keys())
    for benchmark in ("workspace_benchmark", "leetcode_benchmark"):
        assert upstream(defs, "predictions", day, benchmark) == types
    assert upstream(defs, "predictions", day, "checkpoint") == {day}
    scored = dg.MultiPartitionKey({"date": day, "diagnostic_type": name})
    assert upstream(defs, "eval_results", scored, "predictions") == {day}
    assert upstream(defs, "eval_results", scored, "workspace_benchmark") == {name}
    assert upstream(defs, "scorecard", day, "eval_results") == {f"{day}|{known}" for known in types}


def test_the_handbook_names_every_schedule_and_sensor_that_has_to_be_switched_on(defs: dg.Definitions):
    handbook = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    running = (dg.DefaultSensorStatus.RUNNING, dg.DefaultScheduleStatus.RUNNING)
    off = [
        one.name
        for one in (*(defs.schedules or ()), *(defs.sensors or ()))
        if one.default_status not in running
    ]
    assert [name for name in off if f"`{name}`" not in handbook] == []
