"""A partition made by a process elsewhere: the run that started it hears all that a local one does."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from partitions.keys import DATE_AND_TYPE, Key
from repair_assets.error_states import error_states
from tests.graph import DAY, House, check, record, typing_errors

NAMES = Key(DAY, "F821")
PROGRAM = Path(__file__).parents[2] / "code_location" / "stage_main.py"
EXAMPLE = PROGRAM.parents[1] / "docs" / "spark.md"


def variables(house: House) -> dict[str, str]:
    """The environment that makes the code location that of `house`."""
    return {
        "PYTHONPATH": str(PROGRAM.parents[1]),
        "REPAIR_HOME": str(house.folder),
        "REPAIR_STORE": house.store.base_uri,
        "REPAIR_RECORDINGS": str(house.folder / "recording"),
        "DAGSTER_HOME": "",
    }


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path)
    record(tmp_path / "recording", [typing_errors("area", [1, 2])])
    house.events()
    return house


def elsewhere(house: House, extras: dict[str, Any] | None = None) -> dg.AssetsDefinition:
    """`error_states`, made by a child."""

    @dg.multi_asset(
        specs=list(error_states.specs),
        check_specs=list(error_states.check_specs),
        partitions_def=DATE_AND_TYPE,
        name="error_states",
    )
    def submitted(context: dg.AssetExecutionContext) -> Iterator[Any]:
        client = dg.PipesSubprocessClient(env={**os.environ, **variables(house)})
        yield from client.run(
            context=context, command=[sys.executable, str(PROGRAM)], extras=extras
        ).get_results()

    return submitted


def test_a_child_reports_the_materialization_its_version_and_its_checks(house: House):
    house.run([error_states], NAMES)
    here = house.manifest("error_states", NAMES)
    assert here.rows_out == 2
    result = house.run([elsewhere(house)], NAMES)
    [event] = result.get_asset_materialization_events()
    metadata = event.materialization.metadata
    assert (metadata["dagster/row_count"].value, metadata["reused"].value) == (2, True)
    assert (event.materialization.tags or {})["dagster/data_version"] == here.data_version
    assert check(result, "error_states", "rows_add_up").passed
    assert check(result, "error_states", "replay_equals_stored_copy").passed


@pytest.mark.slow
def test_a_child_takes_the_run_configuration(house: House):
    house.run([elsewhere(house, {"config": {"cap_per_project": 1}})], NAMES)
    assert house.manifest("error_states", NAMES).rejects == {"cap_project": 1}


@pytest.mark.slow
def test_a_stage_that_fails_in_the_child_fails_the_run(house: House):
    Path(house.store.file_uri("session_events", Key(DAY).segments())).unlink()
    result = house.run([elsewhere(house)], NAMES, raise_on_error=False)
    assert not result.success
    assert house.store.manifest("error_states", NAMES.segments()) is None


def test_by_hand_it_says_who_starts_it():
    done = subprocess.run([sys.executable, str(PROGRAM)], check=False, capture_output=True, text=True)
    assert done.returncode != 0
    assert "docs/spark.md" in done.stderr


class LocalDataproc:
    """Dataproc's job controller as far as the client uses it: a job runs as a child, at once."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.submitted: list[Any] = []

    def submit_job(self, *, project_id: str, region: str, job: Any) -> Any:
        self.submitted.append((project_id, region, job))
        done = subprocess.run(
            [sys.executable, str(PROGRAM), *job.pyspark_job.args],
            env={**os.environ, **variables(self.house)},
            check=False,
        )
        state = "DONE" if done.returncode == 0 else "ERROR"
        return type(job)({"job_uuid": "1", "done": True, "status": {"state": state}})


@pytest.mark.slow
def test_the_example_for_dataproc_is_valid_and_its_program_reports(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    pytest.importorskip("google.cloud.dataproc_v1", reason="needs dagster-gcp[dataproc]")
    import google.auth
    from google.auth.credentials import AnonymousCredentials

    monkeypatch.setattr(google.auth, "default", lambda *_, **__: (AnonymousCredentials(), "my-project"))
    blocks = re.findall(r"```python\n(.*?)```", EXAMPLE.read_text(), flags=re.DOTALL)
    names: dict[str, Any] = {}
    for block in blocks:
        exec(block, names)
    [spec] = names["reproduced_on_dataproc"].specs
    assert spec.key == dg.AssetKey("reproduced_diagnostics")

    cloud = LocalDataproc(house)
    client = type(names["client"])(
        client=cloud, message_reader=dg.PipesFileMessageReader(str(tmp_path / "messages"))
    )
    place = {"project_id": "my-project", "region": "europe-west1"}
    result = house.run([names["on_dataproc"](error_states, client, names["job"], **place)], NAMES)
    assert check(result, "error_states", "rows_add_up").passed
    assert house.manifest("error_states", NAMES).rows_out == 2
    [(project_id, region, job)] = cloud.submitted
    assert (project_id, region) == ("my-project", "europe-west1")
    properties = dict(job.pyspark_job.properties)
    assert properties["spark.task.cpus"] == properties["spark.executor.cores"]
    assert json.dumps(names["job"])  # plain values: nothing in it was changed by the run
    assert "args" not in names["job"]["pyspark_job"]
