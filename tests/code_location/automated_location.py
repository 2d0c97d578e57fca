"""A code location of two assets with the real conditions and the real kind of sensor; nothing runs in it."""

import warnings

import dagster as dg

from code_location.automation import ResumedAutomation, conditions
from partitions.dates import DATES
from repair_assets.recorded_days import recorded_days


@dg.asset(partitions_def=DATES, deps=[recorded_days], automation_condition=conditions(7)["session_events"])
def session_events() -> None:
    """Asked for, and never made."""


with warnings.catch_warnings():
    warnings.simplefilter("ignore", dg.BetaWarning)
    sensor = ResumedAutomation(
        "automation",
        target=dg.AssetSelection.all(),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=1,
        emit_backfills=False,
        use_user_code_server=True,
    )

defs = dg.Definitions(assets=[recorded_days, session_events], sensors=[sensor])
