"""A small model of the data of `make model-data`, scored and calibrated: `python -m code_location.model`.

Needs the mixture in the store at REPAIR_HOME, and REPAIR_RECIPE. A training that was stopped or killed goes
on from its last state; answers are decoded once; results that still hold are reused.
"""

import argparse
import sys
from typing import Any

import dagster as dg

from code_location.benchmarks import score
from code_location.definitions import SETTINGS, defs
from code_location.model_data import MIXING
from code_location.partition_runs import CONSOLE, latest, materialize, open_instance
from partitions.keys import Key
from repair.store.reader import PartitionStore
from resources.store import StoreResource
from resources.trainer import TrainerResource


def latest_mixture(store: PartitionStore) -> Key:
    """The date of the latest mixture; raises SystemExit if there is none."""
    return latest(store, "training_mixture", "training mixture: `make model-data` makes one")


def train(key: Key, instance: dg.DagsterInstance) -> None:
    """Train the checkpoint of a date in this process's child, which prints its progress."""
    resources: dict[str, Any] = dict(defs.resources or {})
    trainer: TrainerResource = resources["trainer"]
    config = {
        "training_mixture": {"config": MIXING["training_mixture"]},
        "checkpoint": {"config": {"tensorboard": str(SETTINGS.home / "tensorboard")}},
    }
    CONSOLE.print(
        f"Training {trainer.recipe} on the mixture of {key}; states: {trainer.states}; to watch it:"
        f" tensorboard --logdir {SETTINGS.home / 'tensorboard'}",
        soft_wrap=True,
    )
    shown: dict[str, Any] = {**trainer.model_dump(), "terminal": True}
    result = defs.resolve_job_def("training").execute_in_process(
        instance=instance,
        partition_key=key.dagster(),
        run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}, "ops": config},
        resources={"trainer": TrainerResource(**shown)},
        raise_on_error=False,
    )
    if not result.success:
        raise SystemExit(f"The training failed (run {result.run_id}; `make dev` shows it)")


def main() -> None:
    """Train and score."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    stores: StoreResource = (defs.resources or {})["store"]
    store = stores.store()
    key = latest_mixture(store)
    with open_instance() as instance:
        train(key, instance)
        score(store, key, instance)
        materialize([("calibration", key)], instance, "Calibration")


if __name__ == "__main__":
    sys.exit(main())
