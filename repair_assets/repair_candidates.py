"""The diagnostics that are worth a repair."""

import dagster as dg
import pyarrow as pa

from partitions.keys import DATE_AND_TYPE, Key
from repair.curation.candidates import RULINGS, SCREENED_COLUMNS, redact, screen, without_twins
from repair.execution.tasks import with_columns
from repair.schema.stages import REPAIR_CANDIDATES
from repair.store.manifest import Manifest
from repair.store.writer import PartitionWriter
from repair_assets.error_states import code_action_share
from repair_assets.reproduced_diagnostics import reproduced_diagnostics
from resources.engine import EngineResource
from resources.language_servers import LanguageServersResource
from resources.stages import Input, ManifestCheck, Stage, Verdict, check_specs
from resources.store import StoreResource


def _code_actions(manifest: Manifest) -> Verdict:
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
    code_version="2",
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
        schema=REPAIR_CANDIDATES,
        versions=language_servers.versions(),
        checks=CHECKS,
        engine=engine.engine(),
    )
    redacted = language_servers.with_servers(redact)

    def work(writer: PartitionWriter) -> None:
        screened = stage.on_engine(screen, stage.tasks(SCREENED_COLUMNS))
        rulings = pa.Table.from_batches(without_twins(screened), RULINGS).combine_chunks()
        for outcome in stage.on_engine(redacted, with_columns(stage.tasks(), rulings)):
            writer.write_outcomes(outcome)

    return stage.materialize(work)
