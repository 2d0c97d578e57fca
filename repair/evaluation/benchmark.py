"""Schemas of benchmark samples, predictions and scores, and the selection of the workspace benchmark.

Tested by `tests/repair_assets/test_benchmarks.py`.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from repair.curation.diagnostic_text import task_text
from repair.diagnostics.diagnostic import Diagnostic
from repair.errors import ConfigurationError
from repair.evaluation.annotation.decisions import (
    ACCEPT,
    CORRECT,
    REJECT,
    Consensus,
    Decisions,
    consensus,
    decisions_bytes,
    read_decisions,
    sample_sha256,
)
from repair.language_servers.scheduler import Servers
from repair.messages import printable
from repair.prompt.sentinels import render_response
from repair.schema.outcomes import Reject, outcome_batch
from repair.schema.rows import RepairExampleRow
from repair.schema.stages import DIAGNOSTIC, FILES
from repair.text.files import files_of
from repair.verification.verifier import verify

WORKSPACE, LEETCODE = "workspace", "leetcode"
INJECTED, INJECTED_CHOOSE = "leetcode_injected", "leetcode_injected_choose"
"""Recent problems with injected bugs: the half of the problems that is reported, and the half on which
thresholds are chosen, which is in no headline and no comparison."""

ASSETS = {
    WORKSPACE: "workspace_benchmark",
    LEETCODE: "leetcode_benchmark",
    INJECTED: "leetcode_benchmark",
    INJECTED_CHOOSE: "leetcode_benchmark",
}
"""The asset that has the samples of each benchmark."""
TITLES = {
    WORKSPACE: "Workspace repair: real diagnostics of held-out projects",
    LEETCODE: "LeetCode repair: published bugs of an academic benchmark",
    INJECTED: "LeetCode repair: recent problems with injected bugs, the half that is reported",
    INJECTED_CHOOSE: "LeetCode repair: recent problems with injected bugs, the half to choose thresholds on;"
    " no result",
}
REPORTED = tuple(benchmark for benchmark in ASSETS if benchmark != INJECTED_CHOOSE)
OF_PROBLEMS = tuple(benchmark for benchmark in ASSETS if benchmark != WORKSPACE)
"""Benchmarks of LeetCode problems: `project_id` is the problem's slug."""

_DECISIVE = (ACCEPT, CORRECT, REJECT)

BENCHMARK_SAMPLES = pa.schema(
    [
        ("sample_id", pa.string()),
        ("benchmark", pa.string()),  # one of `ASSETS`
        ("project_id", pa.string()),  # leetcode: the problem's slug
        ("code", pa.string()),
        ("path", pa.string()),
        ("reference", pa.string()),  # a response that is known to repair
        ("files", FILES),
        ("diagnostic", DIAGNOSTIC),
        ("before", pa.list_(DIAGNOSTIC)),
        ("target", pa.string()),  # the text of `path` after the reference
        ("target_files", FILES),  # the other files that the reference changes, after it
        ("tests", pa.string()),  # leetcode: JSON of a call, inputs and expected values, else null
        ("licence", pa.string()),  # SPDX expression of all texts of the row; null: not known
        ("verified_by", pa.int64()),  # how many people stand for the reference; null: nobody has looked
    ]
)

PREDICTIONS = pa.schema(
    [
        ("sample_id", pa.string()),
        ("benchmark", pa.string()),
        ("system", pa.string()),  # the name of the model (`repair.models.model`)
        ("answer_index", pa.int64()),  # from 0, where a model is asked for several
        ("prompt_version", pa.string()),
        ("prompt", pa.string()),  # what was asked; of a server's model the messages, as JSON
        ("answer", pa.string()),  # as it came; empty if there is none
        ("input_tokens", pa.int64()),  # null: not known
        ("output_tokens", pa.int64()),
        ("seconds", pa.float64()),  # until the answer ended, beside what else was decoded or open
        ("finish_reason", pa.string()),  # ended, closed, cut, too_long, unanswered
    ]
)

SCORES = pa.schema(
    [
        ("sample_id", pa.string()),
        ("benchmark", pa.string()),
        ("system", pa.string()),  # as in `PREDICTIONS`
        ("answer_index", pa.int64()),
        ("code", pa.string()),
        ("path", pa.string()),
        ("answer", pa.string()),
        ("outcome", pa.string()),  # repaired, or why not
        ("ast_match", pa.bool_()),
        ("ast_or_string_match", pa.bool_()),
        ("repaired", pa.bool_()),  # the servers agree
        ("functional", pa.bool_()),  # all tests pass, as LeetCode runs them; null: the sample has none
        ("functional_strict", pa.bool_()),  # and without the names that LeetCode imports for everybody
        ("output_tokens", pa.int64()),  # as in `PREDICTIONS`
        ("seconds", pa.float64()),
    ]
)


REASONS = {
    "not_held_out": "the project is trained on",
    "near_duplicate": "nearly the same diagnostic and lines around it as an earlier sample",
    "benchmark_full": "the benchmark has as many samples as it may have",
    "rejected_by_person": "annotators say that the sample is none; the detail is their reasons",
    "annotators_disagree": "annotators decided differently, and no adjudicator did",
    "correction_not_verified": "the diff that a person gave does not verify; the detail begins with why",
}


def workspace_samples(
    batches: Iterable[pa.RecordBatch],
    servers: Servers | None = None,
    *,
    at_most: int = 40,
    decisions: str = "",
) -> Iterator[pa.RecordBatch]:
    """The workspace benchmark: outcomes of `BENCHMARK_SAMPLES` for rows of `REPAIR_EXAMPLES`.

    `decisions` is the path or URI of what annotators decided; the rest is as in `decided_samples`. Raises
    InputError if it can't be read.
    """
    known = read_decisions(decisions_bytes(decisions), decisions) if decisions else Decisions()
    yield decided_samples(batches, servers, known, at_most=at_most)


def decided_samples(
    batches: Iterable[pa.RecordBatch], servers: Servers | None, known: Decisions, *, at_most: int
) -> pa.RecordBatch:
    """Outcomes of `BENCHMARK_SAMPLES` for rows of `REPAIR_EXAMPLES`, with the `known` decisions of people.

    At most `at_most` samples, the first by `example_id`; one that people take out leaves its place empty.
    Corrections are verified by `servers`. Raises ConfigurationError: there are corrections and no servers.
    """
    from repair.curation.near_duplicates import NearDuplicates  # the schemas are read in the core as well

    rows = sorted((row for batch in batches for row in batch.to_pylist()), key=lambda row: row["example_id"])
    seen = NearDuplicates()
    selected = 0

    def outcome(row: RepairExampleRow) -> Mapping[str, Any] | Reject:
        nonlocal selected
        if row["split"] != "test":
            return Reject(row, "not_held_out", f"project {row['project_id']} is in {row['split']}")
        if selected >= at_most:
            return Reject(row, "benchmark_full", f"the benchmark has its {at_most} samples")
        if (duplicate_of := seen.find_or_add(row["example_id"], task_text(row))) is not None:
            return Reject(row, "near_duplicate", f"of {duplicate_of}")
        selected += 1
        about = known.of(row["example_id"], sample_sha256(files_of(row), row["diagnostic"]))
        decided = {name: one for name, one in about.items() if one.decision in _DECISIVE}
        return _decided(row, consensus(decided), servers)

    return outcome_batch(map(outcome, rows), BENCHMARK_SAMPLES)


def _decided(
    row: RepairExampleRow, agreed: Consensus | None, servers: Servers | None
) -> Mapping[str, Any] | Reject:
    """The sample of an example, as annotators want it."""
    sample = {
        **{name: row.get(name) for name in BENCHMARK_SAMPLES.names},
        "sample_id": row["example_id"],
        "benchmark": WORKSPACE,
        "reference": row["response"],
        "target": row["repaired"],
        "target_files": row.get("repaired_files"),
        "verified_by": len(agreed.annotators) if agreed else None,
    }
    if agreed is None:
        return sample
    if agreed.decision is None:
        return Reject(sample, "annotators_disagree", printable(agreed.detail))
    if agreed.decision == REJECT:
        return Reject(sample, "rejected_by_person", printable(agreed.detail))
    if agreed.line_diff == row["line_diff"]:
        return sample
    if servers is None:
        raise ConfigurationError("corrections of annotators are verified: give language servers")
    before = [Diagnostic.from_row(known) for known in row["before"]]
    diagnostic = Diagnostic.from_row(row["diagnostic"])
    verdict = verify(files_of(row), diagnostic, agreed.line_diff, servers, before=before, anywhere=True)
    if not verdict.accepted or verdict.line_diff is None:
        detail = printable(f"{verdict.reason}: {verdict.evidence}")
        return Reject(sample, "correction_not_verified", detail)
    return {
        **sample,
        "reference": render_response(verdict.line_diff),
        "target": verdict.repaired,
        "target_files": [
            {"path": path, "text": text} for path, text in sorted(verdict.repaired_files.items())
        ],
    }
