"""Metadata for the Dagster UI: the column schema, a preview of the first rows, pictures, links to pages.

Tested by `tests/resources/test_stages.py`.
"""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import dagster as dg
import pyarrow as pa

from repair.schema.descriptions import described, fields
from repair.store.manifest import Manifest
from repair.store.reader import PartitionStore

PREVIEW_ROWS = 10
REJECTS_AT_ONCE = 1000
CELL_CODE_POINTS = 160
FIRST = ("reason", "detail")  # the most useful columns of a rejected row
RAW = frozenset({"packet", "content", "payload"})
"""What users wrote, unredacted: Dagster's database outlives the store, so only its size is shown."""
LARGE = frozenset({"files", "later_states", "before", "after"})


def column_schema(table: str, schema: pa.Schema) -> dg.TableSchema:
    """The Arrow schema of a table as Dagster's column schema, with the fields of structs and descriptions."""
    return dg.TableSchema(
        [dg.TableColumn(column, type_name(kind), described(table, column)) for column, kind in fields(schema)]
    )


def type_name(kind: pa.DataType) -> str:
    """The name of a type; of a struct without its fields."""
    if pa.types.is_list(kind):
        return f"list<{type_name(kind.value_type)}>"
    return "struct" if pa.types.is_struct(kind) else str(kind)


def preview(store: PartitionStore, manifest: Manifest) -> dg.TableMetadataValue:
    """The first rows of a partition; large columns are left out, long cells are cut, and of what is raw only
    the size is shown."""
    rows: list[dict[str, Any]] = []
    for batch in _batches(store, manifest, "data", PREVIEW_ROWS):
        rows.extend(batch.slice(0, PREVIEW_ROWS - len(rows)).to_pylist())
        if len(rows) >= PREVIEW_ROWS:
            break
    return _table(rows)


def rejected_rows(store: PartitionStore, manifest: Manifest) -> dg.TableMetadataValue:
    """The first rows of each reject reason: of thousands the first ten may all have the same."""
    each = max(1, PREVIEW_ROWS // max(1, len(manifest.rejects)))
    found: dict[str, list[dict[str, Any]]] = {reason: [] for reason in manifest.rejects}
    for batch in _batches(store, manifest, "rejects", REJECTS_AT_ONCE):
        for index, reason in enumerate(batch.column("reason").to_pylist()):
            if len(found.setdefault(reason, [])) < each:
                found[reason] += batch.slice(index, 1).to_pylist()
        if all(len(rows) == each for rows in found.values()):
            break
    return _table([row for rows in found.values() for row in rows])


def _batches(store: PartitionStore, manifest: Manifest, name: str, rows: int) -> Iterator[pa.RecordBatch]:
    return store.read(
        manifest.asset, manifest.partition, name, texts=False, manifest=manifest, batch_rows=rows
    )


def _table(rows: Sequence[Mapping[str, Any]]) -> dg.TableMetadataValue:
    names = [name for name in rows[0] if name not in LARGE] if rows else ["empty"]
    names.sort(key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST))
    return dg.MetadataValue.table(
        [dg.TableRecord({name: _cell(name, row.get(name)) for name in names}) for row in rows],
        dg.TableSchema([dg.TableColumn(name) for name in names]),
    )


def _cell(name: str, value: Any) -> str | int | float | bool | None:
    if name in RAW and value is not None:
        return f"{len(value.encode(errors='replace') if isinstance(value, str) else value)} bytes"
    if value is None or isinstance(value, bool | int | float):
        return value
    text = str(value) if isinstance(value, str | datetime) else json.dumps(value, default=str)
    return text if len(text) <= CELL_CODE_POINTS else text[: CELL_CODE_POINTS - 1] + "…"


def picture(png: bytes, what: str) -> dg.MarkdownMetadataValue:
    """A picture that the UI shows."""
    return dg.MetadataValue.md(f"![{what}](data:image/png;base64,{base64.b64encode(png).decode()})")


def page(uri: str) -> dg.MetadataValue[Any]:
    """A stored page: a link where a browser can follow it, else the path, which the UI copies."""
    if uri.startswith("gs://"):
        return dg.MetadataValue.url(f"https://storage.cloud.google.com/{uri.removeprefix('gs://')}")
    return dg.MetadataValue.path(uri)
