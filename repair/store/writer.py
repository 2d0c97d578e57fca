"""Atomic write of one partition: `repair.store.reader` has the protocol.

Tested by `tests/repair/store/test_reader.py`.
"""

import contextlib
import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any, Self, cast

import pyarrow as pa
import pyarrow.compute

from repair.errors import StoreError
from repair.schema.outcomes import REASON, REJECTS, ROWS, split_outcomes
from repair.schema.texts import stored_schema
from repair.store.atomic import is_local, write_whole
from repair.store.files import HashedFile, TableFile
from repair.store.manifest import (
    CHUNK_BYTES,
    DATA,
    MANIFEST,
    REJECTED,
    SWEEP_AFTER,
    Manifest,
    StoredFile,
    segment,
)
from repair.store.text_columns import strip_texts
from repair.store.text_table import TextTable
from repair.store.text_writer import TextWriter

pc: Any = pyarrow.compute  # its functions are made at import, so that type checkers do not see them


class PartitionWriter:
    """Atomic write of one partition. Use it as a context; leaving it without `commit` is an error."""

    def __init__(
        self,
        filesystem: Any,
        folder: str,
        uri: str,
        *,
        asset: str,
        partition: dict[str, str],
        texts: TextTable,
        earlier: Callable[[], Manifest | None],
    ) -> None:
        """`folder` on `filesystem` is the partition's, `uri` its name for people; `texts` takes its texts,
        and `earlier` reads the manifest that is there now."""
        self._fs, self._root, self._uri = filesystem, folder, uri
        self._asset, self._partition, self._earlier = asset, partition, earlier
        self._local = is_local(self._fs)
        self._texts = TextWriter(texts)
        self._token = uuid.uuid4().hex[:16]
        self._tables: dict[str, TableFile] = {}
        self._stored: dict[str, StoredFile] = {}
        self._content: dict[str, str] = {}
        self._paths: list[str] = []
        self._rejects: dict[str, int] = {}
        self._committed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._committed:
            return
        for table in self._tables.values():
            with contextlib.suppress(Exception):
                table.abandon()
        for path in self._paths:
            self._remove(path)
        if kind is None:
            raise StoreError(f"{self._uri} was left without a commit: nothing is kept")

    def declare(self, schema: pa.Schema, name: str = DATA, *, row_group_bytes: int | None = None) -> None:
        """The partition has the table `name`, even if no row is written to it.

        `row_group_bytes`: size in memory of the rows that are read together, or not at all.
        """
        if name not in self._tables:
            sink = self._create(f"{segment('table name', name)}-{self._token}.parquet")
            self._tables[name] = TableFile(sink, stored_schema(schema))
        if row_group_bytes is not None:
            self._tables[name].row_group_bytes = row_group_bytes

    def write(self, name: str, batch: pa.RecordBatch | pa.Table) -> None:
        """Appends rows to the table `name`. All batches of a table have one schema, texts or their hashes."""
        self.declare(batch.schema, name)
        for part in batch.to_batches() if isinstance(batch, pa.Table) else [batch]:
            self._tables[name].write(self.strip(part))

    def strip(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """`batch` with hashes for its texts, which are stored once this partition is."""
        stripped, texts = strip_texts(batch)
        self._texts.add(texts)
        return stripped

    def write_rejects(self, batch: pa.RecordBatch | pa.Table) -> None:
        """Appends rows of `repair.schema.outcomes.REJECTS` to the table `rejects`, and counts their
        `rows`."""
        batch = batch.cast(REJECTS)
        counts = pa.table({REASON: batch.column(REASON), ROWS: batch.column(ROWS)}).group_by(REASON)
        for row in counts.aggregate([(ROWS, "sum")]).to_pylist():
            self._rejects[row[REASON]] = self._rejects.get(row[REASON], 0) + row[f"{ROWS}_sum"]
        self.write(REJECTED, batch)

    def rows(self, name: str) -> int:
        """The rows of a table so far."""
        return self._tables[name].rows if name in self._tables else 0

    @property
    def rejected(self) -> int:
        """The input rows that the rejects so far stand for."""
        return sum(self._rejects.values())

    def write_outcomes(self, batch: pa.RecordBatch) -> None:
        """Splits a stage's outcomes: kept rows go to `data`, the others to `rejects`."""
        kept, rejects = split_outcomes(batch)
        self.declare(kept.schema)
        if kept.num_rows:
            self.write(DATA, kept)
        if rejects.num_rows:
            self.write_rejects(rejects)

    def write_bytes(self, name: str, data: bytes) -> None:
        """An artefact such as `scores.json` or `report.html`."""
        path = PurePosixPath(segment("artefact name", name))
        sink = self._create(f"{path.stem}-{self._token}{path.suffix}")
        sink.write(data)
        self._keep(name, sink, None, hashlib.sha256(data).hexdigest())

    def write_tree(self, local_dir: Path, name: str = "tree") -> None:
        """All files below a local folder, such as a checkpoint's; links are followed."""
        segment("tree name", name)
        found = sorted(path for path in local_dir.rglob("*") if path.is_file())
        if not found:
            raise StoreError(f"{local_dir} holds no file: a tree {name!r} without files can't be stored")
        for path in found:
            relative = path.relative_to(local_dir).as_posix()
            sink = self._create(f"{name}-{self._token}/{relative}")
            with path.open("rb") as source:
                while chunk := source.read(CHUNK_BYTES):
                    sink.write(chunk)
            self._keep(f"{name}/{relative}", sink, None, sink.hexdigest())

    def keep(self, stored: StoredFile) -> None:
        """An artefact of the present version, which stays as it is."""
        self._stored[stored.name], self._content[stored.name] = stored, stored.sha256

    def commit(
        self,
        *,
        fingerprint: str,
        inputs: Mapping[str, Any],
        versions: Mapping[str, Any],
        rows_in: int,
        rows_out: int | None = None,
        extra: Mapping[str, Any] | None = None,
        configuration: Mapping[str, Any] | None = None,
        types: Sequence[str] | None = None,
        definitions: str = "",
    ) -> Manifest:
        """Makes what was written the partition's content, and removes what was there before.

        `rows_out`: null means the rows of the table `data`. `extra` holds JSON values for people and
        later stages.
        """
        self.declare(REJECTS, REJECTED)
        for name, table in self._tables.items():
            table.close()
            self._keep(name, table.sink, table.rows, table.hexdigest())
        data = self._stored.get(DATA)
        manifest = Manifest(
            asset=self._asset,
            partition=self._partition,
            fingerprint=fingerprint,
            inputs=dict(inputs),
            versions=dict(versions),
            rows_in=rows_in,
            rows_out=rows_out if rows_out is not None else (data.rows or 0 if data else 0),
            rejects=dict(sorted(self._rejects.items())),
            files=tuple(self._stored[name] for name in sorted(self._stored)),
            data_version=_data_version(self._content),
            created=datetime.now(UTC),
            extra=dict(extra or {}),
            configuration=dict(configuration or {}),
            types=None if types is None else list(types),
            definitions=definitions,
        )
        text = manifest.to_json().encode()
        self._texts.flush()
        self._check_files_are_there(manifest)
        self._texts.check_are_there()
        earlier = self._earlier_files()
        write_whole(self._fs, f"{self._root}/{MANIFEST}", text)
        self._committed = True
        self._sweep({stored.file for stored in manifest.files}, earlier)
        return manifest

    def _create(self, file: str) -> "HashedFile":
        path = f"{self._root}/{file}"
        if path in self._paths:
            raise StoreError(f"{path} is written twice; every name of a partition is written once")
        if self._local:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._paths.append(path)
        return HashedFile(self._fs.open(path, "wb"), file, durable=self._local)

    def _keep(self, name: str, sink: "HashedFile", rows: int | None, content: str) -> None:
        sink.close()
        self._stored[name] = StoredFile(name, sink.file, rows, sink.size, sink.hexdigest())
        self._content[name] = content

    def _check_files_are_there(self, manifest: Manifest) -> None:
        for stored in manifest.files:
            try:
                size = self._fs.info(f"{self._root}/{stored.file}")["size"]
            except FileNotFoundError:
                size = None
            if size != stored.bytes:
                raise StoreError(
                    f"{self._root}/{stored.file} has {size} bytes, {stored.bytes} were written: it was taken "
                    f"away during the write (unfinished ones are swept after {SWEEP_AFTER}); write again"
                )

    def _earlier_files(self) -> set[str]:
        # A manifest that can't be read names nothing; what it meant is swept later.
        with contextlib.suppress(StoreError):
            if manifest := self._earlier():
                return {stored.file for stored in manifest.files}
        return set()

    def _sweep(self, current: set[str], earlier: set[str]) -> None:
        now = datetime.now(UTC)
        for path in cast(list[str], self._fs.find(self._root)):
            file = path[len(self._root) :].strip("/")
            if file == MANIFEST or file in current or "=" in file.split("/")[0]:
                continue
            with contextlib.suppress(FileNotFoundError):
                if file in earlier or now - self._fs.modified(path) > SWEEP_AFTER:
                    self._remove(path)

    def _remove(self, path: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._fs.rm_file(path)
        if self._local:
            with contextlib.suppress(OSError):  # a folder that still holds something stays
                for parent in Path(path).parents:
                    if str(parent) == self._root:
                        break
                    parent.rmdir()


def _data_version(content: Mapping[str, str]) -> str:
    lines = "".join(f"{name} {content[name]}\n" for name in sorted(content))
    return hashlib.sha256(lines.encode()).hexdigest()
