"""Answers of a date's models to the frozen benchmarks."""

from collections import Counter
from typing import Any

import dagster as dg

from eval_assets.models import FEW_SHOT, MODEL, ChosenModels, OpenedModels
from partitions.dates import DATES
from partitions.keys import Key
from partitions.mappings import ALL_TYPES
from partitions.types import DIAGNOSTIC_TYPES
from repair.evaluation.benchmark import PREDICTIONS
from repair.evaluation.predictions import predict
from repair.models.model import Sampling
from repair.prompt.sentinels import PROMPT_VERSION
from repair.store.manifest import Manifest
from repair.store.writer import PartitionWriter
from repair.synthesis.rules import RULES
from repair_assets.benchmarks import BENCHMARKS, leetcode_benchmark, workspace_benchmark
from repair_assets.few_shot_examples import few_shot_examples
from resources.checks import Checked, CheckVerdict, PartitionCheck, check_specs
from resources.language_models import LanguageModelResource
from resources.language_servers import LanguageServersResource
from resources.pools import GPU
from resources.stages import Input, Stage
from resources.store import StoreResource
from resources.trainer import DECODING, TrainerResource
from training_assets.checkpoint import checkpoint


class Answering(dg.Config):
    """Which models answer, and how their answers are drawn."""

    models: list[str] = [MODEL, "history", "empty", RULES]  # noqa: RUF012  (Dagster copies the default)
    """`model` (the date's checkpoint), `base` (what it was trained from), `history`, `empty`, `rules`;
    `0-shot`, `1-shot` or `2-shot`: the configured language model with so many worked examples, and
    `openai/gpt-4o 0-shot` another one with the same key and address."""
    answers: int = 1
    """Answers of each model to each sample."""
    temperature: float = 0.1
    top_p: float = 0.95
    top_k: int = 50
    """Sent to a language model where its API has it."""
    search: bool = False
    """Instead of draws, and with a temperature of 0: a checkpoint's likeliest answers that change something,
    by best-first search, as `repair fix` shows them."""
    seed: int = 17
    max_new_tokens: int = 256
    """Of a checkpoint's answer; a language model's `max_tokens` is its resource's."""

    def sampling(self) -> Sampling:
        """Raises ConfigurationError on a setting that can't be, or several answers that would be equal."""
        sampling = Sampling(**self.model_dump(exclude={"models", "answers"}))
        sampling.check_answers(self.answers)
        return sampling


def _answered(checked: Checked) -> CheckVerdict:
    failed: dict[str, int] = checked.manifest.extra["questions_failed"]
    said = ", ".join(f"{system}: {count}" for system, count in failed.items())
    if failed:
        said = f"no answer to some questions ({said}), which count as wrong"
    count = sum(failed.values())
    return CheckVerdict(count <= checked.limit, said or "every question got an answer", {"failed": count})


CHECKS = (PartitionCheck("answered", _answered),)


@dg.asset(
    partitions_def=DATES,
    deps=[
        checkpoint,
        few_shot_examples,
        *(
            dg.AssetDep(benchmark, partition_mapping=ALL_TYPES)
            for benchmark in (workspace_benchmark, leetcode_benchmark)
        ),
    ],
    check_specs=check_specs("predictions", DATES, CHECKS),
    group_name="evaluation",
    kinds={"pytorch", "parquet"},
    pool=GPU,
)
def predictions(
    context: dg.AssetExecutionContext,
    config: Answering,
    store: StoreResource,
    language_servers: LanguageServersResource,
    language_model: LanguageModelResource,
    trainer: TrainerResource,
) -> dg.MaterializeResult:
    """Every answer of the date's models to the benchmarks of all types: decoded once, scored elsewhere.

    A checkpoint is loaded once, in a child process. A run that was killed resumes: no answer is decoded or
    paid for twice.
    """
    chosen = ChosenModels.of(config.models, language_model)
    sampling = config.sampling()
    inputs = [
        Input(name, Key(None, diagnostic_type))
        for name in BENCHMARKS
        for diagnostic_type in DIAGNOSTIC_TYPES.get_partition_keys()
    ]
    if chosen.decoded:
        inputs.append(Input("checkpoint", Key.of(context)))
    if chosen.shown_examples:
        inputs.append(Input(FEW_SHOT, Key()))
    versions = {"prompt": PROMPT_VERSION}
    if RULES in chosen.names:
        versions |= language_servers.versions()
    if chosen.language_models:
        versions["model"] = language_model.fingerprint_settings()
    stage = Stage(
        context=context,
        store=store.store(),
        inputs=inputs,
        schema=PREDICTIONS,
        configuration=config.model_dump(),
        versions=versions,
        checks=CHECKS,
        runs=[DECODING] if chosen.decoded else [],
        without=chosen.unused(),
    )
    opened = OpenedModels(
        stage=stage,
        chosen=chosen,
        sampling=sampling,
        language_servers=language_servers,
        language_model=language_model,
        trainer=trainer,
    )

    def work(writer: PartitionWriter) -> dict[str, Any]:
        samples = list(stage.records(*BENCHMARKS))
        finish_reasons: dict[str, Counter[str]] = {name: Counter() for name in chosen.names}
        for name in chosen.names if samples else ():
            context.log.info("%s answers %s samples", name, len(samples))
            with opened.open(name) as model:
                for batch in predict(samples, model, k=config.answers):
                    finish_reasons[name].update(batch["finish_reason"].to_pylist())
                    writer.write("data", batch)
        return {
            "systems": list(chosen.names),
            "answers": config.answers,
            "finish_reasons": {name: dict(counts) for name, counts in finish_reasons.items()},
            "questions_failed": dict(opened.failed),
            "usage": opened.usage,
        }

    rows_in = len(chosen.names) * config.answers * stage.count(*BENCHMARKS)
    return stage.materialize(work, rows_in=rows_in, metadata=_metadata)


def _metadata(manifest: Manifest) -> dict[str, Any]:
    shown = ("systems", "finish_reasons", "usage")
    return {name: manifest.extra[name] for name in shown if manifest.extra[name]}
