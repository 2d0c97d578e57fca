"""Scores of a checkpoint's answers on the frozen benchmarks."""

import tempfile
from pathlib import Path

import dagster as dg

from partitions.keys import DATE_AND_TYPE, Key
from repair.evaluation.benchmark import SCORES
from repair.evaluation.leetcode import functional
from repair.evaluation.scoring import SYSTEMS, answers_of, scores
from repair.prompt.sentinels import PROMPT_VERSION
from repair.store.writer import PartitionWriter
from repair_assets.benchmarks import BENCHMARKS, leetcode_benchmark, workspace_benchmark
from resources.language_servers import LanguageServersResource
from resources.stages import Input, Stage, check_specs
from resources.store import StoreResource
from resources.trainer import DECODING, TrainerResource
from training_assets.checkpoint import CHECKPOINT, checkpoint


class Decoding(dg.Config):
    """Sampling of the model's answers: pass@1."""

    temperature: float = 0.1
    top_p: float = 0.95
    top_k: int = 50
    seed: int = 17
    max_new_tokens: int = 256


@dg.asset(
    partitions_def=DATE_AND_TYPE,
    deps=[checkpoint, workspace_benchmark, leetcode_benchmark],
    check_specs=check_specs("eval_results", DATE_AND_TYPE),
    group_name="evaluation",
    kinds={"pytorch", "parquet"},
)
def eval_results(
    context: dg.AssetExecutionContext,
    config: Decoding,
    store: StoreResource,
    language_servers: LanguageServersResource,
    trainer: TrainerResource,
) -> dg.MaterializeResult:
    """Each system's answer to each sample of the type: AST match, string match, repaired, functional.

    Systems: the model, `history` (the reference fix itself: the ceiling) and `empty` (the floor). An
    answer that does not extract or apply is scored as wrong, never left out.
    """
    opened = store.store()
    key = Key.of(context)
    benchmarks = [Input(name, Key(None, key.diagnostic_type)) for name in BENCHMARKS]
    model = Input("checkpoint", Key(key.date))
    stage = Stage(
        context=context,
        store=opened,
        inputs=[*benchmarks, model],
        schema=SCORES,
        configuration=config.model_dump(),
        versions={"prompt": PROMPT_VERSION, **language_servers.versions()},
        runs=[DECODING],
    )

    def work(writer: PartitionWriter) -> None:
        samples = list(stage.records(*BENCHMARKS))
        if not samples:
            return
        with tempfile.TemporaryDirectory() as folder:
            weights = opened.local_tree(model.asset, model.key.segments(), CHECKPOINT, Path(folder))
            completions = trainer.decode(context, weights, samples, config.model_dump())
        answers = answers_of(completions)
        for batch in scores(samples, answers, language_servers.servers(), functional):
            writer.write("data", batch)

    return stage.materialize(work, rows_in=len(SYSTEMS) * stage.count(*BENCHMARKS))
