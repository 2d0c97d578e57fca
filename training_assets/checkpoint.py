"""Fine-tuned checkpoint, trained in a child process.

Tested by `tests/eval_assets/test_eval_results.py`.
"""

import json
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg

from partitions.dates import DATES
from partitions.keys import Key
from repair.models.made_by import read_made_by
from repair.prompt.sentinels import PROMPT_VERSION
from repair.store.manifest import Manifest
from repair.store.reader import PartitionStore
from repair.store.writer import PartitionWriter
from repair.training.accounting import READS, TRAINED, trained_and_rejected
from repair.training.export import METRICS, versions
from resources.checks import Checked, CheckVerdict, PartitionCheck, check_specs
from resources.pools import GPU
from resources.reporting import picture
from resources.stages import Input, Stage
from resources.store import StoreResource
from resources.stored_checkpoint import CHECKPOINT
from resources.trainer import TrainerResource
from training_assets.training_mixture import training_mixture


def _loss_falls(checked: Checked) -> CheckVerdict:
    result = checked.manifest.extra["result"]
    first, last = result["first_loss"], result["last_loss"]
    return CheckVerdict(last < first, f"from {first:.3f} to {last:.3f}", {"first": first, "last": last})


CHECKS = (PartitionCheck("loss_falls", _loss_falls),)


class Training(dg.Config):
    """Overrides of the recipe, and where its logs go."""

    overrides: dict[str, Any] = {}  # noqa: RUF012  (Dagster copies the default)
    tensorboard: str = ""
    """Folder for logs that TensorBoard reads; empty: none are written."""


@dg.asset(
    partitions_def=DATES,
    deps=[training_mixture],
    check_specs=check_specs("checkpoint", DATES, CHECKS),
    group_name="training",
    kinds={"pytorch", "huggingface"},
    pool=GPU,
)
def checkpoint(
    context: dg.AssetExecutionContext, config: Training, store: StoreResource, trainer: TrainerResource
) -> dg.MaterializeResult:
    """The model in Hugging Face format, with its provenance as JSON.

    The training is a child process that reports its losses while it runs. Do not choose between
    checkpoints by evaluation loss: it rises with model size while the repair rate rises too.
    """
    opened = store.store()
    mixture = Input("training_mixture", Key.of(context))
    recipe = {"recipe": trainer.recipe, "overrides": config.overrides}
    stage = Stage(
        context=context,
        store=opened,
        inputs=[mixture],
        schema=TRAINED,
        configuration=recipe,
        versions={"prompt": PROMPT_VERSION, **versions()},
        checks=CHECKS,
    )
    _refuse_empty(stage, mixture)

    def work(writer: PartitionWriter) -> dict[str, Any]:
        segments = mixture.key.segments()
        with trainer.exchange() as folder:
            out = Path(folder, CHECKPOINT)
            locations = {"mixture_uri": opened.uri(mixture.asset, segments), "output_dir": str(out)}
            extras = {**recipe, **locations, "tensorboard": config.tensorboard}
            # named here, so that the asset's digest reaches the program
            trainer.train(context, "code_location.train_main", extras)
            made_by = read_made_by(out)
            writer.write_tree(out, CHECKPOINT)
        manifest = stage.manifests()[str(mixture)]
        rows = opened.table(mixture.asset, segments, columns=list(READS), manifest=manifest)
        trained, rejects = trained_and_rejected(rows, set(made_by["left_out_too_long"]))
        writer.write("data", trained)
        writer.write_rejects(rejects)
        return {"result": made_by["result"]}

    return stage.materialize(work, metadata=partial(_losses, opened))


def _refuse_empty(stage: Stage, mixture: Input) -> None:
    mixed = stage.manifests()[str(mixture)]
    if not mixed.rows_out:
        raise dg.Failure(
            f"{mixture} holds no example ({mixed.rows_in} came in, rejected: {mixed.rejects or 'none'}), so"
            " there is nothing to train on. Import more projects: one is on one side of the split as a whole",
            allow_retries=False,
        )


def _losses(store: PartitionStore, manifest: Manifest) -> dict[str, Any]:
    """The loss curve as a picture, and the figures of the training."""
    from repair.evaluation.reports.plots import loss_curve

    metrics = store.read_bytes(
        manifest.asset, manifest.partition, f"{CHECKPOINT}/{METRICS}", manifest=manifest
    )
    lines = metrics.splitlines()
    figures = manifest.extra["result"]
    return {
        "loss_curve": picture(loss_curve([json.loads(line) for line in lines]), "loss by batch"),
        **{name: value for name, value in figures.items() if isinstance(value, int | float | str)},
    }
