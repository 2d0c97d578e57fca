"""Accuracy of the configured LLM judge."""

from typing import Any

import dagster as dg

from partitions.keys import Key
from repair.evaluation.judge.calibration import JUDGED_DIFFS, Calibration, calibrated
from repair.evaluation.judge.labelled_diffs import LABELS, labelled_diffs
from repair.store.manifest import Manifest
from repair.store.writer import PartitionWriter
from repair.synthesis.lm.judge import INSTRUCTIONS, LmJudge
from repair_assets.leetcode_samples import LEETCODE_SAMPLES, stored_leetcode_samples
from resources.benchmark_data import BenchmarkDataResource
from resources.checks import check_specs
from resources.language_models import LanguageModelResource
from resources.language_servers import LanguageServersResource
from resources.pools import LANGUAGE_MODEL
from resources.stages import Input, Stage
from resources.store import StoreResource

REPORT = "report.md"


class LabelledSet(dg.Config):
    """The labelled diffs that the judge is calibrated on."""

    samples: int = 60
    """Samples drawn from the benchmark; each gives one diff of each label, where possible."""
    seed: int = 17


@dg.asset(
    check_specs=check_specs("judge_calibration", None),
    group_name="evaluation",
    kinds={"dspy"},
    pool=LANGUAGE_MODEL,
)
def judge_calibration(
    context: dg.AssetExecutionContext,
    config: LabelledSet,
    store: StoreResource,
    language_servers: LanguageServersResource,
    language_model: LanguageModelResource,
    benchmark_data: BenchmarkDataResource,
) -> dg.MaterializeResult:
    """Precision and recall of the configured model as the judge of `verified_diffs`, on labelled diffs.

    Made on demand from DebugBench: the right fix, a wrong one that the servers accept and the tests refuse,
    a cheat. A row is a sample and a label.
    """
    opened = store.store()
    built = stored_leetcode_samples(opened, language_servers, benchmark_data.required())
    asked = {"model": language_model.fingerprint_settings(), "judge": INSTRUCTIONS}
    stage = Stage(
        context=context,
        store=opened,
        inputs=[Input(LEETCODE_SAMPLES, Key())],
        schema=JUDGED_DIFFS,
        configuration=config.model_dump(),
        versions={**asked, **language_servers.versions()},
        runs=[LmJudge],
    )

    def work(writer: PartitionWriter) -> dict[str, Any]:
        samples, servers = list(stage.records(LEETCODE_SAMPLES)), language_servers.servers()
        with language_model.judge() as judge:
            labelled = labelled_diffs(samples, servers, at_most=config.samples, seed=config.seed)
            (judged,) = calibrated([labelled], judge)
        found = Calibration.of(judged.to_pylist())
        writer.write_outcomes(judged)
        writer.write_bytes(REPORT, f"{judge.name}\n\n{found.markdown()}\n".encode())
        return {"judge": judge.name, "report": found.markdown(), **found.figures()}

    drawn = min(config.samples, built.rows_out)
    return stage.materialize(work, rows_in=len(LABELS) * drawn, metadata=_metadata)


def _metadata(manifest: Manifest) -> dict[str, Any]:
    return {
        "judge": manifest.extra["judge"],
        "report": dg.MetadataValue.md(manifest.extra["report"]),
        **{name: manifest.extra[name]["value"] or 0.0 for name in ("precision", "recall")},
    }
