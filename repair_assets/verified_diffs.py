"""The diffs that repair: they extract, apply, and the servers agree."""

import dagster as dg

from partitions.keys import DATE_AND_TYPE, Key
from repair.schemas import VERIFIED_DIFFS
from repair.verification import verify_rows
from repair_assets.synthesized_diffs import synthesized_diffs
from resources.engine import EngineResource
from resources.language_servers import LanguageServersResource
from resources.stages import Input, Stage, check_specs, share_check
from resources.store import StoreResource

CHECKS = (share_check("verified_share", "Synthesized diffs that verify.", at_least=0.5),)


@dg.asset(
    partitions_def=DATE_AND_TYPE,
    deps=[synthesized_diffs],
    check_specs=check_specs("verified_diffs", DATE_AND_TYPE, CHECKS),
    code_version="1",
    group_name="synthesis",
    kinds={"parquet", "python"},
)
def verified_diffs(
    context: dg.AssetExecutionContext,
    store: StoreResource,
    engine: EngineResource,
    language_servers: LanguageServersResource,
) -> dg.MaterializeResult:
    """Diffs after which the target diagnostic is gone and no new error stands in the workspace."""
    stage = Stage(
        context=context,
        store=store.store(),
        inputs=[Input("synthesized_diffs", Key.of(context))],
        schema=VERIFIED_DIFFS,
        versions=language_servers.versions(),
        checks=CHECKS,
        engine=engine.engine(),
    )
    return stage.map(language_servers.given_to(verify_rows))
