"""Damage at rest: whatever bit of a partition is flipped, equal rows are read or none, never others."""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pytest

from repair.errors import StoreError
from repair.schema.stages import FILES
from repair.store import reader, text_table
from repair.store.manifest import CHUNK_BYTES, Manifest
from repair.store.reader import PartitionStore
from repair.store.text_table import FOLDER

ROWS = pa.schema([("id", pa.string()), ("n", pa.int64()), ("files", FILES)])
PARTITION = {"date": "2026-01-05"}
FLIPS = 150


def rows(start: int = 0, *, count: int = 40) -> pa.RecordBatch:
    numbers = range(start, start + count)
    return pa.RecordBatch.from_pylist(
        [{"id": f"r{n}", "n": n, "files": [{"path": "m.py", "text": f"x = {n % 7}\n"}]} for n in numbers],
        schema=ROWS,
    )


def write(store: PartitionStore, *batches: pa.RecordBatch) -> Manifest:
    with store.writer("stage", PARTITION) as writer:
        for batch in batches:
            writer.write("data", batch)
        writer.write_bytes("report.html", b"<p>report</p>")
        return writer.commit(fingerprint="f", inputs={}, versions={}, rows_in=40)


def everything(store: PartitionStore) -> list[Any]:
    manifest = store.manifest("stage", PARTITION)
    assert manifest is not None
    return [
        pa.Table.from_batches(store.read("stage", PARTITION)),
        pa.Table.from_batches(store.read("stage", PARTITION, "rejects")),
        store.table("stage", PARTITION),
        store.read_bytes("stage", PARTITION, "report.html"),
        (manifest.rows_in, manifest.rows_out, manifest.data_version, manifest.fingerprint),
    ]


def forget() -> None:
    """Another process reads: no texts are in its memory."""
    text_table._index.cache_clear()
    text_table._group.cache_clear()


@pytest.fixture
def store(tmp_path: Path) -> PartitionStore:
    return PartitionStore(str(tmp_path / "base"))


@pytest.mark.parametrize(
    "pattern", ["stage/**/data-*", "stage/**/rejects-*", "stage/**/manifest.json", "texts/**/*.parquet"]
)
def test_a_flipped_bit_is_found(store: PartitionStore, pattern: str) -> None:
    write(store, rows())
    intact = everything(store)
    (path,) = Path(store.base_uri).glob(pattern)
    content, random = path.read_bytes(), Random(pattern)
    refused = 0
    for _ in range(FLIPS):
        damaged = bytearray(content)
        damaged[random.randrange(len(content))] ^= 1 << random.randrange(8)
        path.write_bytes(damaged)
        forget()
        try:
            found = everything(store)
        except StoreError as error:
            refused += 1
            assert "stage" in str(error) or FOLDER in str(error)
        else:
            assert found == intact
    assert refused
    path.write_bytes(content)
    forget()
    assert everything(store) == intact


@pytest.mark.parametrize(
    "damage", [lambda path: path.unlink(), lambda path: path.write_bytes(path.read_bytes()[:-1])]
)
@pytest.mark.parametrize("pattern", ["stage/**/data-*", "stage/**/report-*", "texts/**/*.parquet"])
def test_what_is_gone_or_cut_is_found(
    store: PartitionStore, pattern: str, damage: Callable[[Path], object]
) -> None:
    manifest = write(store, rows())
    store.check(manifest)
    (path,) = Path(store.base_uri).glob(pattern)
    damage(path)
    store.texts(PARTITION).remove_damaged()
    with pytest.raises(StoreError, match=r"again"):
        store.check(manifest)


def test_a_folder_in_place_of_a_file_is_a_store_error(store: PartitionStore) -> None:
    manifest = write(store, rows())
    folder = Path(store.uri("stage", PARTITION))
    for stored in manifest.files:
        (folder / stored.file).unlink()
        (folder / stored.file).mkdir()
    with pytest.raises(StoreError, match=r"data-\w+\.parquet"):
        store.table("stage", PARTITION)
    (folder / "manifest.json").unlink()
    (folder / "manifest.json").mkdir()
    with pytest.raises(StoreError, match=r"manifest\.json can't be read"):
        store.manifest("stage", PARTITION)


def test_a_larger_file_is_hashed_once_and_again_once_it_changed(
    store: PartitionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "CHUNK_BYTES", 256)  # more than that is large
    assert CHUNK_BYTES > 256
    write(store, rows())
    first = store.table("stage", PARTITION)
    assert store.table("stage", PARTITION) == first
    (path,) = Path(store.base_uri).glob("stage/**/data-*")
    damaged = bytearray(path.read_bytes())
    damaged[100] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(StoreError, match="SHA-256"):
        store.table("stage", PARTITION)


def test_damaged_texts_are_written_again(store: PartitionStore) -> None:
    write(store, rows())
    intact = everything(store)[0]
    (path,) = Path(store.base_uri).glob("texts/**/*.parquet")
    path.write_bytes(path.read_bytes().replace(b"x", b"y"))
    assert store.texts(PARTITION).remove_damaged() == [str(path)]
    assert store.texts(PARTITION).remove_damaged() == []
    write(store, rows())
    assert everything(store)[0] == intact


def test_two_reads_are_of_the_version_that_is_named(store: PartitionStore) -> None:
    old = write(store, rows())
    new = write(store, rows(1000))
    with pytest.raises(StoreError, match="read it again"):
        store.table("stage", PARTITION, manifest=old)
    with pytest.raises(StoreError, match="read it again"):
        store.read_bytes("stage", PARTITION, "report.html", manifest=old)
    assert store.table("stage", PARTITION, manifest=new)["n"][0].as_py() == 1000


def test_an_older_manifest_without_a_checksum_is_read(store: PartitionStore) -> None:
    manifest = write(store, rows())
    path = Path(store.uri("stage", PARTITION), "manifest.json")
    lines = [line for line in path.read_text().splitlines() if '"checksum"' not in line]
    path.write_text("\n".join(lines))
    assert store.manifest("stage", PARTITION) == manifest
