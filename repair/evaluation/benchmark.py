"""Schemas of benchmark samples and scores, and the selection of the workspace benchmark.

Tested by `tests/repair/verification/test_proof.py` and `tests/repair_assets/`.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from repair.curation.diagnostic_text import task_text
from repair.schema.outcomes import Reject, outcome_batch
from repair.schema.stages import DIAGNOSTIC, FILES

WORKSPACE, LEETCODE = "workspace", "leetcode"

BENCHMARK_SAMPLES = pa.schema(
    [
        ("sample_id", pa.string()),
        ("benchmark", pa.string()),  # workspace, leetcode
        ("project_id", pa.string()),  # leetcode: the problem's slug
        ("code", pa.string()),
        ("path", pa.string()),
        ("reference", pa.string()),  # a response that is known to repair
        ("files", FILES),
        ("diagnostic", DIAGNOSTIC),
        ("before", pa.list_(DIAGNOSTIC)),
        ("target", pa.string()),  # the text of `path` after the reference
        ("target_files", FILES),  # the other files that the reference changes, after it
        ("tests", pa.string()),  # leetcode: a program that exits 0 if `target` is right, else null
        ("licence", pa.string()),  # SPDX expression of all texts of the row; null: not known
    ]
)

SCORES = pa.schema(
    [
        ("sample_id", pa.string()),
        ("benchmark", pa.string()),
        ("system", pa.string()),  # model, history (the reference itself), empty
        ("code", pa.string()),
        ("path", pa.string()),
        ("answer", pa.string()),
        ("outcome", pa.string()),  # repaired, or why not
        ("ast_match", pa.bool_()),
        ("ast_or_string_match", pa.bool_()),
        ("repaired", pa.bool_()),  # the servers agree
        ("functional", pa.bool_()),  # all tests pass; null: the sample has none
    ]
)


REASONS = {
    "not_held_out": "the project is trained on",
    "near_duplicate": "nearly the same diagnostic and lines around it as an earlier sample",
    "benchmark_full": "the benchmark has as many samples as it may have",
}


def workspace_samples(batches: Iterable[pa.RecordBatch], *, at_most: int = 40) -> Iterator[pa.RecordBatch]:
    """The workspace benchmark: outcomes of `BENCHMARK_SAMPLES` for rows of `REPAIR_EXAMPLES`.

    At most `at_most` samples, the first by `example_id`.
    """
    from repair.curation.near_duplicates import NearDuplicates  # the schemas are read in the core as well

    rows = sorted((row for batch in batches for row in batch.to_pylist()), key=lambda row: row["example_id"])
    seen = NearDuplicates()
    selected = 0

    def outcome(row: Mapping[str, Any]) -> dict[str, Any] | Reject:
        nonlocal selected
        if row["split"] != "test":
            return Reject(row, "not_held_out", f"project {row['project_id']} is in {row['split']}")
        if selected >= at_most:
            return Reject(row, "benchmark_full", f"the benchmark has its {at_most} samples")
        if (duplicate_of := seen.find_or_add(row["example_id"], task_text(row))) is not None:
            return Reject(row, "near_duplicate", f"of {duplicate_of}")
        selected += 1
        return {
            **{name: row.get(name) for name in BENCHMARK_SAMPLES.names},
            "sample_id": row["example_id"],
            "benchmark": WORKSPACE,
            "reference": row["response"],
            "target": row["repaired"],
            "target_files": row.get("repaired_files"),
        }

    yield outcome_batch(map(outcome, rows), BENCHMARK_SAMPLES)
