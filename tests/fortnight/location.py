"""The code location as the fortnight's daemon loads it: three diagnostic types, sensors that look often.

Its assets, conditions, jobs and resources are those of `code_location.definitions`. The sensor `desk` asks
for what a person would: each file of `$REPAIR_HOME/requests` is a run.
"""

import json
from typing import Any

import dagster as dg

from code_location.definitions import JOBS, SETTINGS
from code_location.definitions import defs as real

EVERY_S = 5
REQUESTS = SETTINGS.home / "requests"


@dg.sensor(jobs=[JOBS["teacher"], JOBS["diagnostics"]])
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
    sensor._min_interval = EVERY_S
    return sensor


defs = dg.Definitions(
    assets=real.assets,
    jobs=real.jobs,
    sensors=[awake(sensor) for sensor in (*(real.sensors or ()), desk)],
    resources=real.resources,
    executor=real.executor,
)
