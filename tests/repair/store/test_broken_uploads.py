"""Uploads to a bucket that fail half-way, or whose process is killed: nothing looks whole or is lost."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from repair.errors import StoreError
from repair.schema.stages import FILES
from repair.store.atomic import whole_folder
from repair.store.manifest import Manifest
from repair.store.reader import PartitionStore
from tests.broken_uploads import BrokenUploads, breaking
from tests.gcs import gcs_bucket

__all__ = ["gcs_bucket"]
ROOT = Path(__file__).parents[3]
PARTITION = {"date": "2026-01-05"}
ROWS = pa.schema([("n", pa.int64()), ("files", FILES)])
LAST = "made_by.json"


def write(store: PartitionStore, folder: Path, number: int) -> Manifest:
    """A partition with a table, its texts, rejects, an artefact, and a checkpoint of three files."""
    weights = folder / f"weights-{number}"
    weights.mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        (weights / name).write_bytes(bytes([number]) * 300_000)
    row = {"n": number, "files": [{"path": "m.py", "text": f"x = {number}\n"}]}
    with store.writer("stage", PARTITION) as writer:
        writer.write("data", pa.RecordBatch.from_pylist([row], schema=ROWS))
        writer.write_bytes("report.html", b"<p>report</p>")
        writer.write_tree(weights, "checkpoint")
        return writer.commit(fingerprint=str(number), inputs={}, versions={}, rows_in=1)


def stored(uri: str) -> PartitionStore:
    return PartitionStore(uri, {"token": "anon"})


# What fails -> how many uploads of that name are let through
FAILS = {
    "data-": 0,
    "texts/": 0,
    "rejects-": 0,
    "report-": 0,
    "checkpoint-": 1,  # in the middle of a tree
    "manifest.json": 0,
}


@pytest.mark.parametrize("name", FAILS)
def test_a_partition_whose_upload_fails_is_as_it_was_before(
    name: str, gcs_bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = f"{gcs_bucket}/{tmp_path.name}"
    emulator = os.environ["STORAGE_EMULATOR_HOST"]
    for number, before in enumerate((None, "1")):
        broken = BrokenUploads(name, FAILS[name])
        with monkeypatch.context() as patched, breaking(emulator, broken) as address:
            patched.setenv("STORAGE_EMULATOR_HOST", address)
            with pytest.raises(OSError, match="the bucket is full"):
                write(stored(uri), tmp_path, 10 + number)
        assert broken.failed.is_set()
        store = stored(uri)
        manifest = store.manifest("stage", PARTITION)
        assert (manifest and manifest.fingerprint) == before
        if manifest is None:
            assert store.partitions("stage") == []
            with pytest.raises(StoreError):
                store.table("stage", PARTITION)
            manifest = write(store, tmp_path, 1)  # the same place is written again
        store.check(manifest)
        assert store.table("stage", PARTITION)["n"].to_pylist() == [1]
        tree = store.local_tree("stage", PARTITION, "checkpoint", tmp_path / f"read-{number}")
        assert {path.read_bytes()[0] for path in tree.rglob("*") if path.is_file()} == {1}


def test_a_folder_whose_upload_fails_has_no_last_file(
    gcs_bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = f"{gcs_bucket}/{tmp_path.name}/checkpoint"

    def write_folder() -> None:
        with whole_folder(uri, last=LAST) as folder:
            for name in ("a", "b", LAST):
                (folder / name).write_text(name)

    store = stored(f"{gcs_bucket}/{tmp_path.name}")
    fs, root = store.locate("checkpoint", {})
    for name in ("/b", LAST):
        emulator = os.environ["STORAGE_EMULATOR_HOST"]
        with monkeypatch.context() as patched, breaking(emulator, BrokenUploads(name)) as address:
            patched.setenv("STORAGE_EMULATOR_HOST", address)
            with pytest.raises(OSError, match="the bucket is full"):
                write_folder()
        fs.invalidate_cache()
        assert not fs.exists(f"{root}/{LAST}")


KILLED = """
import sys
from pathlib import Path
from tests.repair.store.test_broken_uploads import stored, write
write(stored(sys.argv[1]), Path(sys.argv[2]), 2)
"""


@pytest.mark.parametrize("name", ["checkpoint-", "manifest.json"])
def test_a_process_that_is_killed_during_an_upload_leaves_what_was_there(
    name: str, gcs_bucket: str, tmp_path: Path
) -> None:
    uri = f"{gcs_bucket}/{tmp_path.name}"
    first = write(stored(uri), tmp_path, 1)
    broken = BrokenUploads(name, FAILS[name], stalls=True)
    with breaking(os.environ["STORAGE_EMULATOR_HOST"], broken) as address:
        child = subprocess.Popen(
            [sys.executable, "-c", KILLED, uri, str(tmp_path)],
            cwd=ROOT,
            env={
                **os.environ,
                "STORAGE_EMULATOR_HOST": address,
                "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",
            },
        )
        assert broken.failed.wait(60)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    store = stored(uri)
    assert store.manifest("stage", PARTITION) == first
    store.check(first)
    assert store.table("stage", PARTITION)["n"].to_pylist() == [1]
    assert write(store, tmp_path, 3).fingerprint == "3"
    assert store.table("stage", PARTITION)["n"].to_pylist() == [3]
