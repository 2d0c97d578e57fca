"""Run launcher with health checks: a run whose process is gone with its code server ends as failed.

Dagster's default launcher leaves that to the code server, which sees its own children die. Where the server
is gone too (a machine was lost, everything was killed), such a run would stay *started* for ever, and keep
its place among the concurrent runs. `dagster.yaml` names this one; run monitoring asks it. The image of
Dagster's daemon has this file and nothing else of the project.
"""

import time

import dagster as dg
import grpc
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher.base import CheckRunHealthResult, LaunchRunContext, WorkerStatus
from dagster._core.launcher.default_run_launcher import DefaultRunLauncher
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import ConfigurableClassData, deserialize_value

PATIENCE_S = 60
"""For an answer of the code server."""
BACK_WITHIN_S = 1800
"""A code server with a port is awaited for so long, as `dagster.yaml` lets queued runs wait: it is replaced
at its address, and is needed for the run to be started again. A run that has failed meanwhile is not."""
GONE_AFTER_S = 120
"""A code server with a socket, as `dagster dev` starts it, is gone after so long: another has its own."""

_GONE = WorkerStatus.NOT_FOUND


class MonitoredRunLauncher(DefaultRunLauncher):
    """Starts runs in their code server, and asks that server for them."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(inst_data)
        self._away_since: dict[str, float] = {}
        """Run -> when its code server was first found to be away."""

    def launch_run(self, context: LaunchRunContext) -> None:
        self._initialize_pools(context.dagster_run)
        super().launch_run(context)

    def _initialize_pools(self, run: dg.DagsterRun) -> None:
        """Gives the run's pools their default limit, if they have none.

        Runs are launched one after another. Left to the runs, two that use a pool for the first time at once
        collide, and on PostgreSQL one of them fails.
        """
        storage = self._instance.event_log_storage
        wanted = (run.run_op_concurrency and run.run_op_concurrency.all_pools) or set[str]()
        if wanted and storage.supports_global_concurrency_limits:
            for pool in sorted(wanted - {known.name for known in storage.get_pool_limits()}):
                storage.initialize_concurrency_limit_to_default(pool)

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether the code server that started the run has it; a server that is only slow is given time."""
        client = self._get_grpc_client_for_termination(run.run_id)
        if client is None:  # it is not known where it runs, or it has just ended
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        try:
            request = CanCancelExecutionRequest(run_id=run.run_id)
            answer = client.can_cancel_execution(request, timeout=PATIENCE_S)
        except DagsterUserCodeUnreachableError as error:
            cause = error.__cause__
            away = isinstance(cause, grpc.Call) and cause.code() is grpc.StatusCode.UNAVAILABLE
            patience = BACK_WITHIN_S if client.port else GONE_AFTER_S
            gone = away and self._has_been_away(run.run_id, patience)
            return CheckRunHealthResult(_GONE if gone else WorkerStatus.RUNNING, "its code server is gone")
        self._away_since.pop(run.run_id, None)
        found = deserialize_value(answer, CanCancelExecutionResult).can_cancel
        return CheckRunHealthResult(WorkerStatus.RUNNING if found else _GONE, "its process is gone")

    def _has_been_away(self, run_id: str, patience_s: float) -> bool:
        now = time.monotonic()
        return now - self._away_since.setdefault(run_id, now) >= patience_s
