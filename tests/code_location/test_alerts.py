"""Alerts by the daemon's own sensor iteration, over runs on SQLite, to a receiver on loopback.

The daemon's clock is moved, and no process of it is started.
"""

import logging
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster._core.test_utils import create_test_daemon_workspace_context, freeze_time, instance_for_test
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon.sensor import execute_sensor_iteration
from dagster._serdes import serialize_value

from code_location.alerts import OVERDUE_S, SILENT_S, tell, trouble_of
from code_location.run_outcomes import latest_tick
from resources.alerts.channels import DeliveryError, LogChannel, SlackChannel, WebhookChannel
from resources.alerts.outbox import LONGEST_PAUSE_S, Outbox
from resources.alerts.resource import AlertsResource
from tests.code_location import alerted_location
from tests.code_location.alerted_location import FAILING, PLANTED, training_mixture, verified_diffs
from tests.graph import QUIET
from tests.resources.alerts.receiver import Receiver, receiver
from tests.resources.alerts.test_message import alert

ALERTS = "alerts"


class Deployment:
    """An instance on SQLite, its daemon's clock, and who receives the alerts."""

    there: Receiver
    outbox: Path

    def __init__(self, instance: dg.DagsterInstance, context: Any) -> None:
        self.instance, self.context = instance, context
        self.now = time.time()

    def ticks(self, seconds: float = 61) -> None:
        """All sensors tick once, that much later."""
        self.now += seconds
        with freeze_time(self.now):
            list(execute_sensor_iteration(self.context, logging.getLogger("daemon"), None, None))

    def runs(self, asset: dg.AssetsDefinition, *partitions: int) -> None:
        with freeze_time(self.now):
            for partition in partitions:
                dg.materialize(
                    [asset],
                    instance=self.instance,
                    partition_key=f"{partition}",
                    run_config=QUIET,
                    raise_on_error=False,
                )

    def told(self) -> list[str]:
        """The titles of what was received."""
        return [body["text"].split("\n")[0] for body in self.there.bodies()]

    def state(self, name: str) -> Any:
        states = self.instance.all_instigator_state()
        return next(state for state in states if state.instigator_name == name)


@pytest.fixture(scope="module")
def shared() -> Iterator[Deployment]:
    """One instance for all tests: setting it up costs more than any of them."""
    module = LoadableTargetOrigin(module_name="tests.code_location.alerted_location", attribute="defs")
    target = InProcessWorkspaceLoadTarget(InProcessCodeLocationOrigin(module, location_name="repair"))
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with (
        tempfile.TemporaryDirectory(dir=memory) as folder,
        instance_for_test(temp_dir=folder) as instance,
        create_test_daemon_workspace_context(target, instance) as context,
    ):
        yield Deployment(instance, context)


@pytest.fixture
def deployment(shared: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    """With an outbox and a receiver of its own, both of which know nothing of earlier tests."""
    FAILING.clear()
    shared.outbox = tmp_path / "alerts.sqlite"
    with receiver() as shared.there:
        monkeypatch.setenv("ALERTS_TEST_WEBHOOK", shared.there.url)
        monkeypatch.setattr(AlertsResource, "open", lambda _: Outbox(shared.outbox, clock=lambda: shared.now))
        shared.ticks(2 * SILENT_S)
        shared.ticks()
        yield shared


CHECK = "[warning] verified_diffs: the check verified_share fails"


def test_a_check_that_fails_in_a_successful_run_is_told(deployment: Deployment) -> None:
    FAILING.add("check")
    deployment.runs(verified_diffs, 1)
    (run,) = deployment.instance.get_runs(limit=1)
    assert run.status is dg.DagsterRunStatus.SUCCESS
    deployment.ticks()
    deployment.ticks()
    assert deployment.told() == [CHECK]
    (body,) = deployment.there.bodies()
    assert body["url"] == "http://ui:3000/assets/verified_diffs?view=checks&checkDetail=verified_share"
    assert "What to do: look" in body["text"]
    assert PLANTED not in str(deployment.there.requests)


def test_a_backfill_of_ten_partitions_is_one_message(tmp_path: Path) -> None:
    alerts = AlertsResource(outbox=str(tmp_path / "alerts.sqlite"), ui_url="http://ui:3000")
    instance = dg.DagsterInstance.ephemeral()

    def run(partitions: range) -> str:
        for partition in partitions:
            dg.materialize(
                [verified_diffs], instance=instance, partition_key=f"{partition}", run_config=QUIET
            )
        return tell(instance, alerts)

    FAILING.clear()
    tell(instance, alerts)
    FAILING.add("check")
    assert run(range(6)) == "6 runs read, 1 messages made, 1 sent; waiting: none"
    assert run(range(6, 10)) == "4 runs read, 0 messages made, 0 sent; waiting: none"
    FAILING.clear()
    assert run(range(9)) == "9 runs read, 0 messages made, 0 sent; waiting: none", "one still fails"
    assert run(range(9, 10)) == "1 runs read, 1 messages made, 1 sent; waiting: none"


def test_a_run_that_fails_is_told_by_its_error_and_recovers(deployment: Deployment) -> None:
    FAILING.add("step")
    deployment.runs(training_mixture, 1, 2)
    deployment.ticks()
    assert deployment.told() == ["[error] training_mixture fails: MemoryError"]
    (body,) = deployment.there.bodies()
    assert body["partitions"] == ["1", "2"]
    assert "no room for" in body["detail"]
    assert PLANTED not in str(deployment.there.requests)
    assert PLANTED not in deployment.outbox.read_bytes().decode(errors="replace")
    run_id = body["url"].removeprefix("http://ui:3000/runs/")
    assert deployment.instance.get_run_by_id(run_id)
    FAILING.clear()
    deployment.runs(training_mixture, 1)
    deployment.ticks()
    assert len(deployment.told()) == 1, "one still fails"
    deployment.runs(training_mixture, 2)
    deployment.ticks()
    assert deployment.told()[1:] == ["[recovered] training_mixture fails: MemoryError"]


def test_a_blocking_check_is_told_as_a_check_alone(deployment: Deployment) -> None:
    FAILING.add("blocking")
    deployment.runs(training_mixture, 1)
    deployment.ticks()
    assert deployment.told() == ["[error] training_mixture: the check no_split_leaks fails"]


def test_a_run_that_is_killed_is_told(deployment: Deployment) -> None:
    with freeze_time(deployment.now):
        run = deployment.instance.create_run_for_job(
            dg.define_asset_job("all").resolve(asset_graph=alerted_location.defs.resolve_asset_graph())
        )
        deployment.instance.report_run_failed(run, "the run worker is gone")
    deployment.ticks()
    (title,) = deployment.told()
    assert title == "[error] a run of all fails: ENDED_FROM_OUTSIDE"
    assert "the run worker is gone" in deployment.there.bodies()[0]["detail"]


def test_a_sensor_that_raises_is_noticed_and_so_is_its_recovery(deployment: Deployment) -> None:
    FAILING.add("sensor")
    deployment.ticks()
    deployment.ticks()
    deployment.ticks()
    assert deployment.told() == ["[error] sensor automation does not work: TimeoutError"]
    assert deployment.there.bodies()[0]["url"] == "http://ui:3000/locations/repair/sensors/automation"
    FAILING.clear()
    deployment.ticks()
    deployment.ticks()
    assert deployment.told()[1:] == ["[recovered] sensor automation does not work: TimeoutError"]


def test_a_channel_that_is_down_gets_everything_later(deployment: Deployment) -> None:
    deployment.there.replies += [500] * 20
    FAILING.add("check")
    deployment.runs(verified_diffs, 1)
    deployment.ticks()
    FAILING.clear()
    deployment.runs(verified_diffs, 1)
    deployment.ticks(OVERDUE_S)
    assert "messages wait too long: {'webhook': " in str(
        latest_tick(deployment.instance, deployment.state(ALERTS))
    )
    deployment.ticks()
    deployment.there.replies.clear()
    deployment.ticks(LONGEST_PAUSE_S)
    deployment.ticks()
    delivered = {body["id"]: body["text"].split("\n")[0] for body in deployment.there.bodies()}
    assert list(delivered.values()) == [
        CHECK,
        "[recovered] verified_diffs: the check verified_share fails",
        "[error] sensor alerts does not work: its ticks fail",
        "[recovered] sensor alerts does not work: its ticks fail",
    ]


def test_alerts_that_fail_are_told_by_the_one_that_watches(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its outbox is gone, so that the watch sends without one."""

    def broken(_: AlertsResource) -> Outbox:
        raise sqlite3.OperationalError("disk I/O error")

    FAILING.add("check")
    deployment.runs(verified_diffs, 1)
    with monkeypatch.context() as patched:
        patched.setattr(AlertsResource, "open", broken)
        for _ in range(3):
            deployment.ticks()
    assert deployment.told() == ["[error] sensor alerts does not work: its ticks fail"]
    assert "disk I/O error" in deployment.there.bodies()[0]["detail"]
    for _ in range(2):
        deployment.ticks()
    assert set(deployment.told()[1:]) == {CHECK, "[recovered] sensor alerts does not work: its ticks fail"}
    assert len(deployment.told()) == 3, "what failed meanwhile is not lost, and nothing is told twice"


def test_alerts_that_are_switched_off_or_do_not_tick_are_told(deployment: Deployment) -> None:
    state = deployment.state(ALERTS)
    repository = deployment.context.create_request_context().get_code_location("repair").get_repositories()
    (remote,) = (
        sensor for found in repository.values() for sensor in found.get_sensors() if sensor.name == ALERTS
    )
    deployment.instance.stop_sensor(state.instigator_origin_id, state.selector_id, remote)
    deployment.ticks()
    deployment.ticks()
    assert deployment.told() == ["[error] sensor alerts does not work: switched off"]
    deployment.instance.start_sensor(remote)
    deployment.ticks()
    deployment.ticks()
    assert deployment.told()[1:] == ["[recovered] sensor alerts does not work: switched off"]
    later = deployment.now + SILENT_S + 61
    found = trouble_of(deployment.instance, later, watched_since=deployment.now)
    assert found
    assert found[0] == "no tick"
    assert trouble_of(deployment.instance, later, watched_since=later) is None, "the daemon has just begun"


def test_a_run_is_read_once_however_often_it_changes_later(deployment: Deployment) -> None:
    FAILING.add("check")
    deployment.runs(verified_diffs, 1)
    deployment.ticks()
    (run,) = deployment.instance.get_runs(limit=1)
    with freeze_time(deployment.now):
        deployment.instance.add_run_tags(run.run_id, {"looked_at": "yes"})
    deployment.ticks()
    assert deployment.told() == [CHECK]


def test_what_failed_before_alerts_were_switched_on_is_not_told(deployment: Deployment) -> None:
    FAILING.add("check")
    deployment.runs(verified_diffs, 1)
    deployment.outbox = deployment.outbox.with_name("another.sqlite")
    deployment.ticks()
    deployment.ticks()
    assert deployment.told() == []


def test_the_channels_are_those_that_are_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = {"outbox": str(tmp_path / "alerts.sqlite"), "ui_url": "http://ui"}
    assert [type(channel) for channel in AlertsResource(**own).channels()] == [LogChannel]
    slack = AlertsResource(
        **own, slack_channel="#repair", slack_token_variable="OWN_TOKEN", webhook_url="http://x/y"
    )
    with pytest.raises(DeliveryError, match="the environment variable OWN_TOKEN has no token"):
        slack.channels()[-1].send(alert(), "k")
    monkeypatch.setenv("OWN_TOKEN", PLANTED)
    assert [type(channel) for channel in slack.channels()] == [LogChannel, WebhookChannel, SlackChannel]
    assert PLANTED not in repr(slack)


def test_the_address_and_the_token_are_stored_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the code location gives them: the address by `dg.EnvVar`, the token by the name of its variable."""
    monkeypatch.setenv("ALERTS_TEST_WEBHOOK", f"https://hooks.example/{PLANTED}")
    monkeypatch.setenv("REPAIR_ALERT_SLACK_TOKEN", PLANTED)
    stored = serialize_value(RepositorySnap.from_def(alerted_location.defs.get_repository_def()))
    assert "ALERTS_TEST_WEBHOOK" in stored
    assert PLANTED not in stored
