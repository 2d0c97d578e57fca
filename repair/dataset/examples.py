"""Training examples from verified repairs, split by project.

Tested by `tests/repair/verification/test_proof.py` and `tests/code_location/test_graph.py`.
"""

import hashlib
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import pyarrow as pa

from repair import unexpected
from repair.curation.consent import NOT_FOR, allows
from repair.dataset.splits import SPLIT_SEED, TEST, split_of
from repair.diagnostics.diagnostic import Diagnostic
from repair.prompt.excerpt import OutsideExcerptError, check_inside
from repair.prompt.rows import prompt_of
from repair.prompt.sentinels import PROMPT_VERSION, PromptError, render_response
from repair.schema.events import Purpose
from repair.schema.guards import rejecting
from repair.schema.outcomes import KEY, Reject, outcome_batch, subschema
from repair.schema.rows import VerifiedDiffRow
from repair.schema.stages import REPAIR_EXAMPLES
from repair.text.files import files_of

REASONS = {
    NOT_FOR[Purpose.TRAINING]: "the project is on the side of training, to which its owner did not agree",
    NOT_FOR[Purpose.EVALUATION]: "the project is held out, and its owner did not agree to evaluation",
    "malformed_prompt": "the row can't be written as a prompt and a response",
    OutsideExcerptError.reason: "the diff changes lines that the prompt does not show (verified by an earlier"
    " version of the prompt)",
    **unexpected.REASONS,
}

READS = (KEY, "project_id", "purposes", "path", "files", "diagnostic", "teacher", "line_diff")
ADDS = subschema(REPAIR_EXAMPLES, (KEY, "example_id", "split", "code", "response", "prompt_version"))


def examples(batches: Iterable[pa.RecordBatch], *, split_seed: int = SPLIT_SEED) -> Iterator[pa.RecordBatch]:
    """The example stage: outcomes of `ADDS` for rows of `VERIFIED_DIFFS`."""
    for batch in batches:
        rows = batch.select(READS).to_pylist()
        step = partial(_example, split_seed=split_seed)
        yield outcome_batch((rejecting(step, row) for row in rows), ADDS)


def _example(row: VerifiedDiffRow, split_seed: int) -> dict[str, Any] | Reject:
    split = split_of(row["project_id"], split_seed)
    purpose = Purpose.EVALUATION if split == TEST else Purpose.TRAINING
    if not allows(row.get("purposes"), purpose):
        return Reject(row, NOT_FOR[purpose], f"the owner agreed to {', '.join(row['purposes'] or ())} alone")
    try:
        prompt, response = prompt_of(row), render_response(row["line_diff"])
        check_inside(files_of(row), Diagnostic.from_row(row["diagnostic"]), row["line_diff"])
    except (PromptError, OutsideExcerptError) as error:
        return Reject(row, error.reason, str(error))
    content = "\0".join((row["diagnostic_id"], row["teacher"], PROMPT_VERSION, prompt, response))
    return {
        KEY: row[KEY],
        "example_id": hashlib.sha256(content.encode()).hexdigest()[:32],
        "split": split,
        "code": row["diagnostic"]["code"],
        "response": response,
        "prompt_version": PROMPT_VERSION,
    }
