"""The outbox: nothing is lost and nothing overtakes, whoever is down, and whoever is killed."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from repair.errors import ConfigurationError
from resources.alerts.channels import DeliveryError, WebhookChannel
from resources.alerts.message import Alert
from resources.alerts.outbox import FIRST_PAUSE_S, LEASE_S, LONGEST_PAUSE_S, Outbox
from tests.resources.alerts.receiver import HANGS, Receiver, receiver
from tests.resources.alerts.test_incidents import DAYS, failed, passed
from tests.resources.alerts.test_message import alert

ROOT = Path(__file__).resolve().parents[3]


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Scripted:
    """A channel that raises what it is told to, then delivers."""

    def __init__(self, name: str, *errors: Exception) -> None:
        self.name, self.errors = name, list(errors)
        self.got: list[tuple[str, str]] = []

    def send(self, alert: Alert, key: str) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.got.append((alert.detail, key))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def outbox(tmp_path: Path, clock: Clock) -> Outbox:
    return Outbox(tmp_path / "alerts.sqlite", clock=clock)


def details(channel: Scripted) -> list[str]:
    return [detail for detail, _ in channel.got]


def test_each_channel_gets_each_message_once_and_in_order(outbox: Outbox) -> None:
    log, hook = Scripted("log"), Scripted("webhook")
    for number in range(3):
        outbox.put(alert(detail=f"{number}"), [log, hook])
    assert outbox.deliver([log, hook]).sent == 6
    assert outbox.deliver([log, hook]).sent == 0
    assert details(log) == details(hook) == ["0", "1", "2"]
    assert log.got == hook.got, "with the same keys"
    assert outbox.pending() == {}


def test_a_channel_that_is_down_keeps_its_own_messages_waiting_and_loses_none(
    outbox: Outbox, clock: Clock
) -> None:
    log, hook = Scripted("log"), Scripted("webhook", *[DeliveryError("HTTP 500")] * 8)
    outbox.put(alert(detail="first"), [log, hook])
    outbox.put(alert(detail="second"), [log, hook])
    done = outbox.deliver([hook, log])
    assert (done.sent, done.errors) == (2, {"webhook": "HTTP 500"})
    assert (details(log), outbox.pending()) == (["first", "second"], {"webhook": 2})
    pauses = []
    while hook.errors:
        waited, left = 0.0, len(hook.errors)
        while len(hook.errors) == left:
            clock.now += 10
            waited += 10
            outbox.deliver([hook])
        pauses.append(waited)
    assert pauses == [min(FIRST_PAUSE_S * 2**step, LONGEST_PAUSE_S) for step in range(7)]
    clock.now += LONGEST_PAUSE_S
    outbox.deliver([hook])
    assert details(hook) == ["first", "second"]


def test_a_receiver_that_asks_for_time_gets_it(outbox: Outbox, clock: Clock) -> None:
    hook = Scripted("webhook", DeliveryError("HTTP 429", retry_after_s=300))
    outbox.put(alert(), [hook])
    for seconds, sent in ((0, 0), (FIRST_PAUSE_S + 1, 0), (300, 1)):
        clock.now += seconds
        assert outbox.deliver([hook]).sent == sent


def test_a_refused_message_steps_aside_and_stays(outbox: Outbox, clock: Clock) -> None:
    hook = Scripted(
        "webhook", DeliveryError("HTTP 413", refused=True), DeliveryError("HTTP 413", refused=True)
    )
    for name in ("too large", "small", "smaller"):
        outbox.put(alert(detail=name), [hook])
    hook.errors.pop()
    assert outbox.deliver([hook]).sent == 2
    assert details(hook) == ["small", "smaller"]
    assert outbox.pending() == {"webhook": 1}
    clock.now += FIRST_PAUSE_S
    outbox.deliver([hook])
    assert details(hook)[-1] == "too large"


def test_a_channel_with_a_wrong_setting_holds_up_no_other(outbox: Outbox) -> None:
    slack, log = Scripted("slack", ConfigurationError("slack_sdk is not installed")), Scripted("log")
    outbox.put(alert(), [slack, log])
    done = outbox.deliver([slack, log])
    assert (done.sent, outbox.pending()) == (1, {"slack": 1})
    assert "slack_sdk is not installed" in done.errors["slack"]


def test_observations_messages_and_the_runs_read_are_written_together(outbox: Outbox) -> None:
    hook = Scripted("webhook")

    class Dies(Scripted):
        @property
        def name(self) -> str:  # type: ignore[override]
            raise KeyboardInterrupt

        @name.setter
        def name(self, _: str) -> None: ...

    with pytest.raises(KeyboardInterrupt):
        outbox.record([failed(1)], [hook, Dies("any")], [("run-1", 1.0)])
    assert (outbox.unread(["run-1"]), outbox.pending()) == (["run-1"], {})
    assert outbox.record([failed(1)], [hook], [("run-1", 1.0)]) == 1
    assert (outbox.unread(["run-1", "run-2"]), outbox.latest_read()) == (["run-2"], 1.0)
    assert outbox.record([passed(2), failed(3, DAYS[1])], [hook]) == 0


def test_two_processes_do_not_send_the_same_message(tmp_path: Path) -> None:
    path = tmp_path / "alerts.sqlite"
    with receiver() as there, ThreadPoolExecutor(4) as threads:
        hook = WebhookChannel(there.url, "http://ui")
        with Outbox(path) as outbox:
            for _ in range(12):
                outbox.put(alert(), [hook])

        def deliver(_: int) -> int:
            sent = 0
            with Outbox(path) as own:
                while own.pending():
                    sent += own.deliver([hook]).sent
                    time.sleep(0.01)
            return sent

        assert sum(threads.map(deliver, range(4))) == 12
    keys = [body["id"] for body in there.bodies()]
    assert len(keys) == len(set(keys)) == 12


def child(path: Path, there: Receiver, *words: str) -> "subprocess.Popen[bytes]":
    module = "tests.resources.alerts.outbox_process"
    return subprocess.Popen([sys.executable, "-m", module, str(path), there.url, *words], cwd=ROOT)


def test_killed_between_the_note_and_the_delivery(tmp_path: Path) -> None:
    """SIGKILL: the message is there, it is sent once, and observing the same again makes no other."""
    path = tmp_path / "alerts.sqlite"
    with receiver() as there:
        assert child(path, there, "dies").wait(60) == -9
        assert there.requests == []
        hook = WebhookChannel(there.url, "http://ui")
        with Outbox(path) as outbox:
            assert outbox.unread(["run-1"]) == []
            assert outbox.record([failed(1)], [hook]) == 0
            assert [outbox.deliver([hook]).sent for _ in range(2)] == [1, 0]
    assert len(there.requests) == 1


def test_killed_between_the_receipt_and_the_note_of_it(tmp_path: Path) -> None:
    """SIGKILL: whether it came is not known, so it is sent again once the lease is over, with its key."""
    path, clock = tmp_path / "alerts.sqlite", Clock()
    with receiver(HANGS) as there:
        process = child(path, there)
        until = time.monotonic() + 60
        while not there.requests and time.monotonic() < until:
            time.sleep(0.02)
        process.kill()
        process.wait(10)
        hook = WebhookChannel(there.url, "http://ui")
        clock.now = time.time()
        with Outbox(path, clock=clock) as outbox:
            assert outbox.deliver([hook]).sent == 0, "it may still be on its way"
            clock.now += LEASE_S
            assert [outbox.deliver([hook]).sent for _ in range(2)] == [1, 0]
    first, second = (body["id"] for body in there.bodies())
    assert first == second
