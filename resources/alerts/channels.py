"""Alert channels: log, webhook, Slack. Each delivers one message, or says when to try again."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from repair.credentials import Credentials, origin
from repair.extras import extra
from resources.alerts.message import Alert

TIMEOUT_S = 10.0
IDEMPOTENCY_KEY = "Idempotency-Key"
_ABOUT_THE_MESSAGE = frozenset({400, 413, 422})
_SLACK_SHOWN = 80


class DeliveryError(Exception):
    """A message was not delivered, or it is not known whether it was.

    `retry_after_s`: what the receiver asks to wait. `refused`: this message is what it does not take, so that
    others need not wait for it. The text holds no secret.
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None, refused: bool = False) -> None:
        super().__init__(message)
        self.retry_after_s, self.refused = retry_after_s, refused


class Channel(Protocol):
    """Where alerts go. `name` is that of its rows in the outbox."""

    @property
    def name(self) -> str: ...

    def send(self, alert: Alert, key: str) -> None:
        """Delivers it; `key` is the same whenever the same message is sent. Raises DeliveryError."""
        ...


@dataclass(frozen=True, slots=True)
class LogChannel:
    """The log of the code location, at the level of the severity."""

    ui_url: str
    log: Callable[[int, str], None] = logging.getLogger("repair.alerts").log
    name = "log"

    def send(self, alert: Alert, key: str) -> None:
        level = logging.ERROR if alert.severity == "error" else logging.WARNING
        self.log(logging.INFO if alert.status == "recovered" else level, alert.text(self.ui_url))


@dataclass(frozen=True, slots=True)
class WebhookChannel:
    """POST of JSON. The header `Idempotency-Key` has the message's key, as `id` in the JSON."""

    url: str
    ui_url: str
    name = "webhook"

    def __repr__(self) -> str:
        return f"WebhookChannel({origin(self.url)!r})"

    def send(self, alert: Alert, key: str) -> None:
        import httpx

        try:
            with httpx.Client(timeout=TIMEOUT_S, follow_redirects=False) as client:
                body = alert.body(self.ui_url, key)
                response = client.post(self.url, json=body, headers={IDEMPOTENCY_KEY: key})
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise DeliveryError(self._masked(f"webhook: {type(error).__name__}: {error}")) from None
        if not response.is_success:
            raise _refusal("webhook", response.status_code, response.headers.get("Retry-After"))

    def _masked(self, text: str) -> str:
        return Credentials(urls=[self.url]).mask(text)


@dataclass(frozen=True, slots=True)
class SlackChannel:
    """`chat.postMessage` by Slack's own client, as a bot with the scope `chat:write`."""

    token: str
    channel: str
    ui_url: str
    base_url: str = "https://slack.com/api/"
    token_variable: str = ""
    """Where the token is from, for the message that there is none."""
    name = "slack"

    def __repr__(self) -> str:
        return f"SlackChannel({self.channel!r})"

    def send(self, alert: Alert, key: str) -> None:
        if not self.token:
            raise DeliveryError(f"slack: the environment variable {self.token_variable} has no token")
        with extra("slack"):
            from slack_sdk import WebClient
            from slack_sdk.errors import SlackApiError, SlackClientError

        # Its own retries would send a message twice: the outbox has them.
        client = WebClient(self.token, base_url=self.base_url, timeout=int(TIMEOUT_S), retry_handlers=[])
        metadata: dict[str, Any] = {"event_type": "repair_alert", "event_payload": {"id": key}}
        text = _escaped(alert.text(self.ui_url))
        try:
            client.chat_postMessage(channel=self.channel, text=text, metadata=metadata, unfurl_links=False)
        except SlackApiError as error:
            headers = {str(name).lower(): value for name, value in error.response.headers.items()}
            said = Credentials([self.token]).mask(str(error.response.get("error", "")))[:_SLACK_SHOWN]
            raise _refusal("slack", error.response.status_code, headers.get("retry-after"), said) from None
        except (SlackClientError, OSError) as error:
            said = Credentials([self.token]).mask(f"slack: {type(error).__name__}: {error}")
            raise DeliveryError(said) from None


def _refusal(name: str, status: int, retry_after: str | None, said: str = "") -> DeliveryError:
    """What a status means. Only one that is about the message itself lets others pass it by."""
    what = f"{name}: HTTP {status}" + (f" {said}" if said else "")
    wait = float(retry_after) if retry_after and retry_after.isdecimal() else None
    refused = status in _ABOUT_THE_MESSAGE or said == "msg_too_long"
    return DeliveryError(what, retry_after_s=wait, refused=refused)


def _escaped(text: str) -> str:
    """Slack's mark-up has three control characters."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
