"""Text columns of record batches: replaced by SHA-256 on the way into a store, joined on the way out.

Both work on Arrow's columns as a whole; a text is hashed once for each column of a batch that holds it,
however many rows share it.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute

from repair.extras import extra
from repair.schema.texts import SHA256, joined_field, stored_field
from repair.store.files import cut
from repair.store.text_table import TEXTS, TextTable, distinct_texts, utf8_values

with extra("pipeline"):
    import numpy as np

pc: Any = pyarrow.compute  # its functions are made at import, so that type checkers do not see them

JOINED_BYTES = 64 << 20
"""Rows are joined up to this size of their texts at a time, or row by row."""


def strip_texts(batch: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.Table]:
    """`batch` as a store keeps it, and its distinct texts as a table of `TEXTS`."""
    found: list[pa.Table] = []

    def hashed(leaf: pa.Array) -> pa.Array:
        encoded = leaf.dictionary_encode()
        texts = pa.Table.from_arrays(
            [sha256_of_each(encoded.dictionary), _lengths(encoded.dictionary), encoded.dictionary],
            schema=TEXTS,
        )
        found.append(texts)
        return texts.column(SHA256).combine_chunks().take(encoded.indices)

    stripped = _replaced(batch, stored_field, batch.schema.names, hashed)
    return stripped, distinct_texts(found)


def join_texts(
    batch: pa.RecordBatch, texts: TextTable, columns: Collection[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """`batch` with its texts, in parts of about `JOINED_BYTES`.

    `columns`: which columns get their texts, by their names in memory; the others keep their hashes.
    Raises StoreError where `texts` lacks one.
    """
    joined = [
        field.name
        for field in batch.schema
        if joined_field(field) != field and (columns is None or joined_field(field).name in columns)
    ]
    if not joined:
        yield batch
        return

    def text_of(leaf: pa.Array) -> pa.Array:
        encoded = leaf.dictionary_encode()
        return texts.get(encoded.dictionary).take(encoded.indices)

    for part in _parts(batch, joined, texts):
        yield _replaced(part, joined_field, joined, text_of)


def look_up_texts(batch: pa.RecordBatch, texts: TextTable) -> None:
    """Raises StoreError where `texts` lacks a text that a stored batch names."""
    for field in batch.schema:
        if joined_field(field) != field:
            _text_bytes(batch.column(field.name), texts)


def hashes_named(batch: pa.RecordBatch) -> Iterator[pa.Array]:
    """The hashes under which a stored batch names its texts, column by column, with repeats and nulls."""
    for field in batch.schema:
        if joined_field(field) != field:
            yield from _hashes_below(batch.column(field.name))


def _hashes_below(array: pa.Array) -> Iterator[pa.Array]:
    if pa.types.is_list(array.type):
        yield from _hashes_below(array.flatten())
    elif pa.types.is_struct(array.type):
        for part, child in zip(array.type, array.flatten(), strict=True):
            if part.name == SHA256 or not pa.types.is_string(part.type):
                yield from _hashes_below(child)
    elif pa.types.is_string(array.type):
        yield array


def sha256_of_each(texts: pa.StringArray) -> pa.Array:
    """SHA-256, in hexadecimal, of each text's UTF-8 bytes; there must be no null."""
    return pa.array([hashlib.sha256(value).hexdigest() for value in utf8_values(texts)], pa.string())


def _lengths(texts: pa.StringArray) -> pa.Array:
    return pc.binary_length(texts).cast(pa.int64())


def _replaced(
    batch: pa.RecordBatch,
    field_of: Callable[[pa.Field], pa.Field],
    columns: Collection[str],
    leaf: Callable[[pa.Array], pa.Array],
) -> pa.RecordBatch:
    fields: list[pa.Field] = []
    arrays: list[pa.Array] = []
    for field, array in zip(batch.schema, batch.columns, strict=True):
        target = field_of(field) if field.name in columns else field
        fields.append(target)
        if target == field:
            arrays.append(array)
        elif pa.types.is_string(field.type):
            arrays.append(leaf(array))
        else:
            arrays.append(_replaced_below(array, target.type, leaf))
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def _replaced_below(array: pa.Array, kind: pa.DataType, leaf: Callable[[pa.Array], pa.Array]) -> pa.Array:
    if pa.types.is_list(kind):
        offsets = pa.array(_offsets(array), pa.int32())
        values = _replaced_below(array.flatten(), kind.value_type, leaf)
        return pa.ListArray.from_arrays(offsets, values, type=kind, mask=array.is_null())
    if pa.types.is_struct(kind):
        children = [
            leaf(child) if own.name != part.name else _replaced_below(child, part.type, leaf)
            for own, part, child in zip(array.type, kind, array.flatten(), strict=True)
        ]
        return pa.StructArray.from_arrays(children, fields=list(kind), mask=array.is_null())
    return array


def _offsets(lists: pa.Array) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Where the items of each list begin in `lists.flatten()`, and where the last ones end."""
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])


def _parts(batch: pa.RecordBatch, joined: Collection[str], texts: TextTable) -> Iterator[pa.RecordBatch]:
    sizes = np.zeros(batch.num_rows, np.int64)
    for name in joined:
        sizes += _text_bytes(batch.column(name), texts)
    for start, stop in cut(sizes, JOINED_BYTES):
        yield batch.slice(start, stop - start)
    if not batch.num_rows:
        yield batch


def _text_bytes(array: pa.Array, texts: TextTable) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Bytes of the texts in each value of a stored column."""
    if pa.types.is_list(array.type):
        ends = np.concatenate([[0], np.cumsum(_text_bytes(array.flatten(), texts))])
        offsets = _offsets(array)
        return ends[offsets[1:]] - ends[offsets[:-1]]
    if pa.types.is_struct(array.type):
        names = [part.name for part in array.type]
        array = array.flatten()[names.index(SHA256)]
    encoded = array.dictionary_encode()
    sizes = texts.sizes(encoded.dictionary)
    indices = encoded.indices
    found = np.zeros(len(array), np.int64)
    found[indices.is_valid().to_numpy(zero_copy_only=False)] = sizes[indices.drop_null().to_numpy()]
    return found
