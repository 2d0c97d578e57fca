"""Dagster resource of the alerts: which channels there are, and where their outbox lies.

Tested by `tests/code_location/test_alerts.py`.
"""

import os
from pathlib import Path

import dagster as dg
from pydantic import Field

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
        """The log, and those that are set."""
        found: list[Channel] = [LogChannel(self.ui_url)]
        if self.webhook_url:
            found.append(WebhookChannel(self.webhook_url, self.ui_url))
        if self.slack_channel:
            variable = self.slack_token_variable
            found.append(
                SlackChannel(
                    token=os.environ.get(variable, ""),
                    channel=self.slack_channel,
                    ui_url=self.ui_url,
                    base_url=self.slack_url,
                    token_variable=variable,
                )
            )
        return found

    def open(self) -> Outbox:
        """The outbox, ready to use."""
        return Outbox(Path(self.outbox))
