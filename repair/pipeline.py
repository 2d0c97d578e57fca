"""The stages in the order of the data, as one table: function, schemas, and the reasons of its rejects.

Whoever needs the order of the stages, what one of them reads and adds, or why it rejects a row, takes it from
`STAGES`: the assets, the funnel, docs/rejects.md, the fingerprints, and `repair run`.

A stage that works row by row (`reads` is set) has a function from record batches with the columns `reads`
to outcome batches (`repair.schema.outcomes`) of `adds`: the key, and what it adds. Whoever runs it puts them
beside the rest of the row, which no function looks at.
"""

import inspect
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from repair.curation import candidates
from repair.dataset import examples, mixture
from repair.error_states import partition, reproduction
from repair.error_states import reasons as replay_reasons
from repair.evaluation import benchmark
from repair.evaluation.judge import labelled_diffs
from repair.evaluation.leetcode import samples
from repair.evaluation.leetcode.injection import samples as injected
from repair.evaluation.leetcode.injection import teacher as bug_teacher
from repair.evaluation.release import selection
from repair.feedback import acceptance, preferences
from repair.fixing import model_teacher
from repair.language_servers.scheduler import VersionedServers
from repair.recording import session_events, validation
from repair.schema import stages
from repair.schema.events import EVENTS
from repair.schema.outcomes import join_outcomes
from repair.synthesis import history, rules, teacher
from repair.synthesis.lm import judge
from repair.synthesis.lm import teacher as lm_teacher
from repair.synthesis.offline import synthesize_offline
from repair.training import accounting
from repair.verification import stage, verifier

Batches = Iterable[pa.RecordBatch]
Settings = Mapping[str, inspect.Parameter]


@dataclass(frozen=True, kw_only=True)
class StageSpec:
    """One stage: its function, its schemas and its reject reasons."""

    name: str
    """Of the asset, and of the folder in a store."""
    function: Callable[..., Batches]
    """Of batches, then language servers where `needs_servers`; its settings are keywords."""
    input: pa.Schema
    output: pa.Schema
    reasons: Mapping[str, str]
    """Why a row goes no further: reason -> what it means."""
    reads: tuple[str, ...] = ()
    """Columns of `input` that the function looks at."""
    adds: pa.Schema | None = None
    """The key and the columns that the function returns."""
    needs_servers: bool = False
    sees_whole_partition: bool = False
    """Whether a row's outcome depends on rows before it: then the function is called once for all."""
    counted_as: str = ""
    """The heading of its rows in the funnel; empty: it is not in it."""
    counters: tuple[str, ...] = ()
    """Further columns of the funnel, before its own, out of the manifest's `extra`."""

    @property
    def settings(self) -> Settings:
        """The keywords of the function that are a number or a word."""
        parameters = inspect.signature(self.function).parameters.values()
        return {
            parameter.name: parameter
            for parameter in parameters
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY and parameter.annotation in (int, float, str)
        }

    def run(
        self, batches: Batches, servers: VersionedServers | None = None, **settings: Any
    ) -> Iterator[pa.RecordBatch]:
        """Outcomes of `output` for whole rows of `input`, which are held while the function is at them."""
        given = (servers,) if self.needs_servers else ()
        if not self.reads:
            yield from self.function(batches, *given, **settings)
            return
        rows, ahead = itertools.tee(batches)
        outcomes = self.function((batch.select(self.reads) for batch in ahead), *given, **settings)
        yield from join_outcomes(rows, outcomes, self.output)


STAGES = (
    StageSpec(
        name="session_events",
        function=session_events.session_events,
        input=EVENTS,
        output=EVENTS,
        reasons=validation.REASONS,
        sees_whole_partition=True,
    ),
    StageSpec(
        name="error_states",
        function=partition.replay_partition,
        input=EVENTS,
        output=stages.ERROR_STATES,
        reasons=replay_reasons.REASONS,
        sees_whole_partition=True,
        counted_as="replayed",
        counters=("publications", "episodes", "settled", "sampled"),
    ),
    StageSpec(
        name="reproduced_diagnostics",
        function=reproduction.reproduce,
        input=stages.ERROR_STATES,
        output=stages.REPRODUCED_DIAGNOSTICS,
        reads=reproduction.READS,
        adds=reproduction.ADDS,
        reasons=reproduction.REASONS,
        needs_servers=True,
        counted_as="reproduced",
    ),
    StageSpec(
        name="repair_candidates",
        function=candidates.candidates,
        input=stages.REPRODUCED_DIAGNOSTICS,
        output=stages.REPAIR_CANDIDATES,
        reads=candidates.READS,
        adds=candidates.ADDS,
        reasons=candidates.REASONS,
        needs_servers=True,
        sees_whole_partition=True,
        counted_as="candidates",
    ),
    StageSpec(
        name="synthesized_diffs",
        function=synthesize_offline,
        input=stages.REPAIR_CANDIDATES,
        output=stages.SYNTHESIZED_DIFFS,
        reads=teacher.READS,
        adds=teacher.ADDS,
        reasons={**history.REASONS, **rules.REASONS, **model_teacher.REASONS, **lm_teacher.REASONS},
        needs_servers=True,
        counted_as="diffs",
    ),
    StageSpec(
        name="verified_diffs",
        function=stage.verify_rows,
        input=stages.SYNTHESIZED_DIFFS,
        output=stages.VERIFIED_DIFFS,
        reads=stage.READS,
        adds=stage.ADDS,
        reasons={**verifier.REASONS, **judge.REASONS},
        needs_servers=True,
        counted_as="verified",
    ),
    StageSpec(
        name="repair_examples",
        function=examples.examples,
        input=stages.VERIFIED_DIFFS,
        output=stages.REPAIR_EXAMPLES,
        reads=examples.READS,
        adds=examples.ADDS,
        reasons=examples.REASONS,
        counted_as="examples",
    ),
    StageSpec(
        name="workspace_benchmark",
        function=benchmark.workspace_samples,
        input=stages.REPAIR_EXAMPLES,
        output=benchmark.BENCHMARK_SAMPLES,
        reasons=benchmark.REASONS,
        needs_servers=True,
        sees_whole_partition=True,
    ),
    StageSpec(
        name="training_mixture",
        function=mixture.mixture,
        input=stages.REPAIR_EXAMPLES,
        output=mixture.MIXTURE,
        reasons=mixture.REASONS,
        sees_whole_partition=True,
    ),
    StageSpec(
        name="fix_acceptance",
        function=acceptance.fix_acceptance,
        input=EVENTS,
        output=stages.FIX_ACCEPTANCE,
        reasons=acceptance.REASONS,
        sees_whole_partition=True,
    ),
    StageSpec(
        name="preference_pairs",
        function=preferences.preference_pairs,
        input=stages.FIX_ACCEPTANCE,
        output=stages.PREFERENCE_PAIRS,
        reasons=preferences.REASONS,
        needs_servers=True,
        sees_whole_partition=True,
    ),
)
BY_NAME: Mapping[str, StageSpec] = {spec.name: spec for spec in STAGES}

OTHER_REASONS: Mapping[str, Mapping[str, str]] = {
    "leetcode_samples": samples.REASONS,
    "injected_bugs": bug_teacher.REASONS,
    "injected_samples": injected.REASONS,
    "checkpoint": accounting.REASONS,
    "judge_calibration": labelled_diffs.REASONS,
    "release": selection.REASONS,
}
"""Reject reasons of what no stage's function decides."""


def reasons_page() -> str:
    """docs/rejects.md: the reasons of each stage, in Markdown."""
    lines = [
        "# Why a row goes no further",
        "",
        "Each stage writes the rows that it rejects to a table `rejects`, with a reason and a detail, and",
        "its manifest counts them. This page is what `repair reasons` prints: it is made of the table in",
        "`repair/pipeline.py`. The last six are not among its stages: `leetcode_samples`, of all types of",
        "`leetcode_benchmark`, are made of published files, `injected_bugs` are asked of a language model,",
        "`injected_samples` are made of them and of mutators' bugs, a `checkpoint` is trained by another",
        "process, `judge_calibration` makes labelled diffs of `leetcode_samples`, and a `release` is what a",
        "frozen benchmark gives to others.",
    ]
    documented = [*((spec.name, spec.reasons) for spec in STAGES), *OTHER_REASONS.items()]
    for name, reasons in documented:
        lines += ["", f"## {name}", "", "| reason | meaning |", "|---|---|"]
        lines += [f"| `{reason}` | {meaning} |" for reason, meaning in reasons.items()]
    return "\n".join(lines) + "\n"
