"""Alerts of backfills: real ones, by the daemons' own iterations over an instance on SQLite.

A code location that is away is one that does not load, as the daemon has it after its next look.
"""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.definitions.events import AssetKeyPartitionKey
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.remote_origin import (
    InProcessCodeLocationOrigin,
    RemotePartitionSetOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.test_utils import create_test_daemon_workspace_context, instance_for_test
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.utils import make_new_backfill_id
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon.backfill import execute_backfill_iteration
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon
from dagster._time import get_current_timestamp

from code_location.alerts import tell
from resources.alerts.resource import AlertsResource
from tests.code_location.alerted_location import FAILING, defs, training_mixture, verified_diffs
from tests.documented import ROOT
from tests.graph import QUIET
from tests.resources.alerts.receiver import Receiver, receiver

WAITS = "DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR"
LOCATION, AWAY = "tests.code_location.alerted_location", "tests.code_location.no_such_location"
LOST = "DagsterAssetBackfillDataLoadError"
GRAPH = defs.resolve_asset_graph()
LAUNCHER = {
    "module": "dagster._core.launcher.sync_in_memory_run_launcher",
    "class": "SyncInMemoryRunLauncher",
}
QUEUE = {"module": "dagster.core.run_coordinator", "class": "QueuedRunCoordinator"}


def origin(module: str) -> InProcessCodeLocationOrigin:
    return InProcessCodeLocationOrigin(
        LoadableTargetOrigin(module_name=module, attribute="defs"), location_name="repair"
    )


class Daemons:
    """The daemons of backfills and of the queue, whose code location is there or away."""

    def __init__(self, instance: dg.DagsterInstance, contexts: dict[str, Any]) -> None:
        self.instance, self._contexts = instance, contexts
        self._queue = QueuedRunCoordinatorDaemon(interval_seconds=1)

    def look_at_backfills(self, location: str = LOCATION) -> None:
        list(execute_backfill_iteration(self._contexts[location], logging.getLogger("daemon")))

    def run_what_is_queued(self) -> None:
        list(self._queue.run_iteration(self._contexts[LOCATION]))

    def status(self, backfill: str) -> BulkActionStatus:
        found = self.instance.get_backfill(backfill)
        assert found
        return found.status

    def starts(self, *partitions: int, asset: dg.AssetsDefinition = verified_diffs, **given: Any) -> str:
        """A backfill, as the UI or the nightly job starts it."""
        wanted = {AssetKeyPartitionKey(asset.key, f"{partition}") for partition in partitions}
        backfill = PartitionBackfill.from_asset_graph_subset(
            backfill_id=make_new_backfill_id(),
            backfill_timestamp=get_current_timestamp(),
            tags={},
            dynamic_partitions_store=self.instance,
            asset_graph_subset=AssetGraphSubset.from_asset_partition_set(wanted, GRAPH),
            title=None,
            description=None,
            run_config=QUIET,
        )
        if "status" in given:
            given["backfill_end_timestamp"] = get_current_timestamp()
        self.instance.add_backfill(backfill._replace(**given))
        return backfill.backfill_id

    def fails(self, *partitions: int) -> str:
        """One whose code location is away while its runs are in the queue."""
        backfill = self.starts(*partitions)
        self.look_at_backfills()
        for _ in ("it fails", "its runs are cancelled", "it has failed"):
            self.look_at_backfills(AWAY)
        assert self.status(backfill) is BulkActionStatus.FAILED
        return backfill

    def succeeds(self, *partitions: int) -> None:
        backfill = self.starts(*partitions)
        self.look_at_backfills()
        self.run_what_is_queued()
        self.look_at_backfills()
        assert self.status(backfill) is BulkActionStatus.COMPLETED_SUCCESS


@pytest.fixture(scope="module")
def shared() -> Iterator[Daemons]:
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(dir=memory))
        settings = {"run_launcher": LAUNCHER, "run_coordinator": QUEUE}
        instance = stack.enter_context(instance_for_test(settings, temp_dir=folder))
        contexts = {
            module: stack.enter_context(
                create_test_daemon_workspace_context(InProcessWorkspaceLoadTarget(origin(module)), instance)
            )
            for module in (LOCATION, AWAY)
        }
        yield Daemons(instance, contexts)


@pytest.fixture
def daemons(shared: Daemons, monkeypatch: pytest.MonkeyPatch) -> Daemons:
    FAILING.clear()
    monkeypatch.delenv(WAITS, raising=False)
    return shared


class Alerts:
    """The sensor `alerts` with an outbox of its own, and what it tells."""

    def __init__(self, daemons: Daemons, folder: Path, there: Receiver) -> None:
        self._instance, self._there = daemons.instance, there
        outbox = str(folder / "alerts.sqlite")
        self._resource = AlertsResource(outbox=outbox, ui_url="http://ui:3000", webhook_url=there.url)
        self()

    def __call__(self) -> list[dict[str, Any]]:
        """What one more look tells."""
        before = len(self._there.bodies())
        tell(self._instance, self._resource)
        return self._there.bodies()[before:]


@pytest.fixture
def alerts(daemons: Daemons, tmp_path: Path) -> Iterator[Alerts]:
    with receiver() as there:
        yield Alerts(daemons, tmp_path, there)


def test_a_backfill_that_fails_is_told_once_and_again_when_its_partitions_are_made(
    daemons: Daemons, alerts: Alerts
) -> None:
    failed = daemons.fails(1, 2)
    tags = dg.DagsterRun.tags_for_backfill_id(failed)
    runs = daemons.instance.get_runs(dg.RunsFilter(tags=tags))
    assert [run.status for run in runs] == [dg.DagsterRunStatus.CANCELED] * 2
    (told,) = alerts()
    assert told["text"].split("\n")[0] == f"[error] a backfill of assets fails: {LOST} ({failed})"
    assert told["partitions"] == ["verified_diffs 1", "verified_diffs 2"]
    assert "code location that's failing to load: ['repair']" in told["detail"]
    assert told["url"] == f"http://ui:3000/runs/b/{failed}"
    assert alerts() == []
    daemons.succeeds(2)
    assert alerts() == [], "one is still missing"
    daemons.succeeds(1, 3)
    (recovered,) = alerts()
    assert (recovered["status"], recovered["count"]) == ("recovered", 2)
    assert alerts() == [], "the failed backfill is still there, and was told"


def test_each_backfill_that_fails_is_told_and_one_that_is_made_recovers_all(
    daemons: Daemons, alerts: Alerts
) -> None:
    for partitions in ((1, 2), (1,)):
        daemons.fails(*partitions)
        assert [told["status"] for told in alerts()] == ["failing"]
    daemons.succeeds(1)
    assert [told["count"] for told in alerts()] == [1], "the one of this partition alone"
    daemons.succeeds(2)
    assert [told["status"] for told in alerts()] == ["recovered"]


def test_a_backfill_waits_for_its_code_location_and_goes_on(
    daemons: Daemons, alerts: Alerts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(WAITS, "1")
    backfill = daemons.starts(4, 5)
    for location in (AWAY, LOCATION, AWAY, AWAY):
        daemons.look_at_backfills(location)
        assert daemons.status(backfill) is BulkActionStatus.REQUESTED
    daemons.run_what_is_queued()
    daemons.look_at_backfills()
    assert daemons.status(backfill) is BulkActionStatus.COMPLETED_SUCCESS
    assert alerts() == []


def test_what_a_person_cancels_and_what_runs_tell_is_told_by_no_backfill(
    daemons: Daemons, alerts: Alerts
) -> None:
    cancelled = daemons.starts(6)
    daemons.look_at_backfills()
    found = daemons.instance.get_backfill(cancelled)
    assert found
    daemons.instance.update_backfill(found.with_status(BulkActionStatus.CANCELING))
    for _ in ("its run is cancelled", "it is cancelled"):
        daemons.look_at_backfills()
    assert daemons.status(cancelled) is BulkActionStatus.CANCELED
    FAILING.add("step")
    failed = daemons.starts(6, asset=training_mixture)
    daemons.look_at_backfills()
    daemons.run_what_is_queued()
    daemons.look_at_backfills()
    assert daemons.status(failed) is BulkActionStatus.COMPLETED_FAILED
    assert [told["cause"]["kind"] for told in alerts()] == ["step"]


def test_a_backfill_that_ends_without_all_its_partitions_is_told(daemons: Daemons, alerts: Alerts) -> None:
    backfill = daemons.starts(7, status=BulkActionStatus.COMPLETED_FAILED)
    (told,) = alerts()
    assert told["cause"] == {"kind": "backfill", "subject": "assets", "what": f"INCOMPLETE ({backfill})"}
    assert told["url"].endswith(backfill)
    dg.materialize([verified_diffs], instance=daemons.instance, partition_key="7", run_config=QUIET)
    assert [told["status"] for told in alerts()] == ["recovered"], "by a run alone"


def test_a_backfill_of_a_job_is_told_by_its_name(daemons: Daemons, alerts: Alerts) -> None:
    job = dg.define_asset_job("nightly", [verified_diffs]).resolve(asset_graph=GRAPH)
    repository = RemoteRepositoryOrigin(origin(LOCATION), "__repository__")
    daemons.starts(
        asset_backfill_data=None,
        asset_selection=None,
        status=BulkActionStatus.FAILED,
        partition_set_origin=RemotePartitionSetOrigin(
            repository_origin=repository, partition_set_name="nightly_partition_set"
        ),
        partition_names=["8", "9"],
    )
    (told,) = alerts()
    assert told["cause"]["subject"] == "nightly"
    assert told["partitions"] == ["8", "9"]
    for partition in ("8", "9"):
        job.execute_in_process(instance=daemons.instance, partition_key=partition, run_config=QUIET)
    assert [told["status"] for told in alerts()] == ["recovered"]


def test_what_failed_before_the_first_look_is_not_told(
    daemons: Daemons, alerts: Alerts, tmp_path: Path
) -> None:
    daemons.fails(1)
    (tmp_path / "alerts.sqlite").unlink()
    assert alerts() == []


@pytest.mark.parametrize("file", ["Makefile", "docker/dagster.Dockerfile"])
def test_what_starts_a_daemon_lets_its_backfills_wait(file: str) -> None:
    assert f"{WAITS}=1" in (ROOT / file).read_text().replace(" := ", "=")
