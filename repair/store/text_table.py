"""Content-addressed text table: each text of a date is stored once, and rows name it by its SHA-256.

```
BASE/texts/date=2026-01-05/<SHA-256 of the file>.parquet        sha256, bytes, text
BASE/texts/<SHA-256 of the file>.parquet                        what belongs to no date: frozen benchmarks
```

A file never changes and appears whole, before the manifest whose rows need it: writing one twice, or two
writers with the same texts, do no harm. A writer leaves out what is there already. Each text that is read
is compared with its SHA-256.

A file with texts that no row names any more is set aside, into `unused/`, before it goes: readers still find
its texts there, and a writer does not count on them.
"""

import hashlib
import re
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from repair.errors import StoreError
from repair.extras import extra
from repair.schema.texts import SHA256, TEXT
from repair.store.atomic import is_local, write_whole
from repair.store.files import READ_ERRORS, cut, file_identity
from repair.store.manifest import CHUNK_BYTES, SWEEP_AFTER

with extra("pipeline"):
    import numpy as np

pc: Any = pyarrow.compute  # its functions are made at import, so that type checkers do not see them

FOLDER = "texts"
ASIDE = "unused"
BYTES = "bytes"
TEXTS = pa.schema(
    [
        pa.field(SHA256, pa.string(), nullable=False),
        pa.field(BYTES, pa.int64(), nullable=False),
        pa.field(TEXT, pa.string(), nullable=False),
    ]
)

ROW_GROUP_BYTES = 4 << 20
"""Texts up to this size are decoded together."""
_CACHED_GROUPS = 32
_CACHED_INDEXES = 1024
_LISTED_AT_ONCE = 8

_FILE = re.compile(r"[0-9a-f]{64}\.parquet")
_WHOLE = set[tuple[str, ...]]()
"""Files whose SHA-256 this process has compared with their names."""
_HEXADECIMAL = pa.binary(64)

Numbers = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, slots=True, eq=False)
class _Index:
    """Which texts a file has: their hashes in order, and row and size of each."""

    path: str
    hashes: np.ndarray[Any, Any]
    rows: Numbers
    sizes: Numbers
    group_starts: Numbers
    """The first row of each row group."""


class TextTable:
    """The texts of one date, or those of no date."""

    def __init__(self, filesystem: Any, folder: str, uri: str) -> None:
        """`folder` on `filesystem` is the table's, `uri` its name for people."""
        self._fs, self._folder, self._uri = filesystem, folder, uri
        self._indexes: dict[str, _Index] = {}
        self._aside: dict[str, _Index] = {}
        self._listed = False

    def get(self, hashes: pa.Array) -> pa.Array:
        """The texts of distinct hashes, in their order.

        Raises:
            StoreError: one is not there, or is damaged.
        """
        wanted = _digests(hashes)
        files, entries = self._located(wanted)
        parts: list[pa.Array] = []
        order: list[Numbers] = []
        for index, own in self._by_file(files):
            rows = index.rows[entries[own]]
            groups = np.searchsorted(index.group_starts, rows, "right") - 1
            for group in np.unique(groups).tolist():
                chosen = own[groups == group]
                texts = self._group(index.path, group).take(rows[groups == group] - index.group_starts[group])
                self._verify(index.path, wanted[chosen], texts)
                parts.append(texts)
                order.append(chosen)
        if not parts:
            return pa.array([], pa.string())
        return pa.concat_arrays(parts).take(np.argsort(np.concatenate(order)))

    def sizes(self, hashes: pa.Array) -> Numbers:
        """Bytes of the texts of distinct hashes, in their order. Raises StoreError as `get` does."""
        files, entries = self._located(_digests(hashes))
        found = np.zeros(len(hashes), np.int64)
        for index, own in self._by_file(files):
            found[own] = index.sizes[entries[own]]
        return found

    def lacks(self, hashes: pa.Array, *, listed_again: bool) -> pa.Array:
        """For each of distinct hashes, whether its text is absent. The folder is listed once, and again
        where `listed_again` says so."""
        if listed_again or not self._listed:
            self._list()
        files, _ = self._find(_digests(hashes), list(self._indexes.values()))
        return pa.array(files < 0)

    def missing(self, hashes: pa.Array) -> int:
        """How many of distinct hashes have no text now, be it set aside."""
        self._list()
        self._list_aside()
        files, _ = self._find(_digests(hashes), self._all())
        return int((files < 0).sum())

    def hashes(self, path: str) -> list[str]:
        """The hashes of the texts in one of `files`. Raises StoreError if it is damaged."""
        return [digest.decode() for digest in self._index(path).hashes.tolist()]

    def bytes_of(self, path: str, hashes: Collection[str]) -> int:
        """Bytes of those texts of one of `files`."""
        index = self._index(path)
        wanted = np.isin(index.hashes, np.array(sorted(hashes), "S64"))
        return int(index.sizes[wanted].sum())

    def drop(self, path: str, unwanted: Collection[str]) -> int:
        """Removes texts of one of `files`, which goes once the others are in a new one. Returns their bytes.

        Whatever stops it, no other text is lost.
        """
        texts = self._table(path)
        dropped = _among(texts, unwanted)
        kept = texts.filter(pc.invert(dropped))
        if kept.num_rows == texts.num_rows:
            return 0
        if kept.num_rows:
            self.write(kept)
        self._fs.rm_file(path)
        self._forget()
        return pc.sum(texts.filter(dropped).column(BYTES)).as_py()

    def write(self, texts: pa.Table) -> None:
        """Writes a file of these texts, which are rows of `TEXTS`; it is there when this returns."""
        sink = BytesIO()
        with pq.ParquetWriter(sink, TEXTS, compression="zstd", use_dictionary=False) as writer:
            for start, stop in cut(texts.column(BYTES).to_numpy(), ROW_GROUP_BYTES):
                writer.write_table(texts.slice(start, stop - start), row_group_size=stop - start)
        data = sink.getvalue()
        self._sweep()
        write_whole(self._fs, f"{self._folder}/{hashlib.sha256(data).hexdigest()}.parquet", data)

    def files(self) -> list[str]:
        """The paths of the table's files, in order."""
        return self._files_in(self._folder)

    def files_aside(self) -> list[str]:
        """The paths of the files that were set aside."""
        return self._files_in(f"{self._folder}/{ASIDE}")

    def _files_in(self, folder: str) -> list[str]:
        try:
            listed = cast(list[str], self._fs.ls(folder, detail=False))
        except FileNotFoundError:
            return []
        return sorted(path for path in listed if _FILE.fullmatch(path.rpartition("/")[2]))

    def set_aside(self, path: str, unused: Collection[str]) -> None:
        """Sets a file aside, once those of its texts that are not `unused` are in a new one."""
        texts = self._table(path)
        kept = texts.filter(pc.invert(_among(texts, unused)))
        if kept.num_rows:
            self.write(kept)
        name = path.rpartition("/")[2]
        write_whole(self._fs, f"{self._folder}/{ASIDE}/{name}", cast(bytes, self._fs.cat_file(path)))
        self._fs.rm_file(path)
        self._forget()

    def remove_aside(self, path: str, named: Collection[str]) -> None:
        """Removes a file that was set aside, once those of its texts that rows name after all are back."""
        texts = self._table(path)
        absent = self.lacks(texts.column(SHA256).combine_chunks(), listed_again=True)
        kept = texts.filter(pc.and_(_among(texts, named), absent))
        if kept.num_rows:
            self.write(kept)
        self._fs.rm_file(path)
        self._forget()

    def remove_damaged(self) -> list[str]:
        """Removes files that are not what their names say, so that their texts are written again.

        A file is hashed once in a process, and again once the file system says that it has changed. Returns
        the paths that were removed.

        Raises:
            StoreError: a file can't be read or removed.
        """
        damaged: list[str] = []
        for path in self.files():
            try:
                if not self._is_whole(path):
                    self._fs.rm_file(path)
                    damaged.append(path)
            except FileNotFoundError:  # another run removed it
                continue
            except OSError as error:
                raise self._damaged(path, str(error)) from error
        if damaged:
            self._forget()
        return damaged

    def _table(self, path: str) -> pa.Table:
        try:
            with self._fs.open(path, "rb") as handle:
                return pq.ParquetFile(handle).read()
        except READ_ERRORS as error:
            raise self._damaged(path, str(error)) from error

    def _is_whole(self, path: str) -> bool:
        identity = file_identity(self._fs, path)
        if identity not in _WHOLE:
            digest = hashlib.sha256()
            with self._fs.open(path, "rb") as handle:
                while chunk := handle.read(CHUNK_BYTES):
                    digest.update(chunk)
            if digest.hexdigest() != path.rpartition("/")[2].removesuffix(".parquet"):
                return False
            _WHOLE.add(identity)
        return True

    def _forget(self) -> None:
        self._indexes.clear()
        self._aside.clear()
        self._listed = False
        _index.cache_clear()
        _group.cache_clear()

    def _sweep(self) -> None:
        """Removes what killed writers left unfinished."""
        before = (datetime.now(UTC) - SWEEP_AFTER).timestamp()
        if is_local(self._fs):
            for path in Path(self._folder).glob(".*.parquet-*"):
                with suppress(FileNotFoundError):
                    if path.stat().st_mtime < before:
                        path.unlink()

    def _list(self) -> None:
        self._listed = True
        listed = self.files()
        new = [path for path in listed if path not in self._indexes]
        with ThreadPoolExecutor(_LISTED_AT_ONCE) as pool:
            self._indexes.update(zip(new, pool.map(self._index, new), strict=True))
        for path in self._indexes.keys() - set(listed):
            del self._indexes[path]  # it was taken away: its texts are in another file, or wanted by none

    def _located(self, wanted: np.ndarray[Any, Any]) -> tuple[Numbers, Numbers]:
        files, entries = self._find(wanted, self._all())
        if (files < 0).any():
            self._list()
            self._list_aside()
            files, entries = self._find(wanted, self._all())
        absent = np.flatnonzero(files < 0)
        if len(absent):
            raise StoreError(
                f"{self._uri} lacks {len(absent)} of {len(wanted)} texts that rows name, first the one with "
                f"SHA-256 {bytes(wanted[absent[0]]).decode()}: a file of texts was taken away or damaged; "
                "the partitions of the date need it: materialize them again, which writes their texts again"
            )
        return files, entries

    def _list_aside(self) -> None:
        self._aside = {path: self._index(path) for path in self.files_aside()}

    def _all(self) -> list[_Index]:
        return [*self._indexes.values(), *self._aside.values()]

    def _find(self, wanted: np.ndarray[Any, Any], indexes: Sequence[_Index]) -> tuple[Numbers, Numbers]:
        """The number of the file that has each hash, or -1, and the hash's entry in its index."""
        files, entries = np.full(len(wanted), -1), np.zeros(len(wanted), np.int64)
        for number, index in enumerate(indexes):
            open_ = np.flatnonzero(files < 0)
            if not len(open_):
                break
            if not len(index.hashes):
                continue
            at = np.minimum(np.searchsorted(index.hashes, wanted[open_]), len(index.hashes) - 1)
            equal = index.hashes[at] == wanted[open_]
            files[open_[equal]] = number
            entries[open_[equal]] = at[equal]
        return files, entries

    def _by_file(self, files: Numbers) -> Iterator[tuple[_Index, Numbers]]:
        indexes = self._all()
        for number in np.unique(files).tolist():
            yield indexes[number], np.flatnonzero(files == number)

    def _index(self, path: str) -> _Index:
        try:
            return _index(self._fs, path)
        except READ_ERRORS as error:
            raise self._damaged(path, str(error)) from error

    def _group(self, path: str, group: int) -> pa.Array:
        try:
            return _group(self._fs, path, group)
        except READ_ERRORS as error:
            raise self._damaged(path, str(error)) from error

    def _verify(self, path: str, wanted: np.ndarray[Any, Any], texts: pa.Array) -> None:
        for digest, value in zip(wanted.tolist(), utf8_values(texts), strict=True):
            if (found := hashlib.sha256(value).hexdigest()) != digest.decode():
                raise self._damaged(path, f"the text {digest.decode()} has the SHA-256 {found}")

    def _damaged(self, path: str, what: str) -> StoreError:
        self._forget()  # the file may be mended under its name while this process lives
        name = path.rpartition("/")[2]
        return StoreError(
            f"{self._uri}/{name} is damaged: {what}; the partitions of its date need it: materialize "
            "them again, and a run removes the damaged file and writes its texts again"
        )


def distinct_texts(tables: Sequence[pa.Table]) -> pa.Table:
    """The texts of all tables of `TEXTS`, in order, each one once."""
    whole = pa.concat_tables(tables) if tables else TEXTS.empty_table()
    if len(tables) < 2:
        return whole
    _, first = np.unique(_digests(whole.column(SHA256).combine_chunks()), return_index=True)
    return whole.take(np.sort(first))


def utf8_values(texts: pa.Array) -> Iterator[memoryview]:
    """The bytes of each text, not copied; there must be no null."""
    if len(texts) == 0:
        return
    _, offsets, data = texts.buffers()
    ends = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1].tolist()
    view = memoryview(data) if data is not None else memoryview(b"")
    for start, end in pairwise(ends):
        yield view[start:end]


def _among(texts: pa.Table, hashes: Collection[str]) -> Any:
    return pc.is_in(texts.column(SHA256), pa.array(sorted(hashes), pa.string()))


@lru_cache(_CACHED_INDEXES)
def _index(filesystem: Any, path: str) -> _Index:
    with filesystem.open(path, "rb") as handle:
        parquet = pq.ParquetFile(handle)
        table = parquet.read(columns=[SHA256, BYTES])
        sizes = [
            parquet.metadata.row_group(group).num_rows for group in range(parquet.metadata.num_row_groups)
        ]
    digests = _digests(table.column(SHA256).combine_chunks())
    order = np.argsort(digests)
    return _Index(
        path=path,
        hashes=digests[order],
        rows=order,
        sizes=table.column(BYTES).to_numpy()[order],
        group_starts=np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])[:-1],
    )


@lru_cache(_CACHED_GROUPS)
def _group(filesystem: Any, path: str, group: int) -> pa.Array:
    with filesystem.open(path, "rb") as handle:
        return pq.ParquetFile(handle).read_row_group(group, columns=[TEXT]).column(TEXT).combine_chunks()


def _digests(hashes: pa.Array) -> np.ndarray[Any, Any]:
    """Hexadecimal digests as NumPy's bytes of fixed width."""
    try:
        fixed = hashes.cast(_HEXADECIMAL)
    except pa.ArrowException as error:
        wrong = next(value for value in hashes.to_pylist() if len(value or "") != _HEXADECIMAL.byte_width)
        raise StoreError(
            f"{wrong!r} is no SHA-256 in hexadecimal: the rows that name it are damaged"
        ) from error
    _, data = fixed.buffers()
    if data is None:
        return np.empty(0, "S64")
    return np.frombuffer(data, "S64", len(fixed), fixed.offset * 64)
