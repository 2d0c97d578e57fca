"""The life of a partition on a local folder and in a bucket: one body, two stores."""

import pickle
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from repair.errors import StoreError
from repair.execution.staging import Staging
from repair.schema.stages import FILES
from repair.store.manifest import Manifest
from repair.store.reader import PartitionStore
from repair.store.writer import PartitionWriter
from resources.store import StoreResource
from tests.gcs import gcs_bucket  # noqa: F401

PARTITION = {"date": "2026-01-05", "diagnostic_type": "F821"}


def in_a_folder(request: pytest.FixtureRequest) -> StoreResource:
    return StoreResource(base_uri=str(request.getfixturevalue("tmp_path") / "base"))


def in_a_bucket(request: pytest.FixtureRequest) -> StoreResource:
    from dagster_gcp import GCSResource

    bucket = request.getfixturevalue("gcs_bucket")
    place = request.getfixturevalue("tmp_path").name
    return StoreResource(base_uri=f"{bucket}/{place}", gcs=GCSResource(project="test"))


@pytest.fixture(params=[in_a_folder, in_a_bucket], ids=["folder", "bucket"])
def store(request: pytest.FixtureRequest) -> PartitionStore:
    make: Callable[[pytest.FixtureRequest], StoreResource] = request.param
    return make(request).store()


def commit(writer: PartitionWriter, rows_in: int = 0) -> Manifest:
    return writer.commit(fingerprint="f", inputs={}, versions={}, rows_in=rows_in)


def write(store: PartitionStore, *numbers: int) -> Manifest:
    with store.writer("stage", PARTITION) as writer:
        writer.write("data", pa.RecordBatch.from_pydict({"n": list(numbers)}))
        return commit(writer, len(numbers))


def objects(store: PartitionStore) -> set[str]:
    fs, folder = store.locate("stage", PARTITION)
    return {path.rsplit("/", 1)[1] for path in fs.find(folder)}


def test_a_partition_is_written_read_and_listed(store: PartitionStore) -> None:
    assert store.manifest("stage", PARTITION) is None
    manifest = write(store, 1, 2, 3)
    assert store.manifest("stage", PARTITION) == manifest
    assert store.partitions("stage") == [PARTITION]
    batches = store.read("stage", PARTITION, batch_rows=2)
    assert [batch["n"].to_pylist() for batch in batches] == [[1, 2], [3]]
    assert objects(store) == {"manifest.json", *(stored.file for stored in manifest.files)}


def test_a_rewrite_takes_the_old_files_away(store: PartitionStore) -> None:
    before, after = write(store, 1), write(store, 2)
    assert store.table("stage", PARTITION)["n"].to_pylist() == [2]
    assert not {stored.file for stored in before.files} & objects(store)
    assert objects(store) == {"manifest.json", *(stored.file for stored in after.files)}
    assert write(store, 1).data_version == before.data_version


def test_an_exception_keeps_the_old_version(store: PartitionStore) -> None:
    before = write(store, 1)
    with pytest.raises(ZeroDivisionError), store.writer("stage", PARTITION) as writer:
        writer.write("data", pa.RecordBatch.from_pydict({"n": [2]}))
        raise ZeroDivisionError
    assert store.manifest("stage", PARTITION) == before
    assert store.table("stage", PARTITION)["n"].to_pylist() == [1]
    assert objects(store) == {"manifest.json", *(stored.file for stored in before.files)}


def test_a_tree_and_an_artefact_come_back(store: PartitionStore, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "shards").mkdir(parents=True)
    (source / "shards" / "0.bin").write_bytes(b"\1" * 6_000_000)  # more than one upload block
    (source / ".metadata").write_bytes(b"m")
    with store.writer("stage", PARTITION) as writer:
        writer.write_tree(source, "weights")
        writer.write_bytes("scores.json", b"{}")
        commit(writer)
    assert store.read_bytes("stage", PARTITION, "scores.json") == b"{}"
    copy = store.local_tree("stage", PARTITION, "weights", tmp_path / "copy")
    assert (copy / "shards" / "0.bin").read_bytes() == (source / "shards" / "0.bin").read_bytes()
    assert (copy / ".metadata").read_bytes() == b"m"


def test_a_missing_object_is_named(store: PartitionStore) -> None:
    stored = write(store, 1).files[0]
    fs, folder = store.locate("stage", PARTITION)
    fs.rm_file(f"{folder}/{stored.file}")
    with pytest.raises(StoreError, match=stored.file):
        store.table("stage", PARTITION)


def test_of_two_writers_the_last_wins(store: PartitionStore) -> None:
    with store.writer("stage", PARTITION) as first, store.writer("stage", PARTITION) as second:
        first.write("data", pa.RecordBatch.from_pydict({"n": [1]}))
        second.write("data", pa.RecordBatch.from_pydict({"n": [2]}))
        commit(first, 1)
        commit(second, 1)
    assert store.table("stage", PARTITION)["n"].to_pylist() == [2]
    assert len(objects(store)) == 3


def test_texts_are_stored_once_and_joined(store: PartitionStore) -> None:
    batch = pa.RecordBatch.from_pylist(
        [{"files": [{"path": "a.py", "text": text}]} for text in ("x = 1\n", "ä𝕏", "x = 1\n")],
        schema=pa.schema([("files", FILES)]),
    )
    for asset in ("stage", "next_stage"):
        with store.writer(asset, PARTITION) as writer:
            writer.write("data", batch)
            commit(writer, 3)
    assert [list(store.read(asset, PARTITION)) for asset in ("stage", "next_stage")] == [[batch], [batch]]
    assert len(store.texts(PARTITION).files()) == 1
    (file,) = store.texts(PARTITION).files()
    store.locate("texts", {})[0].rm_file(file)
    with pytest.raises(StoreError, match=r"texts/date=2026-01-05 lacks 2 of 2 texts"):
        list(store.read("stage", PARTITION))


def test_results_of_workers_pass_through_it(store: PartitionStore) -> None:
    staging = Staging.new(store)
    there = pickle.loads(pickle.dumps(staging))
    batch = pa.RecordBatch.from_pydict({"n": [1, 2]})
    assert list(staging.read(there.write(0, [batch]))) == [batch]
    there.write_error(0, ZeroDivisionError("at fault"))
    assert str(staging.error()) == "at fault"
    staging.close()
    fs, folder = store.locate("_staging", {})
    assert not fs.find(folder)


def test_a_store_leaves_its_credentials_behind() -> None:
    store = PartitionStore("gs://bucket", {"token": object(), "project": "somebodys"})
    assert pickle.loads(pickle.dumps(store)) == PartitionStore("gs://bucket", {"project": "somebodys"})


def test_an_asset_gets_its_store_by_configuration(tmp_path: Path) -> None:
    @dg.asset
    def numbers(store: StoreResource) -> None:
        write(store.store(), 7)

    resource = StoreResource(base_uri=str(tmp_path))
    assert dg.materialize([numbers], resources={"store": resource}).success
    assert resource.store().table("stage", PARTITION)["n"].to_pylist() == [7]


def test_the_bucket_is_opened_with_the_clients_credentials(gcs_bucket: str) -> None:  # noqa: F811
    from dagster_gcp import GCSResource

    gcs = GCSResource(project="somebodys")
    options = StoreResource(base_uri=f"{gcs_bucket}/x", gcs=gcs).store().storage_options
    assert options["project"] == "somebodys"
    assert type(options["token"]) is type(gcs.get_client()._credentials)
    assert not StoreResource(base_uri="/folder", gcs=gcs).store().storage_options
