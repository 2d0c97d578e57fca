"""Training examples: rendered and split by project; then all types of a day together.

Tested by `tests/code_location/test_graph.py`.
"""

from functools import partial
from typing import Any

import dagster as dg

from partitions.dates import DATES, DateSettings, last_dates
from partitions.keys import DATE, DATE_AND_TYPE, DIAGNOSTIC_TYPE, Key
from partitions.mappings import ALL_TYPES_OF_THE_DATE
from partitions.types import DIAGNOSTIC_TYPES
from repair.dataset.splits import SPLIT_SEED
from repair.pipeline import BY_NAME
from repair.prompt.sentinels import PROMPT_VERSION
from repair.schema.stages import REPAIR_EXAMPLES
from repair.store.writer import PartitionWriter
from repair_assets.example_checks import DRIFT, DUPLICATES, FOUR_WEEKS
from repair_assets.session_events import published_by_type
from repair_assets.verified_diffs import verified_diffs
from resources.checks import check_specs
from resources.day_overview import TYPES, day_overview
from resources.engine import EngineResource
from resources.stages import Input, Stage
from resources.store import StoreResource

SPEC = BY_NAME["repair_examples"]
CHECKS = (DUPLICATES, *DRIFT)
"""Of `daily_examples`."""


class Splitting(dg.Config):
    """Which project is on which side."""

    split_seed: int = SPLIT_SEED


@dg.asset(
    partitions_def=DATE_AND_TYPE,
    deps=[verified_diffs],
    check_specs=check_specs("repair_examples", DATE_AND_TYPE),
    group_name="synthesis",
    kinds={"parquet"},
)
def repair_examples(
    context: dg.AssetExecutionContext, config: Splitting, store: StoreResource, engine: EngineResource
) -> dg.MaterializeResult:
    """Verified repairs in the sentinel schema, each on its project's side of the split."""
    stage = Stage(
        context=context,
        store=store.store(),
        inputs=[Input("verified_diffs", Key.of(context))],
        schema=REPAIR_EXAMPLES,
        configuration=config.model_dump(),
        versions={"prompt": PROMPT_VERSION},
        engine=engine.engine(),
    )
    return stage.map(SPEC, partial(SPEC.function, split_seed=config.split_seed))


@dg.asset(
    partitions_def=DATES,
    deps=[dg.AssetDep(repair_examples, partition_mapping=ALL_TYPES_OF_THE_DATE)],
    check_specs=check_specs("daily_examples", DATES, CHECKS),
    group_name="synthesis",
    kinds={"parquet"},
)
def daily_examples(context: dg.AssetExecutionContext, store: StoreResource) -> dg.MaterializeResult:
    """The examples of all types of the day; refuses a day of which a type is missing or lost rows.

    A type of which nothing was published that day need not be materialized.
    """
    opened = store.store()
    day = Key.of(context).date
    events = opened.manifest("session_events", Key(day).segments())
    counts = published_by_type(events) if events else {}
    stored = {keys[DIAGNOSTIC_TYPE] for keys in opened.partitions("repair_examples") if keys[DATE] == day}
    stage = Stage(
        context=context,
        store=opened,
        inputs=[
            Input("repair_examples", Key(day, name))
            for name in DIAGNOSTIC_TYPES.get_partition_keys()
            if events is None or counts.get(name) or name in stored
        ],
        schema=REPAIR_EXAMPLES,
        checks=CHECKS,
    )

    def work(writer: PartitionWriter) -> dict[str, Any]:
        for batch in stage.rows("repair_examples", texts=False):
            writer.write("data", batch)
        manifests = stage.manifests()
        return {
            TYPES: {source.key.diagnostic_type: manifests[str(source)].rows_out for source in stage.inputs}
        }

    weeks = last_dates(day or "", FOUR_WEEKS[DateSettings.load().cadence])
    return stage.materialize(work, metadata=lambda _: day_overview(opened, day or "", weeks))
