"""Preference pairs out of what users made of shown fixes."""

from collections import Counter
from typing import Any

import dagster as dg

from partitions.keys import DATE_AND_TYPE, Key
from repair.pipeline import BY_NAME
from repair.prompt.sentinels import PROMPT_VERSION
from repair.schema.outcomes import split_outcomes
from repair.store.manifest import Manifest
from repair.store.writer import PartitionWriter
from repair_assets.fix_acceptance import fix_acceptance
from repair_assets.repair_examples import Splitting
from resources.checks import check_specs
from resources.language_servers import LanguageServersResource
from resources.stages import Input, Stage
from resources.store import StoreResource

SPEC = BY_NAME["preference_pairs"]
SOURCES = "sources"


@dg.asset(
    partitions_def=DATE_AND_TYPE,
    deps=[fix_acceptance],
    check_specs=check_specs("preference_pairs", DATE_AND_TYPE),
    group_name="feedback",
    kinds={"parquet"},
)
def preference_pairs(
    context: dg.AssetExecutionContext,
    config: Splitting,
    store: StoreResource,
    language_servers: LanguageServersResource,
) -> dg.MaterializeResult:
    """Two answers to one prompt, of which the user preferred one: what a model is aligned with by DPO.

    A fix that was rejected, edited or taken back is the rejected answer; another accepted fix, or the user's
    own text, the chosen one, if the servers confirm it. Texts are redacted.
    """
    stage = Stage(
        context=context,
        store=store.store(),
        inputs=[Input("fix_acceptance", Key.of(context))],
        schema=SPEC.output,
        configuration=config.model_dump(),
        versions={"prompt": PROMPT_VERSION, **language_servers.versions()},
        runs=[SPEC.function],
    )

    def work(writer: PartitionWriter) -> dict[str, Any]:
        sources: Counter[str] = Counter()
        writer.declare(SPEC.output)
        rows = stage.rows("fix_acceptance")
        if stage.count("fix_acceptance"):
            for outcome in SPEC.run(rows, language_servers.servers(), split_seed=config.split_seed):
                writer.write_outcomes(outcome)
                kept, _ = split_outcomes(outcome)
                pairs = zip(kept["because"].to_pylist(), kept["chosen_from"].to_pylist(), strict=True)
                sources.update(f"{because}, chosen from {source}" for because, source in pairs)
        return {SOURCES: dict(sorted(sources.items()))}

    return stage.materialize(work, metadata=_metadata)


def _metadata(manifest: Manifest) -> dict[str, Any]:
    return {SOURCES: manifest.extra[SOURCES]}
