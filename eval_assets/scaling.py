"""Scaling study: models trained on nested subsets of one mixture and scored, and the page with its plots."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import Any

import dagster as dg
import pyarrow as pa

from eval_assets.scaled_models import ScaledModels
from eval_assets.self_taught import OwnAnswers, questions_of
from partitions.keys import RECIPE_AND_SIZE, Key
from partitions.mappings import ALL_TYPES
from partitions.types import DIAGNOSTIC_TYPES
from repair.evaluation.leetcode.functional import judged, judged_strictly
from repair.evaluation.predictions import predict
from repair.evaluation.reports.scaling import pictures, render
from repair.evaluation.scaling import (
    BENCHMARKS,
    METRICS,
    SCALING_POINTS,
    SCALING_RESULTS,
    scaling_points,
)
from repair.evaluation.scoring import scores
from repair.models.model import Sampling
from repair.prompt.sentinels import PROMPT_VERSION
from repair.prompt.variants import WHOLE_FILE
from repair.store.manifest import Manifest
from repair.store.reader import PartitionStore
from repair.store.writer import PartitionWriter
from repair.training.export import versions
from repair.training.recipe import Pretrained
from repair.training.recipes import load_recipe
from repair.training.scaling import SCALED
from repair_assets.benchmarks import leetcode_benchmark
from resources.benchmark_data import HINT
from resources.checks import check_specs
from resources.language_servers import LanguageServersResource
from resources.pools import GPU
from resources.reporting import page, picture
from resources.stages import Input, Stage, stored_inputs
from resources.store import StoreResource
from resources.trainer import DECODING, TrainerResource
from training_assets.training_mixture import training_mixture

PAGE = "scaling.html"
RESULTS, BENCHMARK, MIXTURE = "scaling_results", "leetcode_benchmark", "training_mixture"
COMPARED_VERSIONS = ("prompt", "pyright", "ruff")


class Scaling(dg.Config):
    """The data of a point, equal for all that are compared."""

    mixture: str = ""
    """Date of the mixture; empty: the newest that is stored."""
    seed: int = 17
    """Of the order in which examples are taken from it."""
    overrides: dict[str, Any] = {}  # noqa: RUF012  (Dagster copies the default)
    """Of the recipe, besides the model's own size."""
    max_new_tokens: int = 256


@dg.asset(
    partitions_def=RECIPE_AND_SIZE,
    deps=[
        dg.AssetDep(training_mixture, partition_mapping=dg.AllPartitionMapping()),
        dg.AssetDep(leetcode_benchmark, partition_mapping=ALL_TYPES),
    ],
    check_specs=check_specs(RESULTS, RECIPE_AND_SIZE),
    group_name="evaluation",
    kinds={"pytorch", "parquet"},
    pool=GPU,
)
def scaling_results(
    context: dg.AssetExecutionContext,
    config: Scaling,
    store: StoreResource,
    language_servers: LanguageServersResource,
    trainer: TrainerResource,
) -> dg.MaterializeResult:
    """Scores of one model after so many training examples: a greedy answer to each reported LeetCode sample.

    1,000 examples contain the 300; 0 is the base without training. Weights are not stored: a point is read
    for its scores and never released, and its manifest names what trains it again. A run that was killed
    goes on: the training from its last state, the decoding from its log. Made on demand.
    """
    opened, key = store.store(), Key.of(context)
    scaled, size = SCALED[key.recipe or ""], int(key.size or 0)
    overrides = {**scaled.overrides, **config.overrides}
    recipe = load_recipe(scaled.recipe, overrides)
    benchmarks = [Input(BENCHMARK, Key(None, kind)) for kind in DIAGNOSTIC_TYPES.get_partition_keys()]
    mixtures = [_mixture(opened, config.mixture)] if size else []
    questions = questions_of(opened, mixtures[0]) if size and scaled.asked_of_itself else []
    settings = config.model_dump(include={"seed", "max_new_tokens"})
    stage = Stage(
        context=context,
        store=opened,
        inputs=[*benchmarks, *mixtures, *questions],
        schema=SCALING_RESULTS,
        configuration={
            "recipe": recipe.as_dict(),
            "answer_format": scaled.answer_format,
            "variant": scaled.variant,
            "asked_of_itself": scaled.asked_of_itself,
            **settings,
        },
        versions={"prompt": PROMPT_VERSION, **language_servers.versions(), **versions()},
        runs=[DECODING],
        without=[] if questions else [f"{OwnAnswers.__module__}:{OwnAnswers.__name__}"],
    )
    for mixture in mixtures:
        _refuse_other_benchmarks(stage, mixture, benchmarks)
    asked = _samples_asked(stage)
    sampling = Sampling(temperature=0, max_new_tokens=config.max_new_tokens)
    models = ScaledModels(
        stage=stage,
        trainer=trainer,
        language_servers=language_servers,
        scaled=replace(scaled, overrides=overrides),
        sampling=sampling,
    )

    def work(writer: PartitionWriter) -> dict[str, Any]:
        samples = [row for row in stage.records(BENCHMARK) if row["benchmark"] in BENCHMARKS]
        opening = models.trained(mixtures[0], size, config.seed) if size else nullcontext(models.base())
        with opening as made:
            answers = [row for batch in predict(samples, made.model) for row in batch.to_pylist()]
            columns = {
                "recipe": key.recipe,
                "size": size,
                "pretrained": isinstance(recipe.base, Pretrained),
                **made.figures(),
            }
            found = scores(
                samples,
                answers,
                language_servers.servers(),
                judged,
                judged_strictly,
                anywhere=scaled.variant == WHOLE_FILE,
                answers_are=scaled.answer_format,
            )
            for batch in found:
                rows = [{**row, **columns} for row in batch.to_pylist()]
                writer.write("data", pa.RecordBatch.from_pylist(rows, schema=SCALING_RESULTS))
        return {"training": made.result}

    return stage.materialize(
        work,
        rows_in=asked,
        metadata=partial(_figures, opened),
    )


def _mixture(store: PartitionStore, date: str) -> Input:
    """The stored mixture of a date, or the newest one."""
    wanted = f"of {date}" if date else "yet"
    missing = f"there is no {MIXTURE} {wanted} to train on; `make model-data` makes one"
    return stored_inputs(store, MIXTURE, lambda key: not date or key.date == date, missing=missing)[-1]


def _samples_asked(stage: Stage) -> int:
    """How many samples are answered; dagster.Failure where there are none, before hours are spent."""
    names = [
        name for batch in stage.rows(BENCHMARK, ["benchmark"]) for name in batch["benchmark"].to_pylist()
    ]
    if not (asked := sum(name in BENCHMARKS for name in names)):
        raise dg.Failure(
            f"{BENCHMARK} has no samples to answer: {HINT}, and materialize it, then the mixture, again",
            allow_retries=False,
        )
    return asked


def _refuse_other_benchmarks(stage: Stage, mixture: Input, benchmarks: list[Input]) -> None:
    """Raises dagster.Failure where the mixture was decontaminated against another benchmark."""
    manifests = stage.manifests()
    against = manifests[str(mixture)].inputs
    for source in benchmarks:
        if against.get(str(source)) != manifests[str(source)].data_version:
            raise dg.Failure(
                f"{mixture} was made against another {source} than is stored, so that samples may be in it;"
                " materialize it again first",
                allow_retries=False,
            )


def _figures(store: PartitionStore, manifest: Manifest) -> dict[str, Any]:
    rows = store.table(manifest.asset, manifest.partition, manifest=manifest).to_pylist()
    shares = {
        f"{point['benchmark']}_{metric}": point[metric] / point["n"]
        for point in scaling_points(rows)
        for metric in METRICS
    }
    training = {
        name: value
        for name, value in (manifest.extra["training"] or {}).items()
        if isinstance(value, int | float)
    }
    return {**training, **shares}


@dg.asset(
    deps=[dg.AssetDep(scaling_results, partition_mapping=dg.AllPartitionMapping())],
    check_specs=check_specs("scaling_page", None),
    group_name="evaluation",
    kinds={"html"},
)
def scaling_page(context: dg.AssetExecutionContext, store: StoreResource) -> dg.MaterializeResult:
    """Scaling by data and by parameters: two plots and a table, with intervals and McNemar's test.

    Of all stored `scaling_results` but the ablations', which have to be of one mixture, seed and release
    of the benchmark. A row is one point; a pretrained model is marked apart from those trained from scratch.
    Made on demand.
    """
    opened = store.store()
    stored = stored_inputs(
        opened,
        RESULTS,
        lambda key: SCALED[key.recipe or ""].beside is None,
        missing=f"there are no {RESULTS} yet; materialize some sizes of a recipe first",
    )
    stage = Stage(context=context, store=opened, inputs=stored, schema=SCALING_POINTS)
    _refuse_different_data(stage.manifests())
    points = scaling_points(stage.records(RESULTS))

    def work(writer: PartitionWriter) -> None:
        writer.write("data", pa.Table.from_pylist(points, schema=SCALING_POINTS))
        writer.write_bytes(PAGE, render(points).encode())

    return stage.materialize(
        work,
        rows_in=len(points),
        metadata=lambda _: {
            "page": page(opened.file_uri("scaling_page", stage.key.segments(), PAGE)),
            **{name: picture(png, name) for name, png in pictures(points).items()},
        },
    )


def _refuse_different_data(manifests: Mapping[str, Manifest]) -> None:
    """Raises dagster.Failure where two points can't be compared; the newest one is taken for right."""
    newest = max(manifests, key=lambda name: manifests[name].created)
    for name, manifest in manifests.items():
        compared, own = _made_of(manifests[newest]), _made_of(manifest)
        different = sorted(part for part in compared.keys() & own.keys() if compared[part] != own[part])
        if different:
            raise dg.Failure(
                f"{name} and {newest} can't be compared, they differ in {', '.join(different)}: materialize"
                " the older one again",
                allow_retries=False,
            )


def _made_of(manifest: Manifest) -> dict[str, Any]:
    """What all points have to share, as far as one has it: a base has no mixture."""
    recipe = f"settings of {manifest.partition['recipe']}"
    return {
        **manifest.inputs,
        **{name: manifest.versions.get(name) for name in COMPARED_VERSIONS},
        **{name: manifest.configuration[name] for name in ("seed", "max_new_tokens")},
        recipe: manifest.configuration["recipe"],
    }
