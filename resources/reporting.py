"""What a person sees of a table in the Dagster UI: its columns and its first rows."""

import json
from datetime import datetime
from typing import Any

import dagster as dg
import pyarrow as pa

from repair.store.manifest import Manifest
from repair.store.reader import PartitionStore

PREVIEW_ROWS = 10
CELL_CODE_POINTS = 160
FIRST = ("reason", "detail")  # what is looked for in a rejected row
LARGE = frozenset({"files", "later_states", "before", "after"})


def column_schema(schema: pa.Schema) -> dg.TableSchema:
    """The Arrow schema as Dagster shows it."""
    return dg.TableSchema([dg.TableColumn(field.name, str(field.type)) for field in schema])


def preview(store: PartitionStore, manifest: Manifest, name: str) -> dg.TableMetadataValue:
    """The first rows of a file of a partition; what is too large for a cell is left out or cut."""
    rows: list[dict[str, Any]] = []
    for batch in store.read(manifest.asset, manifest.partition, name, texts=False, batch_rows=PREVIEW_ROWS):
        rows.extend(batch.slice(0, PREVIEW_ROWS - len(rows)).to_pylist())
        if len(rows) >= PREVIEW_ROWS:
            break
    names = [name for name in rows[0] if name not in LARGE] if rows else ["empty"]
    names.sort(key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST))
    return dg.MetadataValue.table(
        [dg.TableRecord({name: _cell(row.get(name)) for name in names}) for row in rows],
        dg.TableSchema([dg.TableColumn(name) for name in names]),
    )


def _cell(value: Any) -> str | int | float | bool | None:
    if value is None or isinstance(value, bool | int | float):
        return value
    text = str(value) if isinstance(value, str | datetime) else json.dumps(value, default=str)
    return text if len(text) <= CELL_CODE_POINTS else text[: CELL_CODE_POINTS - 1] + "…"
