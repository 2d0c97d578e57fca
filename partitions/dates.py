"""The dimension of time: UTC windows of a day, a week or a month.

The cadence and the first date belong to the deployment, and Dagster fixes partitions when the code
location loads: so they come from the environment, `REPAIR_CADENCE` (`daily`, the default, `weekly`
or `monthly`: a ten-year git history is 120 months and not 3,650 days) and `REPAIR_FIRST_DATE`.
"""

import os
from collections.abc import Mapping
from datetime import UTC, datetime

import dagster as dg

from repair.errors import ConfigurationError

CADENCES = {
    "daily": dg.DailyPartitionsDefinition,
    "weekly": dg.WeeklyPartitionsDefinition,
    "monthly": dg.MonthlyPartitionsDefinition,
}
DEFAULT_FIRST_DATE = "2026-01-05"


def dates_from(environment: Mapping[str, str]) -> dg.TimeWindowPartitionsDefinition:
    """The date partitions that `REPAIR_CADENCE` and `REPAIR_FIRST_DATE` ask for.

    Raises:
        ConfigurationError: the cadence is unknown, or the date is not written as YYYY-MM-DD.
    """
    cadence = environment.get("REPAIR_CADENCE", "daily")
    if cadence not in CADENCES:
        raise ConfigurationError(f"REPAIR_CADENCE is {cadence!r}; expected one of {', '.join(CADENCES)}")
    first = environment.get("REPAIR_FIRST_DATE", DEFAULT_FIRST_DATE)
    try:
        datetime.strptime(first, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise ConfigurationError(f"REPAIR_FIRST_DATE is {first!r}; expected YYYY-MM-DD") from error
    return CADENCES[cadence](start_date=first, timezone="UTC")


DATES = dates_from(os.environ)


def window(date: str) -> tuple[datetime, datetime]:
    """The UTC instants [start, end) of the date partition `date`."""
    found = DATES.time_window_for_partition_key(date)
    return found.start.astimezone(UTC), found.end.astimezone(UTC)


def dates_between(first: datetime, last: datetime) -> list[str]:
    """Keys of the date partitions that hold an instant of [first, last], in order."""
    return [key for key in DATES.get_partition_keys() if window(key)[1] > first and window(key)[0] <= last]
