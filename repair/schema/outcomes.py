"""What became of a row: it goes on, or it is rejected with a reason. Nothing is lost.

A stage is a function from Arrow record batches to Arrow record batches. Its output holds the kept
and the rejected rows in one schema, `outcome_schema(stage schema)`: a kept row has a null `reason`.
Whoever runs the stage splits the two and proves that rows in = rows out + rejects.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa


def beside(batch: pa.RecordBatch, columns: pa.RecordBatch) -> pa.RecordBatch:
    """`batch` with the columns of another batch of as many rows."""
    return pa.RecordBatch.from_arrays(
        [*batch.columns, *columns.columns], schema=pa.schema([*batch.schema, *columns.schema])
    )


REASON, DETAIL, ROWS = "reason", "detail", "rows"

# What is kept of a rejected row, whichever stage it comes from.
REJECTS = pa.schema(
    [
        pa.field("diagnostic_id", pa.string()),
        pa.field("project_id", pa.string()),
        pa.field("path", pa.string()),
        pa.field("timestamp", pa.timestamp("us", tz="UTC")),
        pa.field("code", pa.string()),
        pa.field("message", pa.string()),
        pa.field(REASON, pa.string(), nullable=False),
        pa.field(DETAIL, pa.string()),
        pa.field(ROWS, pa.int64(), nullable=False),  # input rows that this line stands for
    ]
)


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that goes no further.

    `row` holds those columns of the stage that are known; `rows` is the number of input rows that
    this reject stands for.
    """

    row: Mapping[str, Any]
    reason: str
    detail: str = ""
    rows: int = 1


def outcome_schema(schema: pa.Schema) -> pa.Schema:
    """`schema` with the columns that tell a rejected row from a kept one."""
    return pa.schema(
        [*schema, pa.field(REASON, pa.string()), pa.field(DETAIL, pa.string()), pa.field(ROWS, pa.int64())]
    )


def outcome_batch(outcomes: Iterable[Mapping[str, Any] | Reject], schema: pa.Schema) -> pa.RecordBatch:
    """Kept rows (mappings) and rejects as one batch of `outcome_schema(schema)`, in order."""
    names = schema.names
    rows: list[dict[str, Any]] = []
    for outcome in outcomes:
        if isinstance(outcome, Reject):
            row = {name: outcome.row.get(name) for name in names}
            rows.append({**row, REASON: outcome.reason, DETAIL: outcome.detail, ROWS: outcome.rows})
        else:
            row = {name: outcome[name] for name in names}
            rows.append({**row, REASON: None, DETAIL: None, ROWS: 1})
    return pa.RecordBatch.from_pylist(rows, schema=outcome_schema(schema))
