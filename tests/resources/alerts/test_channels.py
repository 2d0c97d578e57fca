"""Channels against a receiver on loopback that misbehaves: what is sent, and what each failure means."""

import json
import logging
import socket
from urllib.parse import parse_qs

import pytest

from resources.alerts.channels import IDEMPOTENCY_KEY, DeliveryError, LogChannel, SlackChannel, WebhookChannel
from tests.resources.alerts.receiver import CLOSES, Reply, receiver
from tests.resources.alerts.test_message import alert

UI = "http://ui:3000"
TOKEN = "xoxb-000000000000-planted0token"
CHANNEL = "#repair"


def slack(url: str) -> SlackChannel:
    return SlackChannel(TOKEN, CHANNEL, UI, f"{url}/api/")


def test_the_log_has_the_level_of_the_severity(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "repair.alerts")
    channel = LogChannel(UI)
    for status, severity in (("failing", "error"), ("failing", "warning"), ("recovered", "error")):
        channel.send(alert(status, severity=severity), "k")  # type: ignore[arg-type]
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING", "INFO"]
    assert "the check cheat_rate fails" in caplog.text


def test_a_webhook_gets_the_message_with_its_key() -> None:
    with receiver() as there:
        WebhookChannel(f"{there.url}/T1/s3cret", UI).send(alert(), "key-1")
    ((path, headers, _),) = there.requests
    (body,) = there.bodies()
    assert (path, headers[IDEMPOTENCY_KEY], body["id"]) == ("/T1/s3cret", "key-1", "key-1")
    assert body["cause"] == {"kind": "check", "subject": "verified_diffs", "what": "cheat_rate"}
    assert body["url"] in body["text"]


def test_slack_gets_the_message_as_its_client_sends_it() -> None:
    with receiver() as there:
        slack(there.url).send(alert(detail="<!channel> & more"), "key-1")
    ((path, headers, body),) = there.requests
    assert path == "/api/chat.postMessage"
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    sent = (
        json.loads(body)
        if body.startswith("{")
        else {name: values[0] for name, values in parse_qs(body).items()}
    )
    assert sent["channel"] == CHANNEL
    assert "&lt;!channel&gt; &amp; more" in sent["text"], "nobody is called by a stranger's text"
    assert "key-1" in str(sent["metadata"])


@pytest.mark.parametrize("name", ["webhook", "slack"])
@pytest.mark.parametrize(
    ("reply", "said", "wait", "refused"),
    [
        (500, "HTTP 500", None, False),
        ((429, {"Retry-After": "7"}), "HTTP 429", 7.0, False),
        ((429, {"Retry-After": "soon"}), "HTTP 429", None, False),
        (404, "HTTP 404", None, False),
        (413, "HTTP 413", None, True),
        (CLOSES, "", None, False),
    ],
)
def test_a_failure_says_when_to_try_again(
    name: str, reply: Reply, said: str, wait: float | None, refused: bool
) -> None:
    with receiver(reply, ok='{"ok": false, "error": "planted"}') as there:
        channel = WebhookChannel(f"{there.url}/T1/s3cret", UI) if name == "webhook" else slack(there.url)
        with pytest.raises(DeliveryError) as failed:
            channel.send(alert(), "k")
    assert len(there.requests) == 1, "the outbox tries again, nothing else does"
    assert said in str(failed.value)
    assert (failed.value.retry_after_s, failed.value.refused) == (wait, refused)
    assert "s3cret" not in str(failed.value)
    assert TOKEN not in str(failed.value)


@pytest.mark.parametrize(
    ("error", "refused"), [("invalid_auth", False), ("channel_not_found", False), ("msg_too_long", True)]
)
def test_slack_says_no_with_a_200(error: str, refused: bool) -> None:
    with (
        receiver((200, {}, json.dumps({"ok": False, "error": error}))) as there,
        pytest.raises(DeliveryError, match=error) as failed,
    ):
        slack(there.url).send(alert(), "k")
    assert failed.value.refused is refused


@pytest.mark.parametrize("name", ["webhook", "slack"])
def test_nobody_listens(name: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    channel = WebhookChannel(f"{url}/T1/s3cret", UI) if name == "webhook" else slack(url)
    with pytest.raises(DeliveryError) as failed:
        channel.send(alert(), "k")
    assert not failed.value.refused
    assert "s3cret" not in str(failed.value)


def test_an_address_that_is_none_is_a_failure_that_does_not_repeat_it() -> None:
    with pytest.raises(DeliveryError) as failed:
        WebhookChannel("hooks.example/T1/s3cret0planted", UI).send(alert(), "k")
    assert "s3cret0planted" not in str(failed.value)


def test_the_token_is_not_shown() -> None:
    assert TOKEN not in repr(slack("http://x"))
    assert "s3cret" not in repr(WebhookChannel("http://x/s3cret", UI))
