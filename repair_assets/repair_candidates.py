"""The diagnostics that are worth a repair.

Tested by `tests/code_location/test_graph.py`.
"""

import dagster as dg
import pyarrow as pa

from partitions.keys import DATE_AND_TYPE, Key
from repair.curation.canaries import canary_recall
from repair.curation.candidates import DECISIONS, SCREENED_COLUMNS, drop_near_duplicates, redact, screen
from repair.execution.tasks import with_columns
from repair.pipeline import BY_NAME
from repair.store.writer import PartitionWriter
from repair.text.files import text_of
from repair.text.paths import is_python
from repair_assets.error_states import code_action_share
from repair_assets.reproduced_diagnostics import reproduced_diagnostics
from resources.checks import Checked, CheckVerdict, PartitionCheck, at_least, at_most, check_specs
from resources.engine import EngineResource
from resources.language_servers import LanguageServersResource
from resources.pools import LANGUAGE_SERVERS
from resources.stages import Input, Stage
from resources.store import StoreResource

SPEC = BY_NAME["repair_candidates"]
PLANTED_IN = 5
"""Files of a partition that secrets are planted in."""


def _code_actions(checked: Checked) -> CheckVerdict:
    manifest = checked.manifest
    return code_action_share(manifest.rejects.get("has_code_action", 0), manifest.rows_in, checked.limit)


def _near_duplicates(checked: Checked) -> CheckVerdict:
    manifest = checked.manifest
    count = manifest.rejects.get("near_duplicate", 0)
    return at_most("are near-duplicates", count, manifest.rows_in, checked.limit)


def _redaction_recall(checked: Checked) -> CheckVerdict:
    """Secrets planted into some of the stored files, redacted once more."""
    texts: list[str] = []
    manifest = checked.manifest
    rows = checked.store.read(
        manifest.asset,
        manifest.partition,
        columns=["path", "files"],
        manifest=manifest,
        batch_rows=PLANTED_IN,
    )
    for batch in rows:
        texts += [text_of(row) for row in batch.to_pylist() if is_python(row["path"])]
        if len(texts) >= PLANTED_IN:
            break
    found = canary_recall(texts[:PLANTED_IN])
    figures = {"missed": dict(found.missed), "files": min(len(texts), PLANTED_IN)}
    return at_least("planted secrets are replaced", found.replaced, found.planted, checked.limit, **figures)


CHECKS = (
    PartitionCheck("code_action_share", _code_actions),
    PartitionCheck("near_duplicate_share", _near_duplicates),
    PartitionCheck("redaction_recall", _redaction_recall),
)


@dg.asset(
    partitions_def=DATE_AND_TYPE,
    deps=[reproduced_diagnostics],
    check_specs=check_specs("repair_candidates", DATE_AND_TYPE, CHECKS),
    group_name="diagnostics",
    kinds={"parquet", "python"},
    pool=LANGUAGE_SERVERS,
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
