"""Which faults are tried again; a stage that meets each kind; pools and the instance's own settings."""

import socket
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pyarrow as pa
import pytest
import yaml

from repair.database import DatabaseError, DatabaseUnavailableError
from repair.errors import ConfigurationError, InputError, StoreError, TeacherError, TeacherUnavailableError
from repair.language_servers.errors import ServerCrashError, ServersUnreachableError, UnsafePathError
from repair.store.reader import PartitionStore
from repair.store.writer import PartitionWriter
from resources import pools, retries
from resources.checks import check_specs
from resources.retries import is_transient
from resources.stages import Stage

ROOT = Path(__file__).parents[2]
ROWS = pa.table({"row": [1, 2]})


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def locked(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = code
    return error


class HttpError(Exception):
    """As gcsfs has it: the status is its code."""

    __module__ = "gcsfs.retry"

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (ConnectionRefusedError("refused"), True),
        (ConnectionResetError("reset"), True),
        (TimeoutError("late"), True),
        (socket.gaierror("no such host for now"), True),
        (ServerCrashError("pyright died"), True),
        (ServersUnreachableError("gave up"), True),
        (TeacherUnavailableError("503"), True),
        (caused(StoreError("the cache can't be used"), DatabaseUnavailableError("refused")), True),
        (caused(StoreError("the cache can't be used"), DatabaseError("authentication failed")), False),
        (httpx.ConnectError("refused"), True),
        (HttpError(503), True),
        (HttpError(429), True),
        (locked(sqlite3.SQLITE_BUSY), True),
        (dg.DagsterError("External execution process failed with code -9"), True),
        (caused(StoreError("can't be written"), ConnectionResetError("reset")), True),
        (HttpError(404), False),
        (HttpError(403), False),
        (locked(sqlite3.SQLITE_FULL), False),
        (dg.DagsterError("External execution process failed with code 1"), False),
        (OSError(28, "No space left on device"), False),
        (PermissionError("denied"), False),
        (FileNotFoundError("gone"), False),
        (StoreError("damaged"), False),
        (TeacherError("a wrong key"), False),
        (ConfigurationError("no model"), False),
        (caused(ConfigurationError("is the address right?"), ConnectionRefusedError("refused")), False),
        (InputError("no recording"), False),
        (UnsafePathError("../up"), False),
        (dg.Failure("lost rows", allow_retries=False), False),
        (caused(dg.Failure("absent", allow_retries=False), TimeoutError("late")), False),
        (ValueError("a bug"), False),
        (MemoryError(), False),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_a_fault_that_passes_is_told_from_one_that_stays(error: Exception, transient: bool):
    assert is_transient(error) is transient


class Faults:
    """The work of a stage that raises some errors first."""

    def __init__(self, *errors: Exception) -> None:
        self.left = list(errors)
        self.attempts = 0

    def __call__(self, writer: PartitionWriter) -> Mapping[str, Any] | None:
        self.attempts += 1
        if self.left:
            raise self.left.pop(0)
        for batch in ROWS.to_batches():
            writer.write("data", batch)
        return None


@pytest.mark.parametrize(
    ("errors", "attempts", "success"),
    [
        pytest.param([ServersUnreachableError("gave up")] * 2, 3, True, id="passes"),
        pytest.param([TeacherUnavailableError("429")] * 9, 4, False, id="does not pass in time"),
        pytest.param([ConfigurationError("no model")], 1, False, id="a setting"),
        pytest.param([dg.Failure("lost rows", allow_retries=False)], 1, False, id="data"),
        pytest.param([ConnectionResetError("reset"), ValueError("a bug")], 2, False, id="then a bug"),
    ],
)
def test_a_stage_is_tried_again_where_its_fault_passes(
    errors: list[Exception], attempts: int, success: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(retries, "WAITS_S", (0.0, 0.0, 0.0))
    work = Faults(*errors)
    store = PartitionStore(str(tmp_path))

    @dg.asset(check_specs=check_specs("tried", None))
    def tried(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        stage = Stage(context=context, store=store, inputs=(), schema=ROWS.schema, frozen=True)
        return stage.materialize(work, rows_in=2)

    result = dg.materialize([tried], raise_on_error=False)
    assert (work.attempts, result.success) == (attempts, success)
    assert (store.manifest("tried", {}) is not None) is success
    if not success:
        assert str(errors[min(attempts, len(errors)) - 1]) in str(result.failure_data_for_node("tried"))


def test_what_is_scarce_has_a_pool():
    from code_location.definitions import defs

    names = {pools.LANGUAGE_SERVERS, pools.LANGUAGE_MODEL, pools.GPU}
    found: dict[str, set[str]] = {name: set() for name in names}
    for asset in defs.assets or ():
        if isinstance(asset, dg.AssetsDefinition) and asset.is_executable and asset.op.pool:
            found[asset.op.pool].add(asset.key.path[-1])
    assert set(found) == names, "a pool that the page does not name"
    assert found[pools.GPU] >= {"checkpoint", "predictions"}
    assert found[pools.LANGUAGE_MODEL] >= {"synthesized_diffs", "teacher_program", "judge_calibration"}
    assert found[pools.LANGUAGE_SERVERS] >= {
        *("reproduced_diagnostics", "repair_candidates", "verified_diffs", "eval_results"),
        *("leetcode_benchmark", "workspace_benchmark"),
    }


def test_the_instance_ends_killed_runs_frees_their_slots_and_starts_them_again(tmp_path: Path):
    settings = yaml.safe_load((ROOT / "dagster.yaml").read_text())
    (tmp_path / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text())
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert instance.run_launcher.supports_check_run_worker_health
        assert instance.run_monitoring_enabled and instance.run_retries_enabled
        assert instance.run_retries_max_retries == settings["run_retries"]["max_retries"] > 0
        assert instance.event_log_storage.supports_global_concurrency_limits
        assert instance.global_op_concurrency_default_limit == 1
        queue = instance.get_concurrency_config().run_queue_config
        assert queue and queue.max_user_code_failure_retries > 0, "queued runs fail"
        assert queue.max_concurrent_runs == settings["concurrency"]["runs"]["max_concurrent_runs"]
    assert settings["run_monitoring"]["free_slots_after_run_end_seconds"] > 0
    assert settings["run_retries"]["retry_on_asset_or_op_failure"] is False
