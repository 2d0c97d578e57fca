"""Reads verified rows from a Parquet file, a stored partition of `verified_diffs`, or a store.

Tested by `tests/repair/verification/test_proof.py`.
"""

import hashlib
from collections.abc import Iterator
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.core import url_to_fs

from repair.errors import InputError, StoreError
from repair.schema.stages import VERIFIED_DIFFS
from repair.store.manifest import CHUNK_BYTES, DATA, MANIFEST
from repair.store.reader import stored_partition

ASSET = "verified_diffs"
_BATCH_ROWS = 64


def verified_rows(uri: str) -> Iterator[pa.RecordBatch]:
    """The verified rows in a Parquet file, in a stored partition of `verified_diffs`, or in all of a store.

    `uri` is a path or a URI that fsspec knows. What a manifest names is compared with its SHA-256 first.

    Raises:
        InputError: nothing of the kind is there, or a file lacks columns.
        StoreError: a stored file is absent or damaged.
    """
    fs, root = cast(tuple[Any, str], url_to_fs(uri))
    folder = root.rpartition("/")[0] if fs.isfile(root) else root.rstrip("/")
    if fs.exists(f"{folder}/{MANIFEST}"):
        yield from _stored_rows(fs, folder)
        return
    if fs.isfile(root):
        yield from _rows(fs, root)
        return
    folders = _partitions_below(fs, root)
    if not folders:
        raise InputError(
            f"{uri} holds no verified rows: give a Parquet file of them, a store, or a partition of it such"
            f" as STORE/{ASSET}/date=2026-01-05/diagnostic_type=F821"
        )
    for path in folders:
        yield from _stored_rows(fs, path)


def _partitions_below(fs: Any, root: str) -> list[str]:
    found = sorted(cast(list[str], fs.find(root))) if fs.exists(root) else []
    below = [path.removesuffix(f"/{MANIFEST}") for path in found if path.endswith(f"/{MANIFEST}")]
    return [folder for folder in below if f"{ASSET}/" in folder]


def _stored_rows(fs: Any, folder: str) -> Iterator[pa.RecordBatch]:
    found = stored_partition(fs.unstrip_protocol(folder))
    if found is None or found[1].asset != ASSET:
        asset = found[1].asset if found else "nothing"
        raise InputError(f"{folder} is a partition of {asset}; a proof is in one of {ASSET}")
    store, manifest = found
    stored = next((file for file in manifest.files if file.name == DATA), None)
    if stored is None:
        raise StoreError(f"{folder} has no table {DATA!r}; materialize the partition again")
    file = f"{folder}/{stored.file}"
    if not fs.exists(file):
        raise StoreError(f"{file} is not there, though {MANIFEST} names it; materialize the partition again")
    digest = hashlib.sha256()
    with fs.open(file, "rb") as handle:
        while chunk := handle.read(CHUNK_BYTES):
            digest.update(chunk)
    if digest.hexdigest() != stored.sha256:
        raise StoreError(
            f"{file} is not what {MANIFEST} says: its SHA-256 is {digest.hexdigest()}, expected"
            f" {stored.sha256}; materialize the partition again"
        )
    for batch in store.read(manifest.asset, manifest.partition, manifest=manifest):
        _check_columns(batch.schema.names, file)
        yield batch


def _rows(fs: Any, path: str) -> Iterator[pa.RecordBatch]:
    with fs.open(path, "rb") as handle:
        try:
            parquet = pq.ParquetFile(handle)
            _check_columns(parquet.schema_arrow.names, path)
            yield from parquet.iter_batches(batch_size=_BATCH_ROWS, use_threads=False)
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"{path} can't be read as Parquet: {error}") from error


def _check_columns(names: list[str], path: str) -> None:
    missing = [name for name in VERIFIED_DIFFS.names if name not in names]
    if missing:
        raise InputError(
            f"{path} lacks the columns {', '.join(missing)}: it holds no verified rows, or those of"
            f" an earlier version; materialize {ASSET} again"
        )
