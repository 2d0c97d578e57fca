"""The dimension of time: UTC windows of a day, a week or a month.

The cadence and the first date belong to the deployment, and Dagster fixes partitions when the code
location loads: so they come from the environment, `REPAIR_CADENCE` (`daily`, the default, `weekly`
or `monthly`: a ten-year git history is 120 months and not 3,650 days) and `REPAIR_FIRST_DATE`.

Tested by `tests/partitions/test_partitions.py`.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal, Self

import dagster as dg
from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from repair.configuration import Expected, configuration_error

PREFIX = "REPAIR_"
DEFAULT_FIRST_DATE = date(2026, 1, 5)
LOOKBACK = 7
"""Latest date partitions that are still made, or tried again, without a person or a backfill."""

_DEFINITIONS = {
    "daily": dg.DailyPartitionsDefinition,
    "weekly": dg.WeeklyPartitionsDefinition,
    "monthly": dg.MonthlyPartitionsDefinition,
}


def _date(value: Any) -> Any:
    """Only the written form is read: pydantic also takes seconds since 1970."""
    return (
        datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=UTC).date() if isinstance(value, str) else value
    )


class DateSettings(BaseSettings):
    """Which date partitions there are; the rest of the deployment's settings is in `resources.settings`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True)

    cadence: Annotated[Literal["daily", "weekly", "monthly"], Expected("one of daily, weekly, monthly")] = (
        Field(default="daily", description="`daily`, `weekly` or `monthly` partitions")
    )
    first_date: Annotated[date, BeforeValidator(_date), Expected("YYYY-MM-DD")] = Field(
        default=DEFAULT_FIRST_DATE,
        description="a day of the first partition (the week from Sunday, or"
        " the month, that it is in); what was recorded before is left out, and told",
    )

    @classmethod
    def load(cls) -> Self:
        """The settings that the environment holds; raises `ConfigurationError` on a bad value."""
        try:
            return cls()
        except ValidationError as error:
            raise configuration_error(error, cls, name=cls.variable) from None

    @classmethod
    def variable(cls, field: str) -> str:
        """The environment variable of a field."""
        return f"{PREFIX}{field.upper()}"

    def first_day(self) -> date:
        """The first day of the window that `first_date` is in: Dagster itself begins with the next one.

        Weeks begin on Sunday, as Dagster's do.
        """
        if self.cadence == "weekly":
            return self.first_date - timedelta(days=self.first_date.isoweekday() % 7)
        return self.first_date.replace(day=1) if self.cadence == "monthly" else self.first_date

    def partitions(self) -> dg.TimeWindowPartitionsDefinition:
        """The date partitions that these settings ask for; `first_date` is in the first of them."""
        return _DEFINITIONS[self.cadence](start_date=self.first_day().isoformat(), timezone="UTC")

    def lookback(self) -> timedelta:
        """The length of the latest `LOOKBACK` windows; some days more where months are shorter."""
        return LOOKBACK * timedelta(days={"daily": 1, "weekly": 7, "monthly": 31}[self.cadence])


_SETTINGS = DateSettings.load()
DATES = _SETTINGS.partitions()
RECENT = _SETTINGS.lookback()


def window(date: str) -> tuple[datetime, datetime]:
    """The UTC instants [start, end) of the date partition `date`."""
    found = DATES.time_window_for_partition_key(date)
    return found.start.astimezone(UTC), found.end.astimezone(UTC)


def dates_between(first: datetime, last: datetime) -> list[str]:
    """Keys of the date partitions that hold an instant of [first, last], in order."""
    return [key for key in DATES.get_partition_keys() if window(key)[1] > first and window(key)[0] <= last]


def days_before_the_first(days: Iterable[date]) -> list[date]:
    """The days before the first partition, in order: no run reads them."""
    return sorted(day for day in days if day < _SETTINGS.first_day())


def last_dates(date: str, count: int) -> list[str]:
    """Keys of the partition `date` and of the `count` - 1 before it, as far as there are any, in order."""
    keys = DATES.get_partition_keys()
    stop = keys.index(date) + 1
    return list(keys[max(0, stop - count) : stop])
