"""Calibration of a checkpoint's confidence, on problems whose tests are run."""

from functools import partial
from typing import Any

import dagster as dg
import pyarrow as pa

from eval_assets.models import MODEL
from partitions.dates import DATES
from partitions.keys import Key
from partitions.mappings import ALL_TYPES
from partitions.types import DIAGNOSTIC_TYPES
from repair.evaluation.benchmark import INJECTED_CHOOSE
from repair.evaluation.intervals import wilson
from repair.evaluation.leetcode.functional import judged
from repair.evaluation.model_confidence import (
    TESTED_REPAIRS,
    K,
    ModelCalibration,
    reliability,
    reliability_table,
)
from repair.fixing.chosen_model import SEARCHED
from repair.models.checkpoint import CheckpointModel, all_at_once
from repair.prompt.sentinels import PROMPT_VERSION
from repair.store.manifest import Manifest
from repair.store.writer import PartitionWriter
from repair.synthesis.rules.model import RulesModel
from repair.verification.confidence import FILE
from repair_assets.benchmarks import leetcode_benchmark
from resources.checks import Checked, CheckVerdict, PartitionCheck, check_specs
from resources.language_servers import LanguageServersResource
from resources.pools import GPU
from resources.reporting import picture
from resources.stages import Input, Stage
from resources.store import StoreResource
from resources.stored_checkpoint import local_checkpoint
from resources.trainer import DECODING, TrainerResource
from training_assets.checkpoint import checkpoint

BENCHMARK = "leetcode_benchmark"


def _precise_threshold(checked: Checked) -> CheckVerdict:
    """Whether what is above the threshold is right often enough, by the lower end of its interval."""
    if not checked.manifest.rows_in:
        return CheckVerdict(True, "there are no samples to calibrate on")
    found = checked.manifest.extra["calibration"]
    if found is None:
        return CheckVerdict(False, "no answer of the checkpoint verifies: it has no calibration")
    low, _ = wilson(found["right"], found["shown"])
    said = f"{found['right']} of {found['shown']} shown repairs are right: at least {100 * low:.1f} %"
    return CheckVerdict(low >= checked.limit, said, {"lower_bound": low})


CHECKS = (PartitionCheck("precise_threshold", _precise_threshold),)


@dg.asset(
    partitions_def=DATES,
    deps=[checkpoint, dg.AssetDep(leetcode_benchmark, partition_mapping=ALL_TYPES)],
    check_specs=check_specs("model_calibration", DATES, CHECKS),
    group_name="evaluation",
    kinds={"pytorch", "parquet"},
    pool=GPU,
)
def model_calibration(
    context: dg.AssetExecutionContext,
    store: StoreResource,
    language_servers: LanguageServersResource,
    trainer: TrainerResource,
) -> dg.MaterializeResult:
    """How likely a verified answer of the checkpoint is right, and from where on it is shown.

    Searched answers to the half of the problems that no result is reported on, their tests run in the
    sandbox; two rows for each sample, of the model and of the rules. `confidence.json` goes with a release,
    and into `synthesized_diffs` where the checkpoint is the teacher. A run that was killed resumes.
    """
    opened, source = store.store(), Input("checkpoint", Key.of(context))
    benchmarks = [Input(BENCHMARK, Key(None, kind)) for kind in DIAGNOSTIC_TYPES.get_partition_keys()]
    stage = Stage(
        context=context,
        store=opened,
        inputs=[source, *benchmarks],
        schema=TESTED_REPAIRS,
        configuration={"answers": K},
        versions={"prompt": PROMPT_VERSION, **language_servers.versions()},
        checks=CHECKS,
        runs=[DECODING],
    )
    samples = [row for row in stage.records(BENCHMARK) if row["benchmark"] == INJECTED_CHOOSE]

    def work(writer: PartitionWriter) -> dict[str, Any]:
        servers = language_servers.servers()
        stored = stage.manifests()[str(source)]
        with local_checkpoint(opened, stored, trainer) as folder:
            weights = {"checkpoint": str(folder), "weights": stored.data_version}
            decode = partial(trainer.decode, context, **weights, sampling=SEARCHED)
            searched = CheckpointModel(MODEL, all_at_once(decode, K))
            found = ModelCalibration.of(samples, searched, RulesModel(servers), servers, judged)
            rows = found.rows()
            writer.write("data", pa.Table.from_pylist(rows, schema=TESTED_REPAIRS))
            if found.calibration is None:
                return {"calibration": None, "reliability": []}
            found.calibration.write(folder)
            writer.write_bytes(FILE, (folder / FILE).read_bytes())
        own = [repair for row in rows if row["system"] == MODEL for repair in row["repairs"]]
        calibration = {"threshold": found.calibration.threshold, **found.calibration.chosen_on}
        return {"calibration": calibration, "reliability": reliability(own)}

    return stage.materialize(work, rows_in=2 * len(samples), metadata=_metadata)


def _metadata(manifest: Manifest) -> dict[str, Any]:
    found, ranges = manifest.extra["calibration"], manifest.extra["reliability"]
    if found is None:
        return {}
    from repair.evaluation.reports.plots import reliability_png

    return {
        **found,
        "reliability": picture(reliability_png(ranges, found["threshold"]), "right by confidence"),
        "by_confidence": dg.MetadataValue.md(reliability_table(ranges)),
    }
