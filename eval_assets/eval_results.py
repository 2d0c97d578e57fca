"""Scores of the predictions on the frozen benchmarks."""

import dagster as dg

from eval_assets.predictions import predictions
from partitions.keys import DATE_AND_TYPE, Key
from repair.evaluation.benchmark import SCORES
from repair.evaluation.leetcode.functional import judged, judged_strictly
from repair.evaluation.scoring import scores
from repair.prompt.sentinels import PROMPT_VERSION
from repair.store.writer import PartitionWriter
from repair_assets.benchmarks import BENCHMARKS, leetcode_benchmark, workspace_benchmark
from resources.checks import check_specs
from resources.language_servers import LanguageServersResource
from resources.pools import LANGUAGE_SERVERS
from resources.stages import Input, Stage
from resources.store import StoreResource

ANSWERS_READ = ["sample_id", "benchmark", "system", "answer_index", "answer", "output_tokens", "seconds"]


@dg.asset(
    partitions_def=DATE_AND_TYPE,
    deps=[predictions, workspace_benchmark, leetcode_benchmark],
    check_specs=check_specs("eval_results", DATE_AND_TYPE),
    group_name="evaluation",
    kinds={"parquet"},
    pool=LANGUAGE_SERVERS,
)
def eval_results(
    context: dg.AssetExecutionContext,
    store: StoreResource,
    language_servers: LanguageServersResource,
) -> dg.MaterializeResult:
    """What each prediction for a sample of the type is worth: AST match, string match, repaired, functional.

    An answer that does not extract or apply is scored as wrong, never left out. Nothing is decoded here.
    """
    opened = store.store()
    key = Key.of(context)
    benchmarks = [Input(name, Key(None, key.diagnostic_type)) for name in BENCHMARKS]
    answers = Input("predictions", Key(key.date))
    stage = Stage(
        context=context,
        store=opened,
        inputs=[*benchmarks, answers],
        schema=SCORES,
        versions={"prompt": PROMPT_VERSION, **language_servers.versions()},
    )
    answered = _answers_to(stage, answers, benchmarks)

    def work(writer: PartitionWriter) -> None:
        samples = list(stage.records(*BENCHMARKS))
        if not samples:
            return
        rows = (row for batch in stage.rows(answers.asset, ANSWERS_READ) for row in batch.to_pylist())
        for batch in scores(samples, rows, language_servers.servers(), judged, judged_strictly):
            writer.write("data", batch)

    return stage.materialize(work, rows_in=answered * stage.count(*BENCHMARKS))


def _answers_to(stage: Stage, answers: Input, benchmarks: list[Input]) -> int:
    """The number of answers to each sample, of all systems.

    Raises:
        dagster.Failure: the answers are to another release of a benchmark.
    """
    manifests = stage.manifests()
    answered = manifests[str(answers)]
    for source in benchmarks:
        if answered.inputs.get(str(source)) != manifests[str(source)].data_version:
            raise dg.Failure(
                f"{answers} answers another {source} than the one that is stored; materialize it again first",
                allow_retries=False,
            )
    return len(answered.extra["systems"]) * int(answered.extra["answers"])
