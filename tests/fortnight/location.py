"""The code location as the fortnight's daemon loads it: three diagnostic types, sensors that look often.

Its assets, conditions, jobs and resources are those of `code_location.definitions`. The sensor `desk` asks
for what a person would: each file of `$REPAIR_HOME/requests` is a run.
"""

import json
from typing import Any

import dagster as dg

from code_location import definitions as deployed  # a module's Definitions must be the only ones in it

EVERY_S, AUTOMATION_EVERY_S = 10, 30
REQUESTS = deployed.SETTINGS.home / "requests"


@dg.sensor(jobs=[deployed.JOBS["teacher"], deployed.JOBS["diagnostics"]])
def desk(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """A run for each request, once."""
    return dg.SensorResult(
        [
            dg.RunRequest(run_key=path.name, **json.loads(path.read_text()))
            for path in sorted(REQUESTS.glob("*.json"))
        ]
    )


def awake(sensor: Any) -> Any:
    """The sensor, on from the start."""
    sensor._default_status = dg.DefaultSensorStatus.RUNNING
    sensor._min_interval = AUTOMATION_EVERY_S if sensor.name == "automation" else EVERY_S
    return sensor


defs = dg.Definitions(
    assets=deployed.defs.assets,
    asset_checks=deployed.defs.asset_checks,  # the jobs select by them
    jobs=deployed.defs.jobs,
    sensors=[awake(sensor) for sensor in (*(deployed.defs.sensors or ()), desk)],
    resources=deployed.defs.resources,
    executor=deployed.defs.executor,
)
