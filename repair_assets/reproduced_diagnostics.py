"""Pyright and ruff say it again.

Tested by `tests/code_location/test_graph.py`.
"""

import dagster as dg

from partitions.keys import DATE_AND_TYPE, Key
from repair.pipeline import BY_NAME
from repair_assets.error_states import error_states
from resources.engine import EngineResource
from resources.language_servers import LanguageServersResource
from resources.stages import Input, Stage, check_specs, share_check
from resources.store import StoreResource

SPEC = BY_NAME["reproduced_diagnostics"]
CHECKS = (share_check("reproduction_rate", "Replayed diagnostics that the servers say again.", at_least=0.8),)


@dg.asset(
    partitions_def=DATE_AND_TYPE,
    deps=[error_states],
    check_specs=check_specs("reproduced_diagnostics", DATE_AND_TYPE, CHECKS),
    group_name="diagnostics",
    kinds={"parquet", "python"},
)
def reproduced_diagnostics(
    context: dg.AssetExecutionContext,
    store: StoreResource,
    engine: EngineResource,
    language_servers: LanguageServersResource,
) -> dg.MaterializeResult:
    """The replayed diagnostics that pyright and ruff report at the same place, with all the others.

    The versions of the servers are in the row, the environment whose packages they saw, and the project's
    settings that they ignored: what an older server recorded is matched on code family and place.
    """
    stage = Stage(
        context=context,
        store=store.store(),
        inputs=[Input("error_states", Key.of(context))],
        schema=SPEC.output,
        versions=language_servers.versions(),
        checks=CHECKS,
        engine=engine.engine(),
    )
    return stage.map(SPEC, language_servers.with_servers(SPEC.function))
