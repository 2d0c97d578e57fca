"""Dagster resource of the alerts: which channels there are, and where their outbox lies.

Tested by `tests/code_location/test_alerts.py`.
"""

import os
from pathlib import Path

import dagster as dg
from pydantic import Field

from repair.errors import ConfigurationError
from resources.alerts.channels import Channel, LogChannel, SlackChannel, WebhookChannel
from resources.alerts.outbox import Outbox

SLACK_API = "https://slack.com/api/"


class AlertsResource(dg.ConfigurableResource[None]):
    """Channels by their settings; the log is always one."""

    outbox: str
    """The file of messages that are not delivered yet."""
    ui_url: str
    """The address of Dagster's UI, as those who read the messages reach it."""
    webhook_url: str | None = Field(default=None, repr=False)
    slack_channel: str = ""
    slack_token_variable: str = ""
    """The environment variable that holds the bot's token."""
    slack_url: str = SLACK_API

    def channels(self) -> list[Channel]:
        """Raises ConfigurationError: Slack's channel is named, and no token is there."""
        found: list[Channel] = [LogChannel(self.ui_url)]
        if self.webhook_url:
            found.append(WebhookChannel(self.webhook_url, self.ui_url))
        if self.slack_channel:
            token = os.environ.get(self.slack_token_variable, "")
            if not token:
                raise ConfigurationError(
                    f"alerts go to Slack's channel {self.slack_channel}, and the environment variable "
                    f"{self.slack_token_variable or '(REPAIR_ALERT_SLACK_TOKEN_VARIABLE)'} has no token"
                )
            found.append(SlackChannel(token, self.slack_channel, self.ui_url, self.slack_url))
        return found

    def open(self) -> Outbox:
        """The outbox, ready to use."""
        return Outbox(Path(self.outbox))
