"""Which texts stored rows name: by the hashes of their text columns, or by date and hash, as a mixture does.

Tested by `tests/repair/store/test_garbage.py`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import pyarrow as pa

from repair.schema.texts import joined_field
from repair.store.manifest import Manifest, StoredFile
from repair.store.reader import PartitionStore
from repair.store.text_columns import hashes_named

NO_DATE = ""
"""Of the texts of partitions without a date."""
ELSEWHERE = ("date", "text_sha256")
"""Columns of a table that names texts of other dates."""
BATCH_ROWS = 1 << 13

Hashes = Mapping[str, set[str]]
"""By date."""


class TextReferences:
    """The texts that the rows of these manifests name."""

    def __init__(self, store: PartitionStore, manifests: Iterable[Manifest]) -> None:
        self._store = store
        self._tables: defaultdict[str, list[tuple[Manifest, StoredFile]]] = defaultdict(list)
        self._elsewhere: defaultdict[str, set[str]] = defaultdict(set)
        for manifest in manifests:
            for stored in manifest.files:
                if stored.rows:
                    self._tables[manifest.partition.get("date", NO_DATE)].append((manifest, stored))
                    self._add_elsewhere(manifest, stored)

    def named(self, date: str) -> set[str]:
        """The hashes of the texts of a date that some row names. Raises StoreError for a damaged table."""
        found = set(self._elsewhere.get(date, ()))
        for manifest, stored in self._tables.get(date, ()):
            schema = self._schema(manifest, stored)
            columns = [field.name for field in schema if joined_field(field) != field]
            for batch in self._read(manifest, stored, columns) if columns else ():
                for hashes in hashes_named(batch):
                    found.update(hashes.unique().drop_null().to_pylist())
        return found

    def _add_elsewhere(self, manifest: Manifest, stored: StoredFile) -> None:
        if set(ELSEWHERE) <= set(self._schema(manifest, stored).names):
            for batch in self._read(manifest, stored, list(ELSEWHERE)):
                rows = pa.Table.from_batches([batch]).group_by(list(ELSEWHERE)).aggregate([])
                for date, text in zip(*(rows[name].to_pylist() for name in ELSEWHERE), strict=True):
                    self._elsewhere[date or NO_DATE].add(text)

    def _schema(self, manifest: Manifest, stored: StoredFile) -> pa.Schema:
        return self._store.schema(manifest.asset, manifest.partition, stored)

    def _read(self, manifest: Manifest, stored: StoredFile, columns: list[str]) -> Iterable[pa.RecordBatch]:
        return self._store.read_file(
            manifest.asset, manifest.partition, stored, columns, texts=False, batch_rows=BATCH_ROWS
        )
