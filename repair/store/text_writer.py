"""Write buffer of a text table: adds each text once, in files of some size.

Tested by `tests/repair/store/test_text_table.py`.
"""

import pyarrow as pa

from repair.errors import StoreError
from repair.schema.texts import SHA256
from repair.store.text_table import TEXTS, TextTable

FILE_BYTES = 64 << 20
"""Texts up to this size are held in memory before a file of them is written."""


class TextWriter:
    """Adds texts to a table: each one once, in files of some size."""

    def __init__(self, table: TextTable) -> None:
        self._table = table
        self._seen: set[str] = set()
        self._pending: list[pa.Table] = []
        self._pending_bytes = 0

    def add(self, texts: pa.Table) -> None:
        """Takes distinct texts, rows of `TEXTS`."""
        new = pa.array([digest not in self._seen for digest in texts.column(SHA256).to_pylist()], pa.bool_())
        texts = texts.filter(new)
        if not texts.num_rows:
            return
        self._seen.update(texts.column(SHA256).to_pylist())
        texts = self._absent(texts, listed_again=False)
        if self._pending_bytes + texts.nbytes > FILE_BYTES:
            self.flush()
        self._pending.append(texts)
        self._pending_bytes += texts.nbytes

    def flush(self) -> None:
        """All texts so far are in the table when this returns."""
        texts = pa.concat_tables(self._pending) if self._pending else TEXTS.empty_table()
        self._pending, self._pending_bytes = [], 0
        if texts.num_rows:
            texts = self._absent(texts, listed_again=True)
        if texts.num_rows:
            self._table.write(texts)

    def check_are_there(self) -> None:
        """Raises StoreError if a text that was left out, for it was there, was taken away meanwhile."""
        if not self._seen:
            return
        seen = pa.array(sorted(self._seen), pa.string())
        if absent := self._table.missing(seen):
            raise StoreError(
                f"{absent} of {len(seen)} texts were taken away during the write (a project was forgotten, or"
                " it took longer than the garbage collection's grace period): write again"
            )

    def _absent(self, texts: pa.Table, *, listed_again: bool) -> pa.Table:
        return texts.filter(
            self._table.lacks(texts.column(SHA256).combine_chunks(), listed_again=listed_again)
        )
