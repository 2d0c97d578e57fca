"""The health of a run's process: a real gRPC server has it, has it no more, is gone, or is slow."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import grpc
import pytest
from dagster._core.launcher.base import LaunchRunContext, WorkerStatus
from dagster._core.storage.dagster_run import RunOpConcurrency
from dagster._core.utils import make_new_run_id
from dagster._grpc.__generated__ import dagster_api_pb2 as messages
from dagster._grpc.__generated__.dagster_api_pb2_grpc import (
    DagsterApiServicer,
    add_DagsterApiServicer_to_server,
)
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import deserialize_value, serialize_value

from resources import run_launcher
from resources.run_launcher import MonitoredRunLauncher


class CodeServer(DagsterApiServicer):
    """What a code server says of its runs."""

    def __init__(self, runs: set[str], seconds: float) -> None:
        self.runs, self.seconds = runs, seconds

    def CanCancelExecution(self, request, context):
        asked = deserialize_value(request.serialized_can_cancel_execution_request, CanCancelExecutionRequest)
        time.sleep(self.seconds)
        found = CanCancelExecutionResult(can_cancel=asked.run_id in self.runs)
        return messages.CanCancelExecutionReply(serialized_can_cancel_execution_result=serialize_value(found))


@contextmanager
def listening(runs: set[str], seconds: float = 0) -> Iterator[int]:
    """A code server's port."""
    with ThreadPoolExecutor(2) as threads:
        server = grpc.server(threads)
        add_DagsterApiServicer_to_server(CodeServer(runs, seconds), server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield port
        finally:
            server.stop(0).wait()


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    settings = {
        "run_launcher": {"module": "resources.run_launcher", "class": "MonitoredRunLauncher"},
        "concurrency": {"pools": {"default_limit": 1}},
    }
    with dg.DagsterInstance.local_temp(str(tmp_path), overrides=settings) as instance:
        yield instance


def started(instance: dg.DagsterInstance, address: int | Path | None) -> dg.DagsterRun:
    at = {"socket": str(address)} if isinstance(address, Path) else {"port": address}
    where = {} if address is None else {".dagster/grpc_info": json.dumps({"host": "127.0.0.1", **at})}
    run = dg.DagsterRun(
        "diagnostics", run_id=make_new_run_id(), status=dg.DagsterRunStatus.STARTED, tags=where
    )
    return instance.add_run(run)


def health(instance: dg.DagsterInstance, run: dg.DagsterRun) -> WorkerStatus:
    launcher = instance.run_launcher
    assert isinstance(launcher, MonitoredRunLauncher)
    assert launcher.supports_check_run_worker_health
    return launcher.check_run_worker_health(run).status


def test_a_run_is_alive_as_long_as_its_code_server_has_it(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
):
    runs = set[str]()
    with listening(runs) as port:
        run = started(instance, port)
        runs.add(run.run_id)
        assert health(instance, run) is WorkerStatus.RUNNING
        runs.clear()
        assert health(instance, run) is WorkerStatus.NOT_FOUND
    assert health(instance, run) is WorkerStatus.RUNNING, "the server may be restarted"
    monkeypatch.setattr(run_launcher, "BACK_WITHIN_S", 0)
    assert health(instance, run) is WorkerStatus.NOT_FOUND, "the server is gone"


def test_a_code_server_that_is_slow_is_given_time(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(run_launcher, "PATIENCE_S", 1)
    with listening(set(), seconds=1.5) as port:
        assert health(instance, started(instance, port)) is WorkerStatus.RUNNING


def test_a_code_server_is_away_from_the_first_look_on(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(run_launcher, "BACK_WITHIN_S", 0.5)
    runs = set[str]()
    with listening(runs) as port:
        run = started(instance, port)
        runs.add(run.run_id)
    assert health(instance, run) is WorkerStatus.RUNNING
    time.sleep(0.5)
    again = started(instance, port)
    assert [health(instance, one) for one in (run, again)] == [WorkerStatus.NOT_FOUND, WorkerStatus.RUNNING]


def test_a_code_server_with_a_socket_does_not_come_back(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with listening(set()) as port:
        runs = [started(instance, port), started(instance, tmp_path / "socket")]
    monkeypatch.setattr(run_launcher, "GONE_AFTER_S", 0)
    assert [health(instance, run) for run in runs] == [WorkerStatus.RUNNING, WorkerStatus.NOT_FOUND]


def test_a_run_of_which_nobody_knows_where_it_runs_is_let_be(instance: dg.DagsterInstance):
    assert health(instance, started(instance, None)) is WorkerStatus.RUNNING


def test_the_pools_of_a_run_have_their_limits_before_it_starts(instance: dg.DagsterInstance):
    storage = instance.event_log_storage
    storage.set_concurrency_slots("language_servers", 3)
    needed = RunOpConcurrency(
        root_key_counts={"language_servers": 1},
        has_unconstrained_root_nodes=False,
        all_pools={"language_servers", "language_model"},
    )
    run = instance.add_run(dg.DagsterRun("diagnostics", run_id=make_new_run_id(), run_op_concurrency=needed))
    with pytest.raises(dg.DagsterInvariantViolationError, match="workspace"):  # nobody serves its code here
        instance.run_launcher.launch_run(LaunchRunContext(run, workspace=None))
    assert {pool.name: pool.limit for pool in storage.get_pool_limits()} == {
        "language_servers": 3,
        "language_model": 1,
    }
