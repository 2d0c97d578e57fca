"""Scorecard of a checkpoint, as an HTML page.

Tested by `tests/eval_assets/test_scorecard.py` and `tests/eval_assets/test_eval_results.py`.
"""

from dataclasses import asdict
from typing import Any

import dagster as dg
import pyarrow as pa

from eval_assets.eval_results import eval_results
from partitions.dates import DATES
from partitions.keys import Key
from partitions.mappings import ALL_TYPES_OF_THE_DATE
from partitions.types import DIAGNOSTIC_TYPES
from repair.evaluation.benchmark import SCORES
from repair.evaluation.contamination import LEAKS
from repair.evaluation.regression import compare_with_earlier
from repair.evaluation.reports.funnel import funnels
from repair.evaluation.reports.scorecard import render
from repair.evaluation.scored import scored
from repair.pipeline import STAGES
from repair.store.reader import PartitionStore
from repair.store.writer import PartitionWriter
from repair_assets.benchmarks import BENCHMARKS
from resources.checks import Checked, CheckVerdict, PartitionCheck, check_specs
from resources.reporting import page
from resources.stages import Input, Stage
from resources.store import StoreResource

PAGE = "scorecard.html"
LEAKED = "leaks"


def _no_regression(checked: Checked) -> CheckVerdict:
    found = checked.manifest.extra["regression"]
    figures = {name: found[name] for name in ("tests", "regressions")}
    return CheckVerdict(
        not found["regressions"], found["said"], figures | {"earlier": found["earlier"] or ""}
    )


def _no_leaks(checked: Checked) -> CheckVerdict:
    found = checked.manifest.extra["contamination"]
    said = (
        f"{found['contaminated']} of {found['samples']} samples are in the training mixture or nearly so,"
        f" {found['unchecked']} could not be compared; they are left out of the headline"
    )
    return CheckVerdict(found["contaminated"] + found["unchecked"] <= checked.limit, said, found)


CHECKS = (PartitionCheck("no_regression", _no_regression), PartitionCheck("no_leaks", _no_leaks))


@dg.asset(
    partitions_def=DATES,
    deps=[dg.AssetDep(eval_results, partition_mapping=ALL_TYPES_OF_THE_DATE)],
    check_specs=check_specs("scorecard", DATES, CHECKS),
    group_name="evaluation",
    kinds={"html"},
)
def scorecard(context: dg.AssetExecutionContext, store: StoreResource) -> dg.MaterializeResult:
    """A self-contained HTML page: scores with intervals, paired comparisons, leaks, samples, the funnel.

    The rows are those of all types' `eval_results`; the table `leaks` has the samples that overlap with the
    training mixture.
    """
    opened = store.store()
    date = Key.of(context).date or ""
    results = [
        Input("eval_results", Key(date, diagnostic_type))
        for diagnostic_type in DIAGNOSTIC_TYPES.get_partition_keys()
    ]
    mixture = Input("training_mixture", Key(date))
    made_of = opened.manifest(mixture.asset, mixture.key.segments())
    dates = made_of.extra["dates"] if made_of else [date]
    regression, earlier = compare_with_earlier(opened, date)
    stage = Stage(
        context=context,
        store=opened,
        inputs=[*results, Input("checkpoint", Key(date)), mixture],
        schema=SCORES,
        configuration={
            "funnel": [asdict(funnel) for funnel in funnels(opened, STAGES, dates)],
            "samples": _versions_of_samples(opened),
            "earlier": earlier,
        },
        checks=CHECKS,
    )

    def work(writer: PartitionWriter) -> dict[str, Any]:
        for batch in stage.rows("eval_results"):
            writer.write("data", batch)
        found = scored(opened, date)
        writer.write(LEAKED, pa.Table.from_pylist(list(found.leaks), schema=LEAKS))
        html = render(opened, STAGES, date, dates, scored=found, regression=regression)
        writer.write_bytes(PAGE, html.encode())
        return {"regression": regression.figures(), "contamination": found.counts()}

    manifests = stage.manifests()
    return stage.materialize(
        work,
        rows_in=sum(manifests[str(result)].rows_out for result in results),
        metadata=lambda _: {"page": page(opened.file_uri("scorecard", stage.key.segments(), PAGE))},
    )


def _versions_of_samples(store: PartitionStore) -> dict[str, str]:
    """The data versions of the stored benchmarks, whose samples the page shows."""
    keys = [Key(None, diagnostic_type) for diagnostic_type in DIAGNOSTIC_TYPES.get_partition_keys()]
    return {
        f"{name}[{key}]": manifest.data_version
        for name in BENCHMARKS
        for key in keys
        if (manifest := store.manifest(name, key.segments()))
    }
