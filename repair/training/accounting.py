"""Accounting of a training: examples of the mixture that were trained on, and those left out.

Tested by `tests/repair/training/test_program.py`.
"""

from collections.abc import Collection

import pyarrow as pa

from repair.schema.outcomes import REJECTS

TRAINED = pa.schema([("example_id", pa.string())])
READS = ("example_id", "project_id", "code")
LONGER_THAN_CONTEXT = "longer_than_context"
REASONS = {LONGER_THAN_CONTEXT: "the example does not fit a row of the recipe; an answer is never cut"}


def trained_and_rejected(mixture: pa.Table, left_out: Collection[str]) -> tuple[pa.Table, pa.Table]:
    """Rows of `TRAINED` and of `REJECTS` for a mixture's columns `READS`; `left_out` are ids of examples."""
    rows = mixture.to_pylist()
    trained = [{"example_id": row["example_id"]} for row in rows if row["example_id"] not in left_out]
    rejects = [
        {
            "project_id": row["project_id"],
            "code": row["code"],
            "reason": LONGER_THAN_CONTEXT,
            "detail": f"example {row['example_id']} does not fit a row; an answer is never cut",
            "rows": 1,
        }
        for row in rows
        if row["example_id"] in left_out
    ]
    return pa.Table.from_pylist(trained, TRAINED), pa.Table.from_pylist(rejects, REJECTS)
