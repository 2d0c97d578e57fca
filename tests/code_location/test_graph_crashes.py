"""Processes that are killed: nothing is lost, nothing partial is seen, what was done is not done again."""

import itertools
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from partitions.keys import Key
from repair.errors import StoreError
from repair.language_servers.rpc import Client
from repair_assets.error_states import error_states
from repair_assets.reproduced_diagnostics import reproduced_diagnostics
from tests.code_location import code_location
from tests.graph import DAY, LANGUAGE_SERVERS, STAGES, House, record, reused, typing_errors

NAMES = Key(DAY, "F821")
PROJECTS = 6
ROWS = 2 * PROJECTS
BEFORE, AT_WORK, BEHIND = STAGES[:3], STAGES[3], STAGES[4:]


def at_work(house: House, asset: str) -> bool:
    """A stage has begun to write its partition."""
    folder = Path(house.store.uri(asset, NAMES.segments()))
    return folder.is_dir() and any(folder.iterdir())


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> House:
    house = House(tmp_path_factory.mktemp("undisturbed"))
    sessions = [
        typing_errors(f"project-{number}", [2 * number, 2 * number + 1]) for number in range(PROJECTS)
    ]
    record(house.folder / "recording", sessions)
    house.events()
    house.diagnostics("F821")
    assert house.manifest("repair_examples", NAMES).rows_out == ROWS
    return house


def data_versions(house: House) -> dict[str, str]:
    return {stage: house.manifest(stage, NAMES).data_version for stage in STAGES}


@pytest.mark.slow
def test_a_run_killed_between_two_stages_is_finished_by_the_next(undisturbed: House, tmp_path: Path):
    shutil.copytree(undisturbed.folder / "recording", tmp_path / "recordings")
    house = House(tmp_path)
    jobs = (("events", DAY), ("diagnostics", str(NAMES)))
    with code_location.start(tmp_path, *jobs, DIES_IN=AT_WORK) as process:
        said, _ = process.communicate()
    assert process.returncode == -signal.SIGKILL, said[-4000:]

    assert list(map(house.store.partitions, BEFORE)) == [[NAMES.segments()]] * len(BEFORE)
    assert at_work(house, AT_WORK), "it left something behind"
    for stage in (AT_WORK, *BEHIND):
        assert house.store.partitions(stage) == []
        with pytest.raises(StoreError, match="materialize this partition"):
            next(house.store.read(stage, NAMES.segments()))

    result = house.diagnostics("F821")
    assert reused(result) == {**dict.fromkeys(BEFORE, True), **dict.fromkeys((AT_WORK, *BEHIND), False)}
    assert data_versions(house) == data_versions(undisturbed)
    with dg.DagsterInstance.from_config(str(tmp_path / "dagster")) as instance:
        statuses = {run.job_name: run.status for run in instance.get_runs()}
    # the instance's run monitoring, which a killed process can't be, ends it as failed
    assert statuses == {"events": dg.DagsterRunStatus.SUCCESS, "diagnostics": dg.DagsterRunStatus.STARTED}


def test_pyright_killed_in_the_middle_of_a_partition_costs_no_row(
    undisturbed: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    shutil.copytree(undisturbed.folder / "recording", tmp_path / "recording")
    house = House(tmp_path)
    house.events()
    house.run([error_states], NAMES)
    servers = LANGUAGE_SERVERS.servers()
    answer, asked, killed = Client.result, itertools.count(1), list[int]()

    def killed_at_the_fifth_question(client: Client, *question: Any) -> Any:
        if next(asked) == 5:  # it has been sent
            [pid] = servers.pids
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)
        return answer(client, *question)

    monkeypatch.setattr(Client, "result", killed_at_the_fifth_question)
    result = house.run([reproduced_diagnostics], NAMES)
    assert killed and not set(killed) & set(servers.pids)
    assert result.success
    reproduced = house.manifest("reproduced_diagnostics", NAMES)
    assert (reproduced.rows_in, reproduced.rows_out) == (ROWS, ROWS)
    wanted = undisturbed.manifest("reproduced_diagnostics", NAMES).data_version
    assert reproduced.data_version == wanted
