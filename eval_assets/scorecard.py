"""Scorecard of a checkpoint, as an HTML page.

Tested by `tests/eval_assets/test_eval_results.py`.
"""

from dataclasses import asdict

import dagster as dg

from eval_assets.eval_results import eval_results
from partitions.dates import DATES
from partitions.keys import Key
from partitions.mappings import ALL_TYPES_OF_THE_DATE
from partitions.types import DIAGNOSTIC_TYPES
from repair.evaluation.benchmark import SCORES
from repair.evaluation.reports.funnel import funnels
from repair.evaluation.reports.scorecard import render
from repair.pipeline import STAGES
from repair.store.writer import PartitionWriter
from resources.stages import Input, Stage, check_specs
from resources.store import StoreResource

PAGE = "scorecard.html"


@dg.asset(
    partitions_def=DATES,
    deps=[dg.AssetDep(eval_results, partition_mapping=ALL_TYPES_OF_THE_DATE)],
    check_specs=check_specs("scorecard", DATES),
    group_name="evaluation",
    kinds={"html"},
)
def scorecard(context: dg.AssetExecutionContext, store: StoreResource) -> dg.MaterializeResult:
    """A self-contained HTML page: funnel, reproduction rate by type, loss, scores."""
    opened = store.store()
    date = Key.of(context).date or ""
    results = [
        Input("eval_results", Key(date, diagnostic_type))
        for diagnostic_type in DIAGNOSTIC_TYPES.get_partition_keys()
    ]
    mixture = Input("training_mixture", Key(date))
    made_of = opened.manifest(mixture.asset, mixture.key.segments())
    dates = made_of.extra["dates"] if made_of else [date]
    stage = Stage(
        context=context,
        store=opened,
        inputs=[*results, Input("checkpoint", Key(date)), mixture],
        schema=SCORES,
        configuration={"funnel": [asdict(funnel) for funnel in funnels(opened, STAGES, dates)]},
    )

    def work(writer: PartitionWriter) -> None:
        for batch in stage.rows("eval_results"):
            writer.write("data", batch)
        writer.write_bytes(PAGE, render(opened, STAGES, date, dates).encode())

    manifests = stage.manifests()
    return stage.materialize(
        work,
        rows_in=sum(manifests[str(result)].rows_out for result in results),
        metadata=lambda _: {"page": opened.file_uri("scorecard", stage.key.segments(), PAGE)},
    )
