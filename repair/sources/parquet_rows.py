"""Parquet reader for files of strangers: batches by bytes, and a problem for each row whose values don't fit.

Texts are read as dictionaries, so that a value that many rows share is in memory once; they are decoded in
slices of few bytes, without the rows that are too large.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from repair.errors import InputError
from repair.messages import shown, shown_names
from repair.recording.validation import Problem, rows_where
from repair.replay.workspace_file import LARGEST_CONTENT

pc: Any = pyarrow.compute  # makes its functions at import, so no checker knows them

BATCH_ROWS = 8192
BATCH_BYTES = 32 << 20
LARGEST_ROW_GROUP = 1 << 30
"""Bytes of a row group when it is unpacked. One page may have that many, and is in memory whole."""
_VALUE_BYTES = 8
_LATEST = 253_402_300_799  # the last second of the year 9999
_UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}

OnProblem = Callable[[str, Problem], None]
"""Called with the location of a row that is left out, and why."""
Located = Iterator[tuple[list[str], pa.RecordBatch]]
"""Batches with the location of each row: `row 7`, counted from 1."""


def located_batches(file: Path, schema: pa.Schema, needed: Iterable[str], problem: OnProblem) -> Located:
    """The rows of `file` in the columns of `schema`; a column that it lacks is null.

    Nanoseconds of a time are cut to microseconds. Raises InputError if the file is damaged, is not Parquet,
    lacks a column in `needed`, or has one that `schema` lacks or that can't become its type.
    """
    try:
        with pq.ParquetFile(file, read_dictionary=_texts(file)) as parquet:
            _check_columns(file, pq.read_schema(file), schema, set(needed))
            first = 1
            for group in range(parquet.num_row_groups):
                rows, size = _measured(file, parquet.metadata.row_group(group))
                batch_rows = max(1, min(BATCH_ROWS, rows * BATCH_BYTES // max(1, size)))
                for batch in parquet.iter_batches(batch_rows, row_groups=[group], use_threads=False):
                    locations = [f"row {first + row}" for row in range(batch.num_rows)]
                    first += batch.num_rows
                    yield from _conformed(batch, locations, schema, problem)
    except (pa.ArrowException, OSError, UnicodeDecodeError, MemoryError) as error:
        raise InputError(f"{file} is not readable as Parquet: {str(error)[:300]}") from None


def _texts(file: Path) -> list[str]:
    """The paths of the columns that may be read as dictionaries."""
    columns = pq.read_metadata(file).schema
    found = (columns.column(number) for number in range(len(columns)))
    return [column.path for column in found if column.physical_type == "BYTE_ARRAY"]


def _measured(file: Path, group: Any) -> tuple[int, int]:
    """The rows of a row group, and the bytes of it that a reader may have in memory."""
    columns = [group.column(number) for number in range(group.num_columns)]
    sizes = (max(part.total_uncompressed_size, _VALUE_BYTES * part.num_values) for part in columns)
    size = sum(sizes)
    if size > LARGEST_ROW_GROUP:
        raise InputError(
            f"{file} has a row group of {size:,} bytes unpacked, expected at most {LARGEST_ROW_GROUP:,}; "
            "write it with fewer rows in a group"
        )
    return group.num_rows, size


def _check_columns(file: Path, found: pa.Schema, schema: pa.Schema, needed: set[str]) -> None:
    missing, unknown = needed - set(found.names), set(found.names) - set(schema.names)
    twice = {name for name in found.names if found.names.count(name) > 1} if not unknown else ()
    if missing or unknown or twice:
        raise InputError(
            f"{file} lacks the columns {sorted(missing)}, has {shown_names(unknown) or 'nothing'} too "
            f"and {shown_names(twice) or 'none'} twice; expected some of {', '.join(schema.names)}"
        )
    for field in found:
        wanted = schema.field(field.name).type
        if pa.types.is_timestamp(wanted) and (not pa.types.is_timestamp(field.type) or field.type.tz is None):
            raise InputError(f"{file}: {field.name} is {field.type}, expected a timestamp with a time zone")
        _check_type(f"{file}: {field.name}", field.type, wanted)


def _check_type(name: str, found: pa.DataType, wanted: pa.DataType) -> None:
    if _is_list(wanted) and _is_list(found):
        return _check_type(name, found.value_type, wanted.value_type)
    if pa.types.is_struct(wanted) and pa.types.is_struct(found):
        lacks = {part.name for part in wanted if not part.nullable} - {part.name for part in found}
        more = [part.name for part in found] if len({part.name for part in found}) < found.num_fields else []
        more += [part.name for part in found if wanted.get_field_index(part.name) < 0]
        if lacks or more:
            raise InputError(
                f"{name} lacks {shown_names(lacks) or 'nothing'} and has {shown_names(more) or 'nothing'} "
                f"too; expected {', '.join(part.name for part in wanted)}"
            )
        for part in found:
            _check_type(f"{name}.{part.name}", part.type, wanted.field(part.name).type)
        return None
    try:
        pa.array([], found).cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
        raise InputError(f"{name} is {shown(str(found))[1:-1]}, expected {wanted}") from None
    return None


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind)


def _conformed(batch: pa.RecordBatch, locations: list[str], schema: pa.Schema, problem: OnProblem) -> Located:
    """`batch` in the columns of `schema`, in slices of `BATCH_BYTES` when it is decoded."""
    sizes = {name: bytes_of_rows(batch.column(name)).to_pylist() for name in batch.schema.names}
    kept: list[int] = []
    for row, of_columns in enumerate(zip(*sizes.values(), strict=True)):
        if max(of_columns) <= LARGEST_CONTENT:
            kept.append(row)
            continue
        name = next(name for name, size in zip(sizes, of_columns, strict=True) if size > LARGEST_CONTENT)
        expected, hint = f"a {name} of at most {LARGEST_CONTENT >> 20} MiB", "leave such values out"
        problem(locations[row], Problem("too_large", expected, hint))
    total = [sum(of_columns) for of_columns in zip(*sizes.values(), strict=True)]
    for rows in _slices(kept, total):
        part, where = batch.take(pa.array(rows, pa.int64())), [locations[row] for row in rows]
        columns: list[pa.Array] = []
        bad: dict[int, Problem] = {}
        for field in schema:
            if field.name not in part.schema.names:
                columns.append(pa.nulls(len(rows), field.type))
                continue
            column, unfit = _fitting(part.column(field.name), field.type)
            columns.append(column)
            for row in unfit:
                bad.setdefault(row, _unfit(field))
        for row, unfit_value in sorted(bad.items()):
            problem(where[row], unfit_value)
        decoded = pa.RecordBatch.from_arrays(columns, schema=schema)
        if bad:
            decoded = decoded.filter(pa.array([row not in bad for row in range(len(rows))]))
            where = [location for row, location in enumerate(where) if row not in bad]
        yield where, decoded


def _slices(rows: list[int], sizes: list[int]) -> Iterator[list[int]]:
    """`rows` in groups of at most `BATCH_BYTES`, or of one row."""
    if not rows:
        return
    ends = list(accumulate(sizes[row] for row in rows))
    starts = [0]
    for index, end in enumerate(ends):
        start = starts[-1]
        if index > start and end - (ends[start - 1] if start else 0) > BATCH_BYTES:
            starts.append(index)
    for start, stop in pairwise([*starts, len(rows)]):
        yield rows[start:stop]


def bytes_of_rows(column: Any) -> pa.Array:
    """The bytes that each row of `column` takes when it is decoded."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return pc.fill_null(bytes_of_rows(column.dictionary).take(column.indices), 0)
    if _is_list(kind):
        parents = pc.list_parent_indices(column).cast(pa.int64())
        values = pa.table({"row": parents, "bytes": bytes_of_rows(column.flatten())})
        sums = values.group_by("row").aggregate([("bytes", "sum")])
        found = dict(zip(sums["row"].to_pylist(), sums["bytes_sum"].to_pylist(), strict=True))
        return pa.array([found.get(row, 0) for row in range(len(column))], pa.int64())
    if pa.types.is_struct(kind):
        parts = [bytes_of_rows(part) for part in column.flatten()]
        return _sum(parts, len(column))
    if pa.types.is_string(kind) or pa.types.is_binary(kind) or _is_large(kind):
        return pc.fill_null(pc.binary_length(column).cast(pa.int64()), 0)
    return pa.array([_VALUE_BYTES] * len(column), pa.int64())


def _is_large(kind: pa.DataType) -> bool:
    return pa.types.is_large_string(kind) or pa.types.is_large_binary(kind)


def _sum(parts: list[pa.Array], length: int) -> pa.Array:
    total = pa.array([0] * length, pa.int64())
    for part in parts:
        total = pc.add(total, part)
    return total


def _fitting(column: Any, wanted: pa.DataType) -> tuple[pa.Array, list[int]]:
    """`column` as the type `wanted`, and the elements that it can't hold, which are null."""
    found = column.type
    if pa.types.is_dictionary(found):
        column = column.dictionary_decode()
        found = column.type
    if _is_list(found) and _is_list(wanted):
        values, unfit = _fitting(column.flatten(), wanted.value_type)
        unfit += rows_where(pc.is_null(values))
        parents = pc.list_parent_indices(column).to_pylist()
        lengths = pc.fill_null(pc.list_value_length(column), 0).to_pylist()
        offsets = pa.array(list(accumulate(lengths, initial=0)), pa.int32())
        lists = pa.ListArray.from_arrays(offsets, values, type=wanted, mask=pc.is_null(column))
        return lists, sorted({parents[element] for element in unfit})
    if pa.types.is_struct(found) and pa.types.is_struct(wanted):
        columns: list[pa.Array] = []
        bad: set[int] = set()
        for part in wanted:
            if found.get_field_index(part.name) < 0:
                columns.append(pa.nulls(len(column), part.type))
                continue
            values, unfit = _fitting(pc.struct_field(column, part.name), part.type)
            columns.append(values)
            bad.update(unfit)
            if not part.nullable:
                bad.update(rows_where(pc.is_null(values)))
        structs = pa.StructArray.from_arrays(columns, fields=list(wanted), mask=pc.is_null(column))
        return structs, sorted(bad)
    if pa.types.is_timestamp(found) and pa.types.is_timestamp(wanted):
        return _microseconds(column, wanted)
    return _cast(column, wanted)


def _microseconds(times: Any, wanted: pa.DataType) -> tuple[pa.Array, list[int]]:
    """Times to the microsecond; those before 1970 or after the year 9999 do not fit."""
    units = _UNITS[times.type.unit]
    counts = times.cast(pa.int64())
    most = min(_LATEST * units + units - 1, 2**63 - 1)
    sound = pc.and_(pc.greater_equal(counts, 0), pc.less_equal(counts, most))
    unfit = rows_where(pc.invert(pc.fill_null(sound, True)))
    counts = pc.if_else(sound, counts, None)
    scale = _UNITS["us"]
    scaled = pc.divide(counts, units // scale) if units > scale else pc.multiply(counts, scale // units)
    return scaled.cast(wanted), unfit


def _cast(column: Any, wanted: pa.DataType) -> tuple[pa.Array, list[int]]:
    """`column` as `wanted`; the elements that do not fit are found by bisection."""
    try:
        return column.cast(wanted), []
    except pa.ArrowInvalid:
        if len(column) == 1:
            return pa.nulls(1, wanted), [0]
    half = len(column) // 2
    left, unfit = _cast(column[:half], wanted)
    right, more = _cast(column[half:], wanted)
    return pa.concat_arrays([left, right]), [*unfit, *(half + element for element in more)]


def _unfit(field: pa.Field) -> Problem:
    if pa.types.is_timestamp(field.type):
        return Problem("bad_timestamp", "a timestamp from 1970 on", "check its unit and the recorder's clock")
    if pa.types.is_string(field.type):
        return Problem("bad_utf8", f"UTF-8 in {field.name}", "convert the text to UTF-8 before recording it")
    return Problem("malformed_event", f"{field.name} as {field.type}", "write the column in this type")
