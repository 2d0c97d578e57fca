"""How often a store holds each text: bytes of all texts in all tables, for each byte of the distinct ones.

    python bench/texts.py [.demo/store]

A text is a string or a binary value of at least `--from-bytes` bytes (200), in whatever column: files, later
states, prompts, answers, stored copies. Only files that a manifest names count, and the text tables.
"""

import argparse
import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from repair.store.manifest import MANIFEST, Manifest
from repair.store.reader import PartitionStore
from repair.store.text_table import FOLDER

pc: Any = pyarrow.compute  # its functions are made at import, so that type checkers do not see them

SHOWN = 12


def tables(store: PartitionStore) -> Iterator[tuple[str, str]]:
    """The asset and the path of each Parquet file that counts."""
    fs, root = store.locate(FOLDER, {})
    base = root.removesuffix(f"/{FOLDER}")
    for path in sorted(fs.find(base)):
        asset, _, name = path.removeprefix(f"{base}/").partition("/")
        if asset == FOLDER and name.endswith(".parquet"):
            yield asset, path
        elif name.endswith(f"/{MANIFEST}") or name == MANIFEST:
            manifest = Manifest.from_json(fs.cat_file(path))
            folder = path.removesuffix(MANIFEST)
            yield from ((asset, f"{folder}{file.file}") for file in manifest.files if file.rows is not None)


def leaves(name: str, array: pa.Array) -> Iterator[tuple[str, pa.Array]]:
    """The columns of strings and binary values in a column, lists and structs unfolded."""
    kind = array.type
    if pa.types.is_list(kind):
        yield from leaves(f"{name}[]", array.flatten())
    elif pa.types.is_struct(kind):
        for field, child in zip(kind, array.flatten(), strict=True):
            yield from leaves(f"{name}.{field.name}", child)
    elif pa.types.is_string(kind) or pa.types.is_binary(kind):
        yield name, array.drop_null().cast(pa.binary())


def count(store: PartitionStore, from_bytes: int) -> tuple[Counter[str], dict[bytes, int]]:
    """Bytes of texts by `asset: column`, and those of each distinct text."""
    by_column: Counter[str] = Counter()
    distinct: dict[bytes, int] = {}
    fs, _ = store.locate(FOLDER, {})
    for asset, path in tables(store):
        with fs.open(path, "rb") as handle:
            for batch in pq.ParquetFile(handle).iter_batches(batch_size=256):
                for column in batch.schema.names:
                    for name, values in leaves(column, batch.column(column)):
                        texts = values.filter(pc.greater_equal(pc.binary_length(values), from_bytes))
                        for row in texts.value_counts().to_pylist():
                            by_column[f"{asset}: {name}"] += len(row["values"]) * row["counts"]
                            distinct[hashlib.sha256(row["values"]).digest()] = len(row["values"])
    return by_column, distinct


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("store", nargs="?", help="its folder or URI; else that of the demo")
    parser.add_argument("--from-bytes", type=int, default=200)
    options = parser.parse_args()
    demo = Path(os.environ.get("REPAIR_HOME", ".demo"), "store")
    if options.store is None and not demo.is_dir():
        print("no store: name one, or run `make demo`")
        return
    by_column, distinct = count(PartitionStore(options.store or str(demo)), options.from_bytes)
    for name, size in by_column.most_common(SHOWN):
        print(f"{size:>14,}  {name}")
    total, once = by_column.total(), sum(distinct.values())
    print(f"{total:>14,}  bytes of texts, {once:,} of distinct ones: {total / max(once, 1):.2f} for each")


if __name__ == "__main__":
    main()
