"""Reproduced diagnostics: pyright and ruff report what was recorded, on the replayed workspace.

Tested by `tests/code_location/test_graph.py`.
"""

from collections import Counter
from typing import Any

import dagster as dg

from partitions.keys import DATE_AND_TYPE, Key
from repair.error_states.reproduction import count_python_versions
from repair.pipeline import BY_NAME
from repair.store.manifest import Manifest
from repair.store.writer import PartitionWriter
from repair_assets.error_states import error_states
from resources.checks import check_specs, yield_check
from resources.engine import EngineResource
from resources.language_servers import LanguageServersResource
from resources.pools import LANGUAGE_SERVERS
from resources.stages import Input, Stage
from resources.store import StoreResource

PYTHON_VERSIONS = "python_versions"
"""Metadata: rows by the version of Python that their project requires, where it is not the running one."""

SPEC = BY_NAME["reproduced_diagnostics"]
CHECKS = (yield_check("reproduction_rate", "are reported again"),)


@dg.asset(
    partitions_def=DATE_AND_TYPE,
    deps=[error_states],
    check_specs=check_specs("reproduced_diagnostics", DATE_AND_TYPE, CHECKS),
    group_name="diagnostics",
    kinds={"parquet", "python"},
    pool=LANGUAGE_SERVERS,
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

    def work(writer: PartitionWriter) -> dict[str, Any]:
        versions = Counter[str]()
        outcomes = stage.on_engine(language_servers.with_servers(SPEC.function), stage.tasks(SPEC.reads))
        stage.write(writer, SPEC, count_python_versions(outcomes, versions))
        return {PYTHON_VERSIONS: dict(sorted(versions.items()))}

    return stage.materialize(work, metadata=_counts)


def _counts(manifest: Manifest) -> dict[str, Any]:
    return {PYTHON_VERSIONS: manifest.extra[PYTHON_VERSIONS]}
