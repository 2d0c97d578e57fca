"""A small code location with the real alert sensors: what fails in it, a test decides by `FAILING`."""

import os

import dagster as dg

from code_location.alerts import ALERT_SENSORS
from resources.alerts.resource import AlertsResource

FAILING: set[str] = set()
"""`check`, `step` or `sensor`; or `check 3`: in the partition 3."""
PLANTED = "q8Zt3LmX0vRk9PwB7nHs"
DAYS = dg.StaticPartitionsDefinition([f"{day}" for day in range(10)])


def fails(what: str, partition: str) -> bool:
    return bool({what, f"{what} {partition}"} & FAILING)


@dg.asset(partitions_def=DAYS, check_specs=[dg.AssetCheckSpec("verified_share", asset="verified_diffs")])
def verified_diffs(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    failed = fails("check", context.partition_key)
    said = f"1 of 10 verify. What to do: look. The row says api_key = '{PLANTED}'"
    result = dg.AssetCheckResult(
        check_name="verified_share",
        passed=not failed,
        description=said,
        severity=dg.AssetCheckSeverity.WARN,
    )
    return dg.MaterializeResult(check_results=[result])


@dg.asset(
    partitions_def=DAYS,
    check_specs=[dg.AssetCheckSpec("no_split_leaks", asset="training_mixture", blocking=True)],
)
def training_mixture(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    if fails("step", context.partition_key):
        raise MemoryError(f"no room for Bearer {PLANTED}") from KeyError("of no interest")
    failed = fails("blocking", context.partition_key)
    return dg.MaterializeResult(
        check_results=[dg.AssetCheckResult(check_name="no_split_leaks", passed=not failed)]
    )


@dg.sensor(name="automation", default_status=dg.DefaultSensorStatus.RUNNING, minimum_interval_seconds=1)
def automation() -> dg.SkipReason:
    if "sensor" in FAILING:
        raise TimeoutError("nobody answers")
    return dg.SkipReason("nothing to do")


defs = dg.Definitions(
    assets=[verified_diffs, training_mixture],
    sensors=[automation, *ALERT_SENSORS],
    executor=dg.in_process_executor,  # what a test decides is known in its own process
    resources={
        "alerts": AlertsResource(
            outbox=os.environ.get("ALERTS_TEST_OUTBOX", "unused"),
            ui_url="http://ui:3000",
            webhook_url=dg.EnvVar("ALERTS_TEST_WEBHOOK"),
        )
    },
)
