"""Content hash of tables: of their rows, whatever the encoding or layout.

Equal rows in equal order hash alike whatever the batch boundaries, slices, dictionary encoding or
Parquet writer: each leaf column feeds three streams (which values are null, how long the lists and
strings are, the values), and the streams' digests are hashed together with the schema.

Tested by `tests/repair/store/test_reader.py`.
"""

import hashlib
from typing import Any

import pyarrow as pa
import pyarrow.compute

pc: Any = pyarrow.compute  # its functions are made at import, so that type checkers do not see them


class TableHash:
    """SHA-256 over record batches of one schema, fed in order."""

    def __init__(self, schema: pa.Schema) -> None:
        self._names = schema.names
        self._streams: dict[str, Any] = {}
        # Field metadata and nullability say nothing about the rows.
        self._head = "\n".join(f"{field.name}: {_logical(field.type)}" for field in schema)

    def update(self, batch: pa.RecordBatch) -> None:
        for name in self._names:
            self._feed(name, batch.column(name))

    def hexdigest(self) -> str:
        total = hashlib.sha256(self._head.encode())
        for key in sorted(self._streams):
            total.update(f"\n{key} ".encode())
            total.update(self._streams[key].digest())
        return total.hexdigest()

    def _stream(self, key: str, data: Any) -> None:
        if key not in self._streams:
            self._streams[key] = hashlib.sha256()
        self._streams[key].update(data)

    def _feed(self, key: str, array: pa.Array) -> None:
        kind = array.type
        if pa.types.is_dictionary(kind):
            array = array.dictionary_decode()
            kind = array.type
        self._stream(f"{key}/valid", _bytes(array.is_valid()))
        if pa.types.is_null(kind):
            return
        if pa.types.is_struct(kind):
            for field, child in zip(kind, array.flatten(), strict=True):
                self._feed(f"{key}.{field.name}", child)
            return
        values = array.drop_null()
        if _is_list(kind):
            self._stream(f"{key}/length", _bytes(pc.list_value_length(values).cast(pa.int64())))
            self._feed(f"{key}[]", values.flatten())
        elif _is_text(kind):
            lengths = pc.binary_length(values).cast(pa.int64())
            self._stream(f"{key}/length", _bytes(lengths))
            self._stream(f"{key}/value", _text_bytes(values))
        else:
            self._stream(f"{key}/value", _bytes(values))


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)


def _is_text(kind: pa.DataType) -> bool:
    return (
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    )


def _logical(kind: pa.DataType) -> str:
    """The type's name without what the writer chose: list item names, dictionaries."""
    if pa.types.is_dictionary(kind):
        return _logical(kind.value_type)
    if pa.types.is_struct(kind):
        return "{" + ", ".join(f"{field.name}: {_logical(field.type)}" for field in kind) + "}"
    if _is_list(kind):
        return f"[{_logical(kind.value_type)}]"
    return str(kind)


def _bytes(array: pa.Array) -> bytes:
    """The values of an array of fixed width without nulls, packed."""
    if pa.types.is_boolean(array.type):
        array = array.cast(pa.uint8())
    width = array.type.bit_width // 8
    buffer = array.buffers()[1]
    if buffer is None:
        return b""
    return memoryview(buffer)[array.offset * width : (array.offset + len(array)) * width].tobytes()


def _text_bytes(array: pa.Array) -> memoryview | bytes:
    """The characters of an array of strings without nulls, concatenated."""
    if len(array) == 0:
        return b""
    _, offset_buffer, data = array.buffers()
    large = pa.types.is_large_string(array.type) or pa.types.is_large_binary(array.type)
    offsets = memoryview(offset_buffer).cast("q" if large else "i")
    start, end = offsets[array.offset], offsets[array.offset + len(array)]
    return memoryview(data)[start:end] if data is not None else b""
