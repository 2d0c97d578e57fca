"""Which stored rows are of forgotten projects: found by the project, or by the ids of its other rows.

Tested by `tests/repair/erasure/test_forget.py`.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute

from repair.schema.outcomes import KEY
from repair.store.manifest import Manifest, StoredFile
from repair.store.reader import PartitionStore
from repair.store.text_columns import hashes_named

pc: Any = pyarrow.compute  # its functions are made at import, so that type checkers do not see them

PROJECT = "project_id"
IDS = (KEY, "example_id", "sample_id")
"""Columns that name a row wherever it goes on; the sample of an example has the example's id."""
BATCH_ROWS = 1 << 13


@dataclass(slots=True)
class RowsOfProjects:
    """What of the projects is in a store."""

    projects: Collection[str]
    ids: set[str] = field(default_factory=set[str])
    rows: dict[str, int] = field(default_factory=dict[str, int])
    """Rows by partition, `asset[date|type]`."""
    texts: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict[str, set[str]](set))
    """The hashes of texts that the rows name, by date; empty: of no date."""
    answers: set[str] = field(default_factory=set[str])
    """What language models answered about them."""

    def mask(self, batch: pa.RecordBatch) -> pa.Array:
        """Which rows of a stored batch are of the projects."""
        found = pa.array([False] * batch.num_rows, pa.bool_())
        for name, wanted in ((PROJECT, self.projects), *((name, self.ids) for name in IDS)):
            if wanted and name in batch.schema.names:
                hits = pc.is_in(batch.column(name), pa.array(list(wanted), pa.string()))
                found = pc.or_(found, pc.fill_null(hits, False))
        return found

    def find(self, store: PartitionStore, manifests: Mapping[str, Manifest]) -> None:
        """Looks through all tables: first for the projects, then for the ids of their rows."""
        named = [
            (name, manifest, stored) for name, manifest in manifests.items() for stored in manifest.files
        ]
        tables = [entry for entry in named if entry[2].rows]
        for _, manifest, stored in tables:
            for batch in _identities(store, manifest, stored):
                if PROJECT in batch.schema.names:
                    own = batch.filter(self.mask(batch))
                    for column in set(IDS) & set(own.schema.names):
                        self.ids.update(own.column(column).drop_null().to_pylist())
        for name, manifest, stored in tables:
            count = sum(self.mask(batch).true_count for batch in _identities(store, manifest, stored))
            if count:
                self.rows[name] = self.rows.get(name, 0) + count
                self._look_closer(store, manifest, stored)

    def _look_closer(self, store: PartitionStore, manifest: Manifest, stored: StoredFile) -> None:
        for batch in read(store, manifest, stored):
            own = batch.filter(self.mask(batch))
            date = manifest.partition.get("date", "")
            for hashes in hashes_named(own):
                self.texts[date].update(hashes.drop_null().to_pylist())
            if "answer" in own.schema.names:
                self.answers.update(own.column("answer").drop_null().to_pylist())


def read(
    store: PartitionStore, manifest: Manifest, stored: StoredFile, columns: list[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """The rows of a stored table, with hashes for texts."""
    yield from store.read_file(
        manifest.asset, manifest.partition, stored, columns, texts=False, batch_rows=BATCH_ROWS
    )


def _identities(store: PartitionStore, manifest: Manifest, stored: StoredFile) -> Iterator[pa.RecordBatch]:
    """The columns by which rows are found; none, where a table has none of them."""
    known = store.schema(manifest.asset, manifest.partition, stored).names
    columns = [name for name in (PROJECT, *IDS) if name in known]
    return read(store, manifest, stored, columns) if columns else iter(())
