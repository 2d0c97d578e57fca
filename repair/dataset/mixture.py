"""Training mixture over several days: decontamination, caps per code, near-duplicate removal."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa

from repair import unexpected
from repair.curation.diagnostic_text import task_text
from repair.curation.near_duplicates import NearDuplicates
from repair.dataset.splits import TEST
from repair.schema.guards import rejecting
from repair.schema.outcomes import Reject, outcome_batch
from repair.schema.rows import RepairExampleRow
from repair.text.files import text_of
from repair.text.stable_hash import rank

# `repair.training.dataset` renders the prompts of these rows.
MIXTURE = pa.schema(
    [
        ("example_id", pa.string()),
        ("project_id", pa.string()),
        ("code", pa.string()),
        ("split", pa.string()),
        ("path", pa.string()),
        ("message", pa.string()),
        ("error_line", pa.int64()),  # 0-based
        ("response", pa.string()),
        ("date", pa.string()),  # of the text table that has the text of `path`
        ("text_sha256", pa.string()),
    ]
)

BATCH_ROWS = 1000


REASONS = {
    "held_out": "the project is for tests",
    "contaminated": "a benchmark sample has the same project, or nearly the same file",
    "cap_code": "the mixture has enough examples of the diagnostic code",
    "near_duplicate": "nearly the same diagnostic, lines around it and repair as an earlier example",
    **unexpected.REASONS,
}


def mixture(
    examples: Iterable[pa.RecordBatch],
    benchmarks: Iterable[pa.RecordBatch] = (),
    *,
    seed: int = 17,
    cap_per_code: int = 20_000,
) -> Iterator[pa.RecordBatch]:
    """Outcomes of `MIXTURE` for rows of `REPAIR_EXAMPLES`; the accepted ones come last, in a seeded order.

    The examples may have a column `date` besides. `benchmarks` are rows of `BENCHMARK_SAMPLES`. `seed`: of
    the order of the examples, which decides where a cap applies; `cap_per_code`: the most examples of one
    diagnostic code.

    The result does not depend on the order of the input. Memory holds responses and tasks, not workspaces:
    some kilobytes for each example that is not rejected at once.
    """
    projects: set[str] = set()
    files = NearDuplicates()
    for batch in benchmarks:
        for row in batch.to_pylist():
            projects.add(row["project_id"])
            files.find_or_add(row["sample_id"], text_of(row))
    checked: dict[str, str | None] = {}

    def contamination(row: RepairExampleRow) -> str | None:
        if row["project_id"] in projects:
            return f"project {row['project_id']} is in a benchmark"
        text, key = text_of(row), _text_sha256(row)
        if key not in checked:  # a file has many diagnostics
            checked[key] = files.find(text)
        sample = checked[key]
        return None if sample is None else f"the file nearly equals that of sample {sample}"

    def task_of(row: RepairExampleRow) -> str | Reject:
        if row["split"] == TEST:
            return Reject(row, "held_out", f"project {row['project_id']} is for tests")
        if (why := contamination(row)) is not None:
            return Reject(row, "contaminated", why)
        return task_text(row, row["line_diff"])

    pending: list[tuple[str, dict[str, Any], str]] = []
    for batch in examples:
        rejects: list[Reject] = []
        for row in batch.to_pylist():
            task = rejecting(task_of, row)
            if isinstance(task, Reject):
                rejects.append(task)
            else:
                pending.append((rank(seed, row["example_id"]), _without_text(row), task))
        yield outcome_batch(rejects, MIXTURE)
    pending.sort(key=lambda item: item[0])
    seen, selected = NearDuplicates(), Counter[str]()
    for start in range(0, len(pending), BATCH_ROWS):
        part = pending[start : start + BATCH_ROWS]
        yield outcome_batch(
            [_selected(row, task, seen, selected, cap_per_code) for _, row, task in part], MIXTURE
        )


def _selected(
    row: dict[str, Any], task: str, seen: NearDuplicates, selected: Counter[str], cap_per_code: int
) -> dict[str, Any] | Reject:
    if selected[row["code"]] >= cap_per_code:
        return Reject(row, "cap_code", f"{row['code']} has its {cap_per_code} examples")
    if (duplicate_of := seen.find_or_add(row["example_id"], task)) is not None:
        return Reject(row, "near_duplicate", f"of example {duplicate_of}")
    selected[row["code"]] += 1
    return row


def _without_text(row: RepairExampleRow) -> dict[str, Any]:
    diagnostic = row["diagnostic"]
    return {
        **{name: row.get(name) for name in MIXTURE.names},
        "message": diagnostic["message"],
        "error_line": diagnostic["start_line"],
        "text_sha256": _text_sha256(row),
    }


def _text_sha256(row: RepairExampleRow) -> str:
    return hashlib.sha256(text_of(row).encode()).hexdigest()
