"""Partition store: Parquet files named by a manifest, on any file system that fsspec knows.

```
BASE/<asset>/date=2026-01-05/diagnostic_type=F821/
    data-3f9c….parquet  rejects-3f9c….parquet  report-3f9c….html  checkpoint-3f9c…/…
    manifest.json
BASE/texts/date=2026-01-05/…        every text of the date once: `repair.store.text_table`
```

A partition is replaced as a whole or not at all. Each write puts its files beside the earlier ones
under a token of its own, and `manifest.json`, written last and in one step, says which files count.
A file that no manifest names is invisible. After the switch the files of the earlier manifest are
deleted, and whatever a killed writer left is swept once it is older than `SWEEP_AFTER`: long enough
that a writer at work beside this one keeps its files. Of two writers the last manifest wins; a
writer whose files are no longer there refuses to commit.
"""

import contextlib
import hashlib
from collections.abc import Collection, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.core import url_to_fs

from repair.errors import StoreError
from repair.store.files import READ_ERRORS, file_identity
from repair.store.manifest import (
    CHUNK_BYTES,
    DATA,
    MANIFEST,
    Manifest,
    StoredFile,
    folder_of,
    is_segment,
    read_manifest,
)
from repair.store.stored_columns import stored_columns
from repair.store.text_columns import join_texts, look_up_texts
from repair.store.text_table import FOLDER, TextTable
from repair.store.writer import PartitionWriter

_CHECKED_ROWS = 1 << 13
_VERIFIED = set[tuple[str, ...]]()
"""Larger files whose SHA-256 this process has compared."""


@dataclass(frozen=True, slots=True)
class PartitionStore:
    """All partitions below `base_uri`: a local folder, or a URI such as `gs://bucket/folder`.

    `storage_options` go to fsspec's file system as they are (credentials, project, endpoint). A store that is
    sent to another process leaves its credentials (`token`) behind: there fsspec finds them its own way.
    """

    base_uri: str
    storage_options: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __reduce__(self) -> tuple[Any, ...]:
        options = {name: value for name, value in self.storage_options.items() if name != "token"}
        return PartitionStore, (self.base_uri, options)

    def writer(self, asset: str, partition: Mapping[str, str]) -> PartitionWriter:
        """A context in which the partition is written again; it counts once `commit` has returned."""
        filesystem, folder = self.locate(asset, partition)
        return PartitionWriter(
            filesystem,
            folder,
            self.uri(asset, partition),
            asset=asset,
            partition=dict(partition),
            texts=self.texts(partition),
            earlier=lambda: self.manifest(asset, partition),
        )

    def texts(self, partition: Mapping[str, str]) -> TextTable:
        """The table that holds the texts of a partition: that of its date, or that of no date."""
        own = {"date": partition["date"]} if "date" in partition else {}
        filesystem, folder = self.locate(FOLDER, own)
        return TextTable(filesystem, folder, self.uri(FOLDER, own))

    def uri(self, asset: str, partition: Mapping[str, str]) -> str:
        """Where the partition is, for people and for metadata."""
        return f"{self.base_uri.rstrip('/')}/{folder_of(asset, partition)}"

    def manifest(self, asset: str, partition: Mapping[str, str]) -> Manifest | None:
        """What the partition holds; null: it has never been written."""
        fs, folder = self.locate(asset, partition)
        return read_manifest(fs, f"{folder}/{MANIFEST}", f"{self.uri(asset, partition)}/{MANIFEST}")

    def assets(self) -> list[str]:
        """What the store has folders of, by name; those of texts and the like hold no partition."""
        fs, folder = self.locate("any", {})
        root = folder.removesuffix("/any")
        paths = cast(list[str], fs.ls(root, detail=False)) if fs.exists(root) else []
        return sorted(name for path in paths if is_segment(name := path.rstrip("/").rpartition("/")[2]))

    def partitions(self, asset: str) -> list[dict[str, str]]:
        """The partitions of `asset` that have a manifest, in the order of their paths."""
        fs, folder = self.locate(asset, {})
        found: list[dict[str, str]] = []
        for path in sorted(cast(list[str], fs.find(folder))):
            *segments, name = path[len(folder) :].strip("/").split("/")
            # Below a folder without `=` is an artefact, which may hold a `manifest.json` of its own.
            if name == MANIFEST and all("=" in segment for segment in segments):
                found.append(dict(cast(tuple[str, str], segment.split("=", 1)) for segment in segments))
        return found

    def read(
        self,
        asset: str,
        partition: Mapping[str, str],
        name: str = DATA,
        columns: list[str] | None = None,
        *,
        texts: bool | Collection[str] = True,
        manifest: Manifest | None = None,
        batch_rows: int = 64,
    ) -> Iterator[pa.RecordBatch]:
        """The rows of a table in order, in batches of at most `batch_rows`; one empty batch if it has none.

        `columns` are named as in memory. `texts`: whether texts are joined, or in which columns; the others
        keep the hashes under which they are stored. `manifest` as in `stored`.

        Raises:
            StoreError: the file is absent, lacks a column, or its SHA-256 is not that of the manifest.
        """
        stored = self.stored(asset, partition, name, manifest)
        yield from self.read_file(asset, partition, stored, columns, texts=texts, batch_rows=batch_rows)

    def schema(self, asset: str, partition: Mapping[str, str], stored: StoredFile) -> pa.Schema:
        """The schema of a table as it is stored. Its SHA-256 is not compared: no row is read."""
        with self._open(asset, partition, stored) as handle:
            try:
                return pq.read_schema(handle)
            except READ_ERRORS as error:
                raise self._damaged(asset, partition, stored, str(error)) from error

    def read_file(
        self,
        asset: str,
        partition: Mapping[str, str],
        stored: StoredFile,
        columns: list[str] | None = None,
        *,
        texts: bool | Collection[str] = True,
        rows: tuple[int, int] | None = None,
        batch_rows: int = 64,
    ) -> Iterator[pa.RecordBatch]:
        """As `read`, of the very file `stored`; `rows`: from the first of the two to before the second.

        A row group is decoded from its beginning, so that a few rows cost up to 64 MB of decoding. No batch
        reaches over two row groups, or has more than about 64 MB of texts, unless one row has.
        """
        batches = self._stored_batches(asset, partition, stored, columns, rows=rows, batch_rows=batch_rows)
        if texts is False:
            yield from batches
            return
        table, joined = self.texts(partition), None if texts is True else texts
        for batch in batches:
            yield from join_texts(batch, table, joined)

    def _stored_batches(
        self,
        asset: str,
        partition: Mapping[str, str],
        stored: StoredFile,
        columns: list[str] | None,
        *,
        rows: tuple[int, int] | None,
        batch_rows: int,
    ) -> Iterator[pa.RecordBatch]:
        with self._verified(asset, partition, stored) as handle:
            try:
                parquet = pq.ParquetFile(handle)
                location = f"{self.uri(asset, partition)}/{stored.file}"
                columns = stored_columns(parquet, columns, asset=asset, location=location)
                start, stop = rows or (0, parquet.metadata.num_rows)
                if start >= stop:
                    schema = parquet.read_row_groups([], columns=columns).schema
                    yield pa.RecordBatch.from_pylist([], schema=schema)
                    return
                for group, first_row in _row_groups(parquet.metadata, start, stop):
                    index = first_row
                    for batch in parquet.iter_batches(
                        batch_size=batch_rows, row_groups=[group], columns=columns, use_threads=False
                    ):
                        first, last = max(start - index, 0), min(stop - index, batch.num_rows)
                        index += batch.num_rows
                        if first < last:
                            yield batch.slice(first, last - first)
            except READ_ERRORS as error:
                raise self._damaged(asset, partition, stored, str(error)) from error

    def table(
        self,
        asset: str,
        partition: Mapping[str, str],
        name: str = DATA,
        columns: list[str] | None = None,
        *,
        texts: bool = True,
        manifest: Manifest | None = None,
    ) -> pa.Table:
        """A whole table in memory; `texts` as in `read`, `manifest` as in `stored`."""
        stored = self.stored(asset, partition, name, manifest)
        with self._verified(asset, partition, stored) as handle:
            try:
                parquet = pq.ParquetFile(handle)
                location = f"{self.uri(asset, partition)}/{stored.file}"
                names = stored_columns(parquet, columns, asset=asset, location=location)
                table = parquet.read(columns=names)
            except READ_ERRORS as error:
                raise self._damaged(asset, partition, stored, str(error)) from error
        if not texts:
            return table
        batches = table.to_batches() or [pa.RecordBatch.from_pylist([], schema=table.schema)]
        joined = self.texts(partition)
        return pa.Table.from_batches(part for batch in batches for part in join_texts(batch, joined))

    def dataset(self, asset: str, *, texts: bool = False) -> Any:
        """All partitions of `asset` as a `pyarrow.dataset`: the very files that their manifests name.

        The partition's dimensions are columns. Texts are hashes, to be joined with `dataset("texts")` on
        `sha256` (and on `date`, for what has one); `texts` joins them here, with all rows in memory.

        Raises:
            StoreError: no partition is stored.
        """
        from repair.store.dataset import dataset_of, joined_dataset_of  # pyarrow's engine takes time to load

        return joined_dataset_of(self, asset) if texts else dataset_of(self, asset)

    def file_uri(self, asset: str, partition: Mapping[str, str], name: str = DATA) -> str:
        """Where a table or an artefact of the partition is now; it holds until the next write."""
        return f"{self.uri(asset, partition)}/{self.stored(asset, partition, name).file}"

    def read_bytes(
        self, asset: str, partition: Mapping[str, str], name: str, *, manifest: Manifest | None = None
    ) -> bytes:
        """An artefact, compared with its SHA-256; `manifest` as in `stored`."""
        stored = self.stored(asset, partition, name, manifest)
        return b"".join(self._verified_chunks(asset, partition, stored))

    def local_tree(
        self,
        asset: str,
        partition: Mapping[str, str],
        name: str,
        into: Path,
        *,
        manifest: Manifest | None = None,
    ) -> Path:
        """Copies the tree `name` into the local folder `into`, comparing each SHA-256; returns `into`."""
        manifest = manifest or self._manifest(asset, partition)
        stored = [one for one in manifest.files if one.name.startswith(f"{name}/")]
        if not stored:
            manifest.file(name)  # raises
        for one in stored:
            target = into / one.name.removeprefix(f"{name}/")
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as sink:
                for chunk in self._verified_chunks(asset, partition, one):
                    sink.write(chunk)
        return into

    def stored(
        self,
        asset: str,
        partition: Mapping[str, str],
        name: str = DATA,
        manifest: Manifest | None = None,
    ) -> StoredFile:
        """The file that holds a table or an artefact of the partition now.

        `manifest`: of that version. Who reads more than one thing of a partition names the version, so that
        no two are mixed where it is replaced in between: then the older file is not there any more.
        """
        return (manifest or self._manifest(asset, partition)).file(name)

    def check(self, manifest: Manifest) -> None:
        """Reads all that a partition holds, and looks up the texts that its rows name.

        Raises:
            StoreError: something is absent or damaged.
        """
        asset, partition = manifest.asset, manifest.partition
        texts = self.texts(partition)
        for stored in manifest.files:
            if stored.rows is None:
                for _ in self._verified_chunks(asset, partition, stored):
                    pass
            else:
                for batch in self.read_file(asset, partition, stored, texts=False, batch_rows=_CHECKED_ROWS):
                    look_up_texts(batch, texts)

    def locate(self, asset: str, partition: Mapping[str, str]) -> tuple[Any, str]:
        """The fsspec file system, and the partition's folder on it."""
        # Listings change under us: other processes write the same partitions.
        fs, root = url_to_fs(self.base_uri, use_listings_cache=False, **self.storage_options)
        return fs, f"{cast(str, root).rstrip('/')}/{folder_of(asset, partition)}"

    def _manifest(self, asset: str, partition: Mapping[str, str]) -> Manifest:
        manifest = self.manifest(asset, partition)
        if manifest is None:
            raise StoreError(
                f"{self.uri(asset, partition)} has no {MANIFEST}: materialize this partition of {asset} first"
            )
        return manifest

    @contextlib.contextmanager
    def _open(self, asset: str, partition: Mapping[str, str], stored: StoredFile) -> Generator[Any]:
        fs, folder = self.locate(asset, partition)
        path = f"{folder}/{stored.file}"
        try:
            size = fs.info(path)["size"]
            if size != stored.bytes:
                raise self._damaged(asset, partition, stored, f"it has {size} bytes")
            handle = fs.open(path, "rb")
        except FileNotFoundError as error:
            raise self._damaged(asset, partition, stored, "the file is not there") from error
        except OSError as error:
            raise self._damaged(asset, partition, stored, str(error)) from error
        with handle:
            yield handle

    @contextlib.contextmanager
    def _verified(self, asset: str, partition: Mapping[str, str], stored: StoredFile) -> Generator[Any]:
        """The file, once its SHA-256 is that of the manifest.

        A small file is read once, hashed and parsed in memory. A larger one is hashed in front of the first
        read in this process, and again once the file system says that it has changed.
        """
        if stored.bytes <= CHUNK_BYTES:
            yield pa.BufferReader(b"".join(self._verified_chunks(asset, partition, stored)))
            return
        with self._open(asset, partition, stored) as handle:
            fs, folder = self.locate(asset, partition)
            identity = (*file_identity(fs, f"{folder}/{stored.file}"), stored.sha256)
            if identity not in _VERIFIED:
                for _ in self._verified_chunks(asset, partition, stored):
                    pass
                _VERIFIED.add(identity)
            yield handle

    def _verified_chunks(
        self, asset: str, partition: Mapping[str, str], stored: StoredFile
    ) -> Iterator[bytes]:
        digest = hashlib.sha256()
        with self._open(asset, partition, stored) as handle:
            while chunk := self._chunk(handle, asset, partition, stored):
                digest.update(chunk)
                yield chunk
        if digest.hexdigest() != stored.sha256:
            raise self._damaged(asset, partition, stored, f"its SHA-256 is {digest.hexdigest()}")

    def _chunk(self, handle: Any, asset: str, partition: Mapping[str, str], stored: StoredFile) -> bytes:
        try:
            return cast(bytes, handle.read(CHUNK_BYTES))
        except OSError as error:
            raise self._damaged(asset, partition, stored, str(error)) from error

    def _damaged(self, asset: str, partition: Mapping[str, str], stored: StoredFile, what: str) -> StoreError:
        return StoreError(
            f"{self.uri(asset, partition)}/{stored.file} is not what {MANIFEST} says: {what}; expected "
            f"{stored.bytes} bytes with SHA-256 {stored.sha256}. If the partition was being replaced, read "
            "it again; else materialize it again"
        )


def stored_partition(uri: str) -> tuple[PartitionStore, Manifest] | None:
    """The store and the manifest of the partition at `uri`; null: there is no manifest.

    Raises:
        StoreError: the manifest is not readable, or the partition is no longer in its store.
    """
    fs, folder = cast(tuple[Any, str], url_to_fs(uri))
    folder = folder.rstrip("/")
    manifest = None if fs.isfile(folder) else read_manifest(fs, f"{folder}/{MANIFEST}")
    if manifest is None:
        return None
    own = f"/{folder_of(manifest.asset, manifest.partition)}"
    if not folder.endswith(own):
        raise StoreError(
            f"{folder} was moved out of its store, where the texts of its rows are: give the partition in "
            "the store, or a file that `repair export` has written"
        )
    return PartitionStore(fs.unstrip_protocol(folder.removesuffix(own))), manifest


def _row_groups(metadata: Any, start: int, stop: int) -> Iterator[tuple[int, int]]:
    """The row groups that hold rows of the range, each with the number of its first row."""
    first_row = 0
    for group in range(metadata.num_row_groups):
        end = first_row + metadata.row_group(group).num_rows
        if first_row < stop and end > start:
            yield group, first_row
        first_row = end
