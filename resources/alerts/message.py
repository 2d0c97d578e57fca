"""Alert messages: one cause, what is wrong with it and what to do, and a link into the UI.

What is quoted (an exception, a verdict about a stranger's text) is redacted as the training data is, and the
values of the environment variables that hold this deployment's keys are masked.
"""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal
from urllib.parse import quote

from repair.credentials import Credentials
from repair.curation.privacy import Redactor
from repair.messages import printable

Status = Literal["failing", "still failing", "recovered"]
Kind = Literal["check", "step", "run", "backfill", "automation"]

LONGEST = 1_000
"""Characters that are quoted of a verdict or an exception."""
_READ = 20_000
_NAMED = 5
_TELLING = ("KEY", "TOKEN", "SECRET", "PASSWORD", "WEBHOOK", "_URL", "DSN", "SHARED_STATE")


@dataclass(frozen=True, slots=True, order=True)
class Cause:
    """What alerts are grouped by: a check of an asset, an error of a step, run or backfill, a sensor."""

    kind: Kind
    subject: str
    """The asset, the job, or the sensor or schedule."""
    what: str
    """The check, or the class of the error."""

    @property
    def key(self) -> str:
        return json.dumps([self.kind, self.subject, self.what])

    def __str__(self) -> str:
        match self.kind:
            case "check":
                return f"{self.subject}: the check {self.what} fails"
            case "step":
                return f"{self.subject} fails: {self.what}"
            case "run":
                return f"a run of {self.subject} fails: {self.what}"
            case "backfill":
                return f"a backfill of {self.subject} fails: {self.what}"
            case "automation":
                return f"{self.subject} does not work: {self.what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One message, as it is stored in the outbox and given to a channel."""

    status: Status
    severity: str
    """`error` or `warning`."""
    cause: Cause
    partitions: Sequence[str]
    """Those that fail, or that recovered; of many some."""
    count: int
    detail: str
    """Redacted."""
    path: str
    """In the UI."""

    def title(self) -> str:
        return f"[{'recovered' if self.status == 'recovered' else self.severity}] {self.cause}"

    def text(self, ui_url: str) -> str:
        """The message for people."""
        lines = [self.title(), *([self.detail] if self.status != "recovered" and self.detail else [])]
        if where := self._where():
            lines.append(where)
        return "\n".join([*lines, self.url(ui_url)])

    def url(self, ui_url: str) -> str:
        return f"{ui_url.rstrip('/')}{self.path}"

    def _where(self) -> str:
        named = ", ".join(self.partitions)
        more = f" and {self.count - len(self.partitions)} more" if self.count > len(self.partitions) else ""
        match self.status:
            case "recovered":
                return f"All that failed is right again: {named}{more}." if named else "It is right again."
            case "still failing":
                return f"New since the last message: {named}{more}." if named else "It still fails."
            case "failing":
                return (
                    f"{named}{more}. What else fails in the same way is not told one by one." if named else ""
                )

    def body(self, ui_url: str, key: str) -> dict[str, Any]:
        """The message for programs. `text` is what Slack's and Mattermost's incoming webhooks show."""
        return {
            "id": key,
            "status": self.status,
            "severity": self.severity,
            "cause": asdict(self.cause),
            "partitions": list(self.partitions),
            "count": self.count,
            "detail": self.detail,
            "url": self.url(ui_url),
            "text": self.text(ui_url),
        }

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Alert":
        row: dict[str, Any] = json.loads(text)
        row["cause"] = Cause(**row["cause"])
        return cls(**row)


def some(partitions: Iterable[str]) -> list[str]:
    """The first few, in order."""
    return sorted(partition for partition in partitions if partition)[:_NAMED]


def safe(text: str, environment: Mapping[str, str] | None = None) -> str:
    """A text that may be shown outside: no secret in it, nothing unprintable, and not too long."""
    own = os.environ if environment is None else environment
    secrets = [value for name, value in own.items() if any(part in name.upper() for part in _TELLING)]
    addresses = [value for value in secrets if "://" in value]
    masked = Credentials(secrets, addresses, unmistakable=True).mask(text[:_READ])
    shown = printable(Redactor().redact(masked, python=False)).strip()
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 1]}…"


def check_path(asset: str, check: str) -> str:
    return f"/assets/{quote(asset)}?view=checks&checkDetail={quote(check)}"


def run_path(run_id: str) -> str:
    return f"/runs/{quote(run_id)}"


def backfill_path(backfill_id: str) -> str:
    return f"/runs/b/{quote(backfill_id)}"
