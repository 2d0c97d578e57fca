"""Outcome of a row: it goes on, or it is rejected with a reason. Nothing is lost.

A stage is a function from Arrow record batches to Arrow record batches. Its output holds the kept
and the rejected rows in one schema, `outcome_schema(stage schema)`: a kept row has a null `reason`.
A function that works row by row returns the row's key and the columns that it adds; `join_outcomes` puts
them beside the rest of the row. Whoever runs the stage splits kept and rejected rows and proves that
rows in = rows out + rejects.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute

from repair.schema.texts import holds_texts

pc: Any = pyarrow.compute  # its functions are made at import, so that type checkers do not see them

KEY = "diagnostic_id"


def subschema(schema: pa.Schema, names: Iterable[str]) -> pa.Schema:
    """The fields of these names, in this order."""
    return pa.schema([schema.field(name) for name in names])


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
    """Kept rows (mappings) and rejects as one batch of `outcome_schema(schema)`, in order.

    Of a reject the texts are left out: it goes no further.
    """
    names = schema.names
    known = [field.name for field in schema if not holds_texts(field)]
    rows: list[dict[str, Any]] = []
    for outcome in outcomes:
        if isinstance(outcome, Reject):
            row = {name: outcome.row.get(name) for name in known}
            rows.append({**row, REASON: outcome.reason, DETAIL: outcome.detail, ROWS: outcome.rows})
        else:
            row = {name: outcome[name] for name in names}
            rows.append({**row, REASON: None, DETAIL: None, ROWS: 1})
    return pa.RecordBatch.from_pylist(rows, schema=outcome_schema(schema))


def join_outcomes(
    rows: Iterable[pa.RecordBatch], outcomes: Iterable[pa.RecordBatch], schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    """Merge join of a stage's input rows and its outcomes, which come in the same order, one for each row.

    Gives batches of `outcome_schema(schema)`: a column comes from the outcome if it is there, else from the
    row. What a rejected row's outcome leaves open is taken from the row.
    """
    batches = (batch for batch in rows if batch.num_rows)
    remaining: pa.RecordBatch | None = None
    for outcome in outcomes:
        done = 0
        while done < outcome.num_rows:
            if remaining is None and (remaining := next(batches, None)) is None:
                raise RuntimeError(f"{outcome[KEY][done]} has an outcome, and the input has no further row")
            count = min(remaining.num_rows, outcome.num_rows - done)
            yield _joined(remaining.slice(0, count), outcome.slice(done, count), schema)
            done += count
            remaining = remaining.slice(count) if count < remaining.num_rows else None
        if not outcome.num_rows:
            yield outcome_batch([], schema)
    if remaining is not None or (remaining := next(batches, None)) is not None:
        raise RuntimeError(f"the row {remaining[KEY][0]} and those after it have no outcome")


def _joined(rows: pa.RecordBatch, outcomes: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    keys, given = rows.column(KEY), outcomes.column(KEY)
    if not keys.equals(given):
        first = next(index for index, key in enumerate(keys) if key != given[index])
        raise RuntimeError(f"the outcome of {given[first]} came in the place of that of {keys[first]}")
    rejected = pc.is_valid(outcomes.column(REASON))
    some_rejected = rejected.true_count > 0
    columns: list[pa.Array] = []
    for name in outcome_schema(schema).names:
        if name not in outcomes.schema.names:
            columns.append(rows.column(name))
            continue
        column = outcomes.column(name)
        if some_rejected and column.null_count and name in rows.schema.names:
            column = pc.if_else(pc.and_(rejected, pc.is_null(column)), rows.column(name), column)
        columns.append(column)
    return pa.RecordBatch.from_arrays(columns, schema=outcome_schema(schema))


def split_outcomes(batch: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """The kept rows without the columns of an outcome, and the rejected ones as rows of `REJECTS`."""
    kept = batch.filter(pc.is_null(batch.column(REASON))).drop_columns([REASON, DETAIL, ROWS])
    return kept, _rejects_of(batch.filter(pc.is_valid(batch.column(REASON))))


def _rejects_of(batch: pa.RecordBatch) -> pa.RecordBatch:
    """What is kept of rejected outcomes, whatever the stage's own columns are."""
    names = set(batch.schema.names)

    def first_of(*sources: str) -> pa.Array | None:
        arrays: list[pa.Array] = []
        for source in sources:
            column, _, child = source.partition(".")
            if column in names:
                array = batch.column(column)
                arrays.append(pc.struct_field(array, child) if child else array)
        return pc.coalesce(*arrays) if arrays else None

    columns = {
        "timestamp": first_of("moment", "timestamp"),
        "code": first_of("diagnostic.code", "recorded.code", "code"),
        "message": first_of("diagnostic.message", "recorded.message", "message"),
    }
    filled: list[pa.Array] = []
    for target in REJECTS:
        array = columns.get(target.name) if target.name in columns else first_of(target.name)
        filled.append(array.cast(target.type) if array is not None else pa.nulls(batch.num_rows, target.type))
    return pa.RecordBatch.from_arrays(filled, schema=REJECTS)
