"""A verified repair as a training example: split by project, rendered in the sentinel schema."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from repair.dataset.splits import split_of
from repair.prompt.rows import prompt_of
from repair.prompt.sentinels import PROMPT_VERSION, PromptError, render_response
from repair.schema.outcomes import Reject, outcome_batch
from repair.schema.stages import REPAIR_EXAMPLES


def examples(batches: Iterable[pa.RecordBatch], *, split_seed: int) -> Iterator[pa.RecordBatch]:
    """Outcomes of `REPAIR_EXAMPLES` for rows of `VERIFIED_DIFFS`; rejected: what cannot be rendered."""
    for batch in batches:
        yield outcome_batch((_example(row, split_seed) for row in batch.to_pylist()), REPAIR_EXAMPLES)


def _example(row: Mapping[str, Any], split_seed: int) -> dict[str, Any] | Reject:
    try:
        prompt, response = prompt_of(row), render_response(row["line_diff"])
    except PromptError as error:
        return Reject(row, error.reason, str(error))
    content = "\0".join((row["diagnostic_id"], row["teacher"], PROMPT_VERSION, prompt, response))
    return {
        **{name: row[name] for name in REPAIR_EXAMPLES.names if name in row},
        "example_id": hashlib.sha256(content.encode()).hexdigest()[:32],
        "split": split_of(row["project_id"], split_seed),
        "code": row["diagnostic"]["code"],
        "prompt": prompt,
        "response": response,
        "prompt_version": PROMPT_VERSION,
    }
