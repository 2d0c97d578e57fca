"""Few-shot examples: solved repairs of training projects, to show a model.

Tested by `tests/code_location/test_graph_teacher.py`.
"""

import dagster as dg

from repair.prompt.sentinels import PROMPT_VERSION
from repair.store.writer import PartitionWriter
from repair.synthesis.lm.few_shot import FEW_SHOT_EXAMPLES, choose_examples
from resources.checks import check_specs
from resources.stages import Stage, stored_inputs
from resources.store import StoreResource


class FewShot(dg.Config):
    """Which release of the verified repairs the examples are drawn from."""

    dates: list[str] = []  # noqa: RUF012  (Dagster copies the default)
    """Dates of `repair_examples`; empty: all that are stored now."""
    seed: int = 17
    per_code: int = 4
    total: int = 64


@dg.asset(
    check_specs=check_specs("few_shot_examples", None),
    group_name="teacher",
    kinds={"parquet"},
)
def few_shot_examples(
    context: dg.AssetExecutionContext, config: FewShot, store: StoreResource
) -> dg.MaterializeResult:
    """Solved examples to show a model, from training projects alone.

    Made on demand from a pinned release of `repair_examples`. The graph has no edge from them to here: their
    own teacher may be led by these examples.
    """
    opened = store.store()
    wanted = ", ".join(config.dates) or "any date"
    release = stored_inputs(
        opened,
        "repair_examples",
        lambda key: not config.dates or key.date in config.dates,
        missing=f"there are no repair_examples of {wanted} to draw from; make some by the teacher `history`",
    )
    stage = Stage(
        context=context,
        store=opened,
        inputs=release,
        schema=FEW_SHOT_EXAMPLES,
        configuration=config.model_dump(),
        versions={"prompt": PROMPT_VERSION},
    )
    chosen = choose_examples(
        stage.rows("repair_examples"), seed=config.seed, per_code=config.per_code, total=config.total
    )

    def work(writer: PartitionWriter) -> None:
        writer.write("data", chosen)

    # A draw, not a filter: what was not drawn is not rejected.
    return stage.materialize(work, rows_in=chosen.num_rows)
