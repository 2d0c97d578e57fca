"""The diagnostics that are worth a repair.

Tested by `tests/code_location/test_graph.py`.
"""

import dagster as dg
import pyarrow as pa

from partitions.keys import DATE_AND_TYPE, Key
from repair.curation.candidates import DECISIONS, SCREENED_COLUMNS, drop_near_duplicates, redact, screen
from repair.execution.tasks import with_columns
from repair.pipeline import BY_NAME
from repair.store.manifest import Manifest
from repair.store.writer import PartitionWriter
from repair_assets.error_states import code_action_share
from repair_assets.reproduced_diagnostics import reproduced_diagnostics
from resources.engine import EngineResource
from resources.language_servers import LanguageServersResource
from resources.stages import CheckVerdict, Input, ManifestCheck, Stage, check_specs
from resources.store import StoreResource

SPEC = BY_NAME["repair_candidates"]


def _code_actions(manifest: Manifest) -> CheckVerdict:
    return code_action_share(manifest.rejects.get("has_code_action", 0), manifest.rows_in)


CHECKS = (
    ManifestCheck(
        "code_action_share", "The servers themselves fix only a minor share of this type.", _code_actions
    ),
)


@dg.asset(
    partitions_def=DATE_AND_TYPE,
    deps=[reproduced_diagnostics],
    check_specs=check_specs("repair_candidates", DATE_AND_TYPE, CHECKS),
    group_name="diagnostics",
    kinds={"parquet", "python"},
)
def repair_candidates(
    context: dg.AssetExecutionContext,
    store: StoreResource,
    engine: EngineResource,
    language_servers: LanguageServersResource,
) -> dg.MaterializeResult:
    """No CodeAction, not style, code and not prose; redacted; near-duplicates of the partition out.

    No unredacted text goes further. Where redaction changed a workspace, the servers have confirmed
    the diagnostic once more.
    """
    stage = Stage(
        context=context,
        store=store.store(),
        inputs=[Input("reproduced_diagnostics", Key.of(context))],
        schema=SPEC.output,
        versions=language_servers.versions(),
        checks=CHECKS,
        engine=engine.engine(),
    )

    def work(writer: PartitionWriter) -> None:
        screened = stage.on_engine(screen, stage.tasks(SCREENED_COLUMNS))
        decisions = pa.Table.from_batches(drop_near_duplicates(screened), DECISIONS).combine_chunks()
        tasks = with_columns(stage.tasks(SPEC.reads), decisions)
        redacted = stage.on_engine(language_servers.with_servers(redact), tasks)
        stage.write(writer, SPEC, redacted)

    return stage.materialize(work)
