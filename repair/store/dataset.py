"""A store's asset as a `pyarrow.dataset`: what DuckDB, Polars and other engines query."""

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import and_
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs
import pyarrow.parquet as pq

from repair.errors import StoreError
from repair.store.atomic import is_local
from repair.store.manifest import DATA, Manifest
from repair.store.text_table import FOLDER, TextTable

Files = Sequence[tuple[str, Mapping[str, str]]]
"""Paths of Parquet files, each with its partition."""


class ReadableStore(Protocol):
    """What is read of `repair.store.reader.PartitionStore`."""

    def locate(self, asset: str, partition: Mapping[str, str]) -> tuple[Any, str]: ...

    def uri(self, asset: str, partition: Mapping[str, str]) -> str: ...

    def partitions(self, asset: str) -> list[dict[str, str]]: ...

    def manifest(self, asset: str, partition: Mapping[str, str]) -> Manifest | None: ...

    def table(self, asset: str, partition: Mapping[str, str]) -> pa.Table: ...

    def texts(self, partition: Mapping[str, str]) -> TextTable: ...


def dataset_of(store: ReadableStore, asset: str) -> ds.Dataset:
    """The tables `data` that the manifests of `asset` name; the texts themselves for the name `texts`."""
    fs, _ = store.locate(asset, {})
    if asset == FOLDER:
        files = _files_of_texts(store)
        newest = files[0][0]
    else:
        manifests = _manifests(store, asset)
        files = [(_path(store, manifest), manifest.partition) for manifest in manifests]
        newest = _path(store, max(manifests, key=lambda manifest: manifest.created))
    with fs.open(newest, "rb") as handle:
        schema = pq.read_schema(handle)
    dimensions = {name for _, partition in files for name in partition if name not in schema.names}
    return ds.FileSystemDataset.from_paths(
        [path for path, _ in files],
        schema=pa.schema([*schema, *(pa.field(name, pa.string()) for name in sorted(dimensions))]),
        format=ds.ParquetFileFormat(),
        filesystem=_arrow(fs),
        partitions=[_equals(partition) for _, partition in files],
    )


def joined_dataset_of(store: ReadableStore, asset: str) -> ds.Dataset:
    """As `dataset_of`, with texts in place of their hashes, and all rows in memory."""
    tables: list[pa.Table] = []
    for manifest in _manifests(store, asset):
        table = store.table(asset, manifest.partition)
        for name, value in manifest.partition.items():
            if name not in table.column_names:
                table = table.append_column(name, pa.repeat(value, table.num_rows))
        tables.append(table)
    return ds.dataset(tables)


def _manifests(store: ReadableStore, asset: str) -> list[Manifest]:
    found = [store.manifest(asset, partition) for partition in store.partitions(asset)]
    manifests = [manifest for manifest in found if manifest and DATA in _tables(manifest)]
    if not manifests:
        raise StoreError(
            f"{store.uri(asset, {})} has no partition with rows: materialize some of {asset} first"
        )
    return manifests


def _tables(manifest: Manifest) -> dict[str, str]:
    return {file.name: file.file for file in manifest.files}


def _path(store: ReadableStore, manifest: Manifest) -> str:
    _, folder = store.locate(manifest.asset, manifest.partition)
    return f"{folder}/{_tables(manifest)[DATA]}"


def _files_of_texts(store: ReadableStore) -> Files:
    fs, folder = store.locate(FOLDER, {})
    below = fs.ls(folder, detail=False) if fs.exists(folder) else []
    dates = [path.rpartition("/date=")[2] for path in below if "/date=" in path]
    partitions: list[dict[str, str]] = [{}, *({"date": date.rstrip("/")} for date in sorted(dates))]
    files = [(path, partition) for partition in partitions for path in store.texts(partition).files()]
    if not files:
        raise StoreError(f"{store.uri(FOLDER, {})} has no texts: materialize some partitions first")
    return files


def _equals(partition: Mapping[str, str]) -> ds.Expression:
    return reduce(and_, (ds.field(name) == value for name, value in partition.items()), ds.scalar(True))


def _arrow(filesystem: Any) -> Any:
    if is_local(filesystem):
        return pyarrow.fs.LocalFileSystem()
    return pyarrow.fs.PyFileSystem(pyarrow.fs.FSSpecHandler(filesystem))
