"""Atomic, hashed and row-grouped writing of files.

Tested by `tests/repair/store/test_text_columns.py`.
"""

import hashlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from repair.errors import StoreError
from repair.store.content_hash import TableHash

if TYPE_CHECKING:
    import numpy as np

READ_ERRORS = (pa.ArrowException, OSError, ValueError, OverflowError, LookupError)
"""What reading damaged bytes raises: Arrow's errors, and those of Python where it makes values of them."""

_CHANGES = ("size", "ino", "mtime", "created", "generation", "etag", "ETag", "updated", "LastModified")

ROW_GROUP_BYTES = 64 << 20
"""Rows are gathered up to this size in memory. A workspace text that many rows of a row group share
is stored once, so the dictionary may grow as large."""


def cut(sizes: "np.ndarray[Any, Any]", most: int) -> Iterator[tuple[int, int]]:
    """Ranges of consecutive items whose sizes add up to at most `most`; a larger item is alone."""
    ends = sizes.cumsum()
    start = 0
    while start < len(ends):
        before = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(ends.searchsorted(before + most, "right")))
        yield start, stop
        start = stop


def file_identity(filesystem: Any, path: str) -> tuple[str, ...]:
    """What a file system says of a file, another thing once its content has changed. Raises OSError."""
    facts: dict[str, Any] = filesystem.info(path)
    return (str(filesystem.protocol), path, *(str(facts.get(name)) for name in _CHANGES))


class HashedFile:
    """A file being written, hashed and counted on the way. Looks like a file to Parquet's writer."""

    def __init__(self, handle: Any, file: str, *, durable: bool) -> None:
        self.file = file
        self.size = 0
        self.closed = False
        self._handle, self._durable = handle, durable
        self._digest = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self._handle.write(data)
        self._digest.update(data)
        self.size += len(data)
        return len(data)

    def tell(self) -> int:
        return self.size

    def flush(self) -> None:
        self._handle.flush()

    def writable(self) -> bool:
        return True

    def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        if self._durable:  # the manifest must not outlive a crash that its files do not
            self._handle.flush()
            os.fsync(self._handle.fileno())
        self._handle.close()

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


class TableFile:
    """A Parquet file that is written row group by row group."""

    def __init__(self, sink: HashedFile, schema: pa.Schema) -> None:
        self.sink, self.rows = sink, 0
        self.row_group_bytes = ROW_GROUP_BYTES
        self._schema = schema.remove_metadata()
        self._hash = TableHash(self._schema)
        self._pending: list[pa.RecordBatch] = []
        self._pending_bytes = 0
        self._writer = pq.ParquetWriter(
            sink, self._schema, compression="zstd", dictionary_pagesize_limit=ROW_GROUP_BYTES
        )

    def write(self, batch: pa.RecordBatch) -> None:
        if not batch.schema.equals(self._schema):
            raise StoreError(
                f"{self.sink.file} has the schema\n{self._schema}\na batch has another one:\n{batch.schema}"
            )
        parts = max(1, -(-batch.nbytes // self.row_group_bytes))
        step = max(1, -(-batch.num_rows // parts))
        for start in range(0, batch.num_rows, step):
            part = batch.slice(start, step)
            self._hash.update(part)
            self.rows += part.num_rows
            if self._pending_bytes + part.nbytes > self.row_group_bytes:
                self._flush()
            self._pending.append(part)
            self._pending_bytes += part.nbytes

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def abandon(self) -> None:
        self._pending.clear()
        self._writer.close()
        self.sink.close()

    def hexdigest(self) -> str:
        return self._hash.hexdigest()

    def _flush(self) -> None:
        if self._pending:
            table = pa.Table.from_batches(self._pending, self._schema)
            self._writer.write_table(table, row_group_size=table.num_rows)
            self._pending.clear()
            self._pending_bytes = 0
