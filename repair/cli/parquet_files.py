"""Parquet files that a person gives to a stage and gets from one: checked against a schema, written whole.

Tested by `tests/repair/cli/test_run.py`.
"""

from collections.abc import Collection, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from repair.errors import InputError
from repair.schema.events import EVENTS
from repair.schema.typed_rows import MAY_BE_NULL
from repair.store.atomic import whole_file

BATCH_ROWS = 64
_MAY_BE_NULL = {name.rpartition(".")[2] for name in MAY_BE_NULL}


def read_rows(
    path: Path, schema: pa.Schema, what: str, reads: Collection[str] = ()
) -> Iterator[pa.RecordBatch]:
    """The rows of a file in the columns of `schema`; other columns are left out.

    `reads`: the columns that are looked at (default: all): only there a null can do harm.

    Raises:
        InputError: the file can't be read, or lacks a column, or has one of another type; `what` names the
            rows that are expected.
    """
    try:
        parquet = pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path} can't be read as Parquet: {error}") from error
    found = parquet.schema_arrow
    for field in schema:
        if field.name not in found.names:
            raise InputError(
                f"{path} has no column {field.name!r} ({field.type}): expected {what}; it has"
                f" {', '.join(found.names)}"
            )
        if not _fits(found.field(field.name).type, field.type):
            raise InputError(
                f"column {field.name!r} of {path} is {found.field(field.name).type};"
                f" expected {field.type}, as in {what}"
            )
    batches = parquet.iter_batches(batch_size=BATCH_ROWS, columns=schema.names, use_threads=False)
    try:
        for batch in batches:
            columns = [batch.column(field.name).cast(field.type) for field in schema]
            conformed = pa.RecordBatch.from_arrays(columns, schema=schema)
            if (
                schema != EVENTS
            ):  # those come from strangers: the first stage rejects what they lack row by row
                _check_whole(path, conformed, reads or schema.names)
            yield conformed
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path} is damaged: {str(error)[:300]}") from error


def _check_whole(path: Path, batch: pa.RecordBatch, reads: Collection[str]) -> None:
    """Raise InputError for a null where a stage wrote none, and for text that is not UTF-8."""
    try:
        batch.validate(full=True)
    except pa.ArrowInvalid as error:
        raise InputError(f"{path} holds text that is not UTF-8: {str(error)[:300]}") from error
    for column in reads:
        name = _null_in(batch.column(column), column)
        if name is not None:
            raise InputError(f"column {name!r} of {path} has nulls, and a stage writes none there")


def _null_in(column: Any, name: str) -> str | None:
    """The name of the first column with nulls in `column` that may not have them."""
    if name.rpartition(".")[2] in _MAY_BE_NULL:
        return None
    if column.null_count:
        return name
    if pa.types.is_list(column.type):
        return _null_in(column.flatten(), name)
    if pa.types.is_struct(column.type):
        parts = zip(column.type, column.flatten(), strict=True)
        return next(filter(None, (_null_in(part, f"{name}.{field.name}") for field, part in parts)), None)
    return None


def _fits(found: pa.DataType, expected: pa.DataType) -> bool:
    """Whether the types are equal, but for what writers differ in: large types, and names of list items."""
    if pa.types.is_list(expected):
        is_list = pa.types.is_list(found) or pa.types.is_large_list(found)
        return is_list and _fits(found.value_type, expected.value_type)
    if pa.types.is_struct(expected):
        return (
            pa.types.is_struct(found)
            and [part.name for part in found] == [part.name for part in expected]
            and all(_fits(own.type, part.type) for own, part in zip(found, expected, strict=True))
        )
    large = {pa.string(): pa.large_string(), pa.binary(): pa.large_binary()}
    return found == expected or found == large.get(expected)


@contextmanager
def written_whole(path: Path, schema: pa.Schema) -> Generator[Any]:
    """A Parquet writer whose file is at `path` once all is written, and not before."""
    with whole_file(path) as pending, pq.ParquetWriter(pending, schema, compression="zstd") as writer:
        yield writer
