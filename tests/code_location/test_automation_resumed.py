"""A daemon that is killed in the middle of a tick of the automation, by the daemon's own sensor iteration."""

import logging
import os
import signal
import time
from pathlib import Path
from typing import Any

from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.test_utils import create_test_daemon_workspace_context, freeze_time, instance_for_test
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon.sensor import execute_sensor_iteration

from partitions.dates import DATES
from tests.code_location.stored_history import report

QUEUE = {"run_coordinator": {"module": "dagster", "class": "QueuedRunCoordinator"}}
MODULE = LoadableTargetOrigin(module_name="tests.code_location.automated_location", attribute="defs")
TARGET = InProcessWorkspaceLoadTarget(InProcessCodeLocationOrigin(MODULE, location_name="repair"))


def test_what_changes_while_the_daemon_is_killed_in_a_tick_is_asked_for(tmp_path: Path) -> None:
    first, second, third, fourth = DATES.get_partition_keys()[-4:]
    with (
        instance_for_test(temp_dir=str(tmp_path), overrides=QUEUE) as instance,
        create_test_daemon_workspace_context(TARGET, instance) as context,
    ):
        began = time.time()

        def tick(minute: int, **crashes: int) -> list[str]:
            """An iteration of the daemon; the partitions of which runs are queued."""
            with freeze_time(began + 60 * minute):
                flags: Any = {"automation": crashes}
                log = logging.getLogger("daemon")
                list(execute_sensor_iteration(context, log, None, None, debug_crash_flags=flags))
            return sorted(run.tags["dagster/partition"] for run in instance.get_runs())

        assert tick(1) == []
        report(instance, "recorded_days", first, "new")
        assert tick(2) == [first]
        for day in (second, third):
            report(instance, "recorded_days", day, "new")
        if not (child := os.fork()):
            tick(3, RUN_CREATED=signal.SIGKILL)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        assert len(instance.get_runs()) == 2, "killed with a run to go"
        report(instance, "recorded_days", fourth, "new")
        assert tick(4) == [first, second, third], "what it had asked for"
        for run in instance.get_runs():
            instance.report_run_canceled(run)  # else its partition is in progress, and not asked for again
        assert tick(5) == tick(6) == [first, second, third, fourth], "what came since, each once"
