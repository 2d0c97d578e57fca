"""Bugs that the configured language model injects into recent LeetCode problems, for the benchmark.

Tested by `tests/repair_assets/test_leetcode_benchmark.py`.
"""

from dataclasses import asdict
from typing import Any

import dagster as dg

from repair.evaluation import leetcode
from repair.evaluation.leetcode.injection.teacher import INJECTED_BUGS, INSTRUCTIONS, BugTeacher, questions
from repair.store.manifest import Manifest
from repair.store.writer import PartitionWriter
from resources.benchmark_data import BenchmarkDataResource
from resources.checks import check_specs
from resources.language_models import LanguageModelResource
from resources.pools import LANGUAGE_MODEL
from resources.stages import Stage
from resources.store import StoreResource


class BugQuestions(dg.Config):
    """How many bugs are asked for."""

    per_problem: int = 2
    """Subtypes that the model is asked for in each problem."""


@dg.asset(
    check_specs=check_specs("injected_bugs", None),
    group_name="benchmarks",
    kinds={"dspy"},
    pool=LANGUAGE_MODEL,
)
def injected_bugs(
    context: dg.AssetExecutionContext,
    config: BugQuestions,
    store: StoreResource,
    language_model: LanguageModelResource,
    benchmark_data: BenchmarkDataResource,
) -> dg.MaterializeResult:
    """Candidates for `leetcode_benchmark`, beside those of its mutators: written by a model as in DebugBench.

    Made on demand, since it may cost money. A row is a problem and a subtype; `leetcode_benchmark` decides
    which of them are samples.
    """
    folder = benchmark_data.required()
    asked = questions(leetcode.read(folder), benchmark_data.cutoff, per_problem=config.per_problem)
    published = {"published": leetcode.fingerprint(folder), "cutoff": benchmark_data.cutoff}
    stage = Stage(
        context=context,
        store=store.store(),
        inputs=(),
        schema=INJECTED_BUGS,
        configuration={**config.model_dump(), **published},
        versions={"model": language_model.fingerprint_settings(), "instructions": INSTRUCTIONS},
        runs=[BugTeacher],
    )

    def work(writer: PartitionWriter) -> dict[str, Any]:
        with language_model.bug_teacher() as teacher:
            writer.write_outcomes(teacher.inject(asked))
            return {"usage": asdict(teacher.usage)}

    return stage.materialize(work, rows_in=len(asked), metadata=_usage)


def _usage(manifest: Manifest) -> dict[str, Any]:
    return manifest.extra["usage"]
