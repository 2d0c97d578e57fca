"""The partition store on a local folder; tests/resources/test_store.py runs the same life on a bucket."""

import hashlib
import json
import os
import pickle
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.errors import ConfigurationError, StoreError
from repair.schema.outcomes import REJECTS, Reject, outcome_batch
from repair.schema.stages import ERROR_STATES, FILES, REPRODUCED_DIAGNOSTICS
from repair.store.content_hash import TableHash
from repair.store.manifest import FORMAT, Manifest, fingerprint
from repair.store.reader import PartitionStore
from repair.store.writer import PartitionWriter

ROWS = pa.schema([("id", pa.string()), ("n", pa.int64()), ("files", FILES)])
PARTITION = {"date": "2026-01-05", "diagnostic_type": "F821"}


def rows(*numbers: int, text: str = "x = 1\n") -> pa.RecordBatch:
    files = [{"path": "main.py", "text": text}, {"path": "leer.py", "text": None}]
    return pa.RecordBatch.from_pylist([{"id": f"r{n}", "n": n, "files": files} for n in numbers], schema=ROWS)


def commit(writer: PartitionWriter, rows_in: int = 0) -> Manifest:
    return writer.commit(fingerprint="f", inputs={"up": "1"}, versions={"code": "1"}, rows_in=rows_in)


def write(store: PartitionStore, *batches: pa.RecordBatch, asset: str = "stage") -> Manifest:
    with store.writer(asset, PARTITION) as writer:
        for batch in batches:
            writer.write("data", batch)
        return commit(writer, sum(batch.num_rows for batch in batches))


@pytest.fixture
def store(tmp_path: Path) -> PartitionStore:
    return PartitionStore(str(tmp_path / "base"))


def folder(store: PartitionStore) -> Path:
    return Path(store.uri("stage", PARTITION))


def names(store: PartitionStore) -> set[str]:
    return {path.name.split("-")[0] for path in folder(store).iterdir()}


def test_the_layout_is_the_documented_one(store: PartitionStore) -> None:
    manifest = write(store, rows(1))
    assert folder(store) == Path(store.base_uri) / "stage/date=2026-01-05/diagnostic_type=F821"
    assert names(store) == {"data", "rejects", "manifest.json"}
    assert store.file_uri("stage", PARTITION) == str(folder(store) / manifest.files[0].file)


def test_rows_come_back_in_order_in_small_batches(store: PartitionStore) -> None:
    write(store, rows(*range(100)), rows(*range(100, 150)))
    batches = list(store.read("stage", PARTITION, batch_rows=64))
    assert max(batch.num_rows for batch in batches) <= 64
    assert pa.Table.from_batches(batches) == pa.Table.from_batches([rows(*range(150))])
    assert store.table("stage", PARTITION, columns=["n"])["n"].to_pylist() == list(range(150))
    assert batches[0].schema == ROWS


def test_a_table_without_rows_keeps_its_schema(store: PartitionStore) -> None:
    with store.writer("stage", PARTITION) as writer:
        writer.declare(ERROR_STATES)
        commit(writer)
    (batch,) = store.read("stage", PARTITION)
    assert batch.num_rows == 0
    assert batch.schema == ERROR_STATES


def test_outcomes_are_split_counted_and_add_up(store: PartitionStore) -> None:
    moment = datetime(2026, 1, 5, 12, tzinfo=UTC)
    kept = dict.fromkeys(REPRODUCED_DIAGNOSTICS.names) | {"diagnostic_id": "k"}
    recorded = {"code": "ruff[F821]", "message": "old", "start_line": 0, "start_character": 0}
    recorded |= {"end_line": 0, "end_character": 1}
    seen = {"path": "a.py", "code": "pyright", "message": "new"}
    batch = outcome_batch(
        [
            kept,
            # only recorded: its code and message
            Reject({"diagnostic_id": "a", "moment": moment, "recorded": recorded}, "gone", "why", rows=3),
            # the server's own diagnostic says it better
            Reject({"diagnostic_id": "b", "recorded": recorded, "diagnostic": seen}, "gone"),
            # nothing known
            Reject({}, "unreadable"),
        ],
        REPRODUCED_DIAGNOSTICS,
    )
    with store.writer("stage", PARTITION) as writer:
        writer.write_outcomes(batch)
        manifest = commit(writer, rows_in=6)
    assert manifest.rows_out == 1
    assert manifest.rejects == {"gone": 4, "unreadable": 1}
    assert manifest.adds_up
    assert store.table("stage", PARTITION).schema == REPRODUCED_DIAGNOSTICS
    rejects = store.table("stage", PARTITION, "rejects")
    assert rejects.schema == REJECTS
    assert [(row["code"], row["message"], row["timestamp"], row["rows"]) for row in rejects.to_pylist()] == [
        ("ruff[F821]", "old", moment, 3),
        ("pyright", "new", None, 1),
        (None, None, None, 1),
    ]


def test_a_lost_row_does_not_add_up(store: PartitionStore) -> None:
    with store.writer("stage", PARTITION) as writer:
        writer.write("data", rows(1))
        manifest = commit(writer, rows_in=2)
    assert not manifest.adds_up


def test_a_later_write_replaces_everything(store: PartitionStore) -> None:
    write(store, rows(1, 2, 3))
    with store.writer("stage", PARTITION) as writer:
        writer.write_bytes("report.html", b"<p>")
        commit(writer)
    assert names(store) == {"report", "rejects", "manifest.json"}
    assert store.read_bytes("stage", PARTITION, "report.html") == b"<p>"
    with pytest.raises(StoreError, match=r"has no 'data'; it has rejects, report\.html"):
        list(store.read("stage", PARTITION))


def test_an_exception_leaves_the_earlier_version_whole(store: PartitionStore) -> None:
    before = write(store, rows(1))
    listing = sorted(folder(store).iterdir())
    with pytest.raises(ZeroDivisionError), store.writer("stage", PARTITION) as writer:
        writer.write("data", rows(2))
        writer.write_bytes("report.html", b"half")
        raise ZeroDivisionError
    assert store.manifest("stage", PARTITION) == before
    assert sorted(folder(store).iterdir()) == listing


def test_leaving_without_a_commit_is_an_error_and_keeps_nothing(store: PartitionStore) -> None:
    with pytest.raises(StoreError, match="without a commit"), store.writer("stage", PARTITION) as writer:
        writer.write("data", rows(2))
    assert store.manifest("stage", PARTITION) is None
    assert list(folder(store).iterdir()) == []


def test_batches_of_another_schema_are_refused(store: PartitionStore) -> None:
    with pytest.raises(StoreError, match="has the schema"), store.writer("stage", PARTITION) as writer:
        writer.write("data", rows(1))
        writer.write("data", rows(2).select(["id"]))


def test_a_name_is_written_once(store: PartitionStore) -> None:
    with pytest.raises(StoreError, match="written twice"), store.writer("stage", PARTITION) as writer:
        writer.write_bytes("a.json", b"1")
        writer.write_bytes("a.json", b"2")


def test_a_tree_is_stored_and_comes_back(store: PartitionStore, tmp_path: Path) -> None:
    source = tmp_path / "checkpoint"
    (source / "shards").mkdir(parents=True)
    (source / "config.json").write_text("{}")
    (source / "shards" / ".metadata").write_bytes(b"\0" * 5_000_000)
    (source / "manifest.json").write_text("an artefact's own manifest is no partition")
    with store.writer("checkpoint", {"date": "2026-01-05"}) as writer:
        writer.write_tree(source, "weights")
        writer.write_bytes("recipe.json", b"{}")
        commit(writer)
    into = store.local_tree("checkpoint", {"date": "2026-01-05"}, "weights", tmp_path / "copy")
    assert {p.relative_to(into).as_posix(): p.read_bytes() for p in into.rglob("*") if p.is_file()} == {
        p.relative_to(source).as_posix(): p.read_bytes() for p in source.rglob("*") if p.is_file()
    }
    assert store.partitions("checkpoint") == [{"date": "2026-01-05"}]
    with store.writer("checkpoint", {"date": "2026-01-05"}) as writer:
        commit(writer)
    left = [path.name for path in Path(store.uri("checkpoint", {"date": "2026-01-05"})).iterdir()]
    assert len(left) == 2, "the earlier tree's folders are gone as well"


def test_an_empty_tree_is_refused(store: PartitionStore, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="holds no file"), store.writer("a", {}) as writer:
        writer.write_tree(tmp_path / "nothing")


def test_partitions_are_those_with_a_manifest(store: PartitionStore) -> None:
    for day in ("2026-01-06", "2026-01-05"):
        with store.writer("stage", {"date": day, "diagnostic_type": "other"}) as writer:
            commit(writer)
    half = Path(store.uri("stage", {"date": "2026-01-07", "diagnostic_type": "other"}))
    half.mkdir(parents=True)
    (half / "data-0.parquet").write_bytes(b"PAR1")
    assert store.partitions("stage") == [
        {"date": "2026-01-05", "diagnostic_type": "other"},
        {"date": "2026-01-06", "diagnostic_type": "other"},
    ]
    assert store.partitions("never_written") == []


def test_an_unpartitioned_asset_leaves_partitions_below_it_alone(store: PartitionStore) -> None:
    below = write(store, rows(1))
    for path in folder(store).iterdir():
        os.utime(path, (0, 0))
    with store.writer("stage", {}) as writer:
        commit(writer)
    assert {} in store.partitions("stage")
    assert store.manifest("stage", PARTITION) == below
    assert sum(batch.num_rows for batch in store.read("stage", PARTITION)) == 1


def test_what_a_dead_writer_left_is_invisible_and_swept_when_old(store: PartitionStore) -> None:
    write(store, rows(1))
    dead, alive = folder(store) / "data-dead.parquet", folder(store) / "data-alive.parquet"
    dead.write_bytes(b"PAR1")
    alive.write_bytes(b"PAR1")
    old = time.time() - timedelta(days=2).total_seconds()
    os.utime(dead, (old, old))
    assert store.table("stage", PARTITION)["n"].to_pylist() == [1]
    write(store, rows(2))
    assert not dead.exists()
    assert alive.exists(), "it may belong to a writer that is at work"


def test_of_two_writers_the_last_wins_with_its_own_files(store: PartitionStore) -> None:
    write(store, rows(0))
    with store.writer("stage", PARTITION) as first, store.writer("stage", PARTITION) as second:
        first.write("data", rows(1))
        second.write("data", rows(2))
        commit(first, 1)
        commit(second, 1)
    assert [b["n"].to_pylist() for b in store.read("stage", PARTITION)] == [[2]]
    assert len(list(folder(store).iterdir())) == 3


def test_a_writer_whose_files_are_gone_does_not_commit(store: PartitionStore) -> None:
    before = write(store, rows(1))
    with pytest.raises(StoreError, match="taken away"), store.writer("stage", PARTITION) as writer:
        writer.write_bytes("report.html", b"x")
        next(folder(store).glob("report-*")).unlink()
        commit(writer)
    assert store.manifest("stage", PARTITION) == before


def test_a_writer_killed_in_the_middle_leaves_the_old_version_whole(
    store: PartitionStore, tmp_path: Path
) -> None:
    before = write(store, rows(1, 2))
    program = tmp_path / "writer.py"
    program.write_text(
        "import sys, time\n"
        "import pyarrow as pa\n"
        "import repair.store.files as hashed_files, repair.store.reader as storage\n"
        "hashed_files.ROW_GROUP_BYTES = 1000\n"
        "store = storage.PartitionStore(sys.argv[1])\n"
        f"with store.writer('stage', {PARTITION!r}) as writer:\n"
        "    for n in range(10**9):\n"
        "        writer.write('data', pa.RecordBatch.from_pydict({'n': [n] * 1000}))\n"
        "        if n == 20: print('writing', flush=True)\n"
    )
    child = subprocess.Popen(
        [sys.executable, program, store.base_uri],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"writing\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    halves = [path for path in folder(store).glob("data-*") if path.name != before.files[0].file]
    assert len(halves) == 1
    assert halves[0].stat().st_size > 1000, "it was killed after rows had reached the disk"
    assert store.manifest("stage", PARTITION) == before
    assert store.table("stage", PARTITION) == pa.Table.from_batches([rows(1, 2)])
    after = write(store, rows(3))
    assert store.manifest("stage", PARTITION) == after


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), "not there"),
        (lambda path: path.write_bytes(path.read_bytes()[:-10]), "bytes"),  # a copy that broke off
        (lambda path: path.write_bytes(b"\0" * path.stat().st_size), "is not what"),  # same size, other bytes
    ],
)
def test_a_damaged_file_is_named_with_what_to_do(store: PartitionStore, damage, message: str) -> None:
    file = folder(store) / write(store, rows(1)).files[0].file
    damage(file)
    with pytest.raises(StoreError, match=message) as caught:
        store.table("stage", PARTITION)
    assert str(file) in str(caught.value)
    assert "materialize it again" in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_flipped_byte_is_found_in_tables_and_in_artefacts(store: PartitionStore, tmp_path: Path) -> None:
    with store.writer("stage", PARTITION) as writer:
        writer.write("data", rows(1))
        writer.write_bytes("report.html", b"text")
        manifest = commit(writer)
    for stored in manifest.files:
        path = folder(store) / stored.file
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
    with pytest.raises(StoreError, match="SHA-256"):
        list(store.read("stage", PARTITION))
    with pytest.raises(StoreError, match="SHA-256"):
        store.read_bytes("stage", PARTITION, "report.html")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"asset": "stage"}'])
def test_a_broken_manifest_is_named(store: PartitionStore, text: str) -> None:
    write(store, rows(1))
    (folder(store) / "manifest.json").write_text(text)
    with pytest.raises(StoreError, match=r"manifest\.json is no manifest"):
        store.manifest("stage", PARTITION)
    assert write(store, rows(2)).rows_out == 1, "materializing again mends it"


@pytest.mark.parametrize(
    ("version", "what_to_do"),
    [
        (None, "is of the store format 1, and this code reads 2: materialize into a new, empty store"),
        (1, "is of the store format 1, and this code reads 2: materialize into a new, empty store"),
        (3, "is of the store format 3, and this code reads 2: update this code"),
        ("x", "is of the store format x, and this code reads 2: update this code"),
    ],
)
def test_a_store_of_another_format_is_refused_with_what_to_do(
    store: PartitionStore, version: object, what_to_do: str
) -> None:
    write(store, rows(1))
    path = folder(store) / "manifest.json"
    manifest = json.loads(path.read_text())
    assert manifest["format"] == FORMAT == 2
    del manifest["format"]
    path.write_text(json.dumps(manifest if version is None else {**manifest, "format": version}))
    with pytest.raises(StoreError, match=what_to_do) as caught:
        store.table("stage", PARTITION)
    assert str(path) in str(caught.value)
    assert len(str(caught.value).split(". ")) == 1, "one sentence"


@pytest.mark.parametrize(
    "file",
    [
        {"file": "../../etc/hostname"},
        {"file": "/etc/hostname"},
        {"file": "tree/../../x"},
        {"file": "tree//x"},
        {"file": "tree\\..\\x/.."},
        {"file": "tree/a\\b"},
        {"name": "tree/../../x"},
        {"name": "../../etc/hostname"},
        {"name": "tree/./x"},
        {"name": ""},
        {"name": 7},
    ],
)
def test_a_manifest_that_leads_out_of_its_folder_is_refused(
    store: PartitionStore, tmp_path: Path, file: dict[str, object]
) -> None:
    write(store, rows(1))
    path = folder(store) / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"][0] |= file
    path.write_text(json.dumps(manifest))
    with pytest.raises(StoreError, match=r"manifest\.json is no manifest"):
        store.local_tree("stage", PARTITION, "tree", tmp_path / "copy")
    assert not list(tmp_path.glob("x*"))


@pytest.mark.parametrize("part", [{"asset": "../x"}, {"partition": {"date": "../x"}}, {"partition": 1}])
def test_a_manifest_of_no_partition_is_refused(store: PartitionStore, part: dict[str, object]) -> None:
    write(store, rows(1))
    path = folder(store) / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | part))
    with pytest.raises(StoreError, match=r"manifest\.json is no manifest"):
        store.manifest("stage", PARTITION)


def test_what_was_never_written_says_so(store: PartitionStore) -> None:
    assert store.manifest("stage", PARTITION) is None
    with pytest.raises(StoreError, match="materialize this partition of stage first"):
        list(store.read("stage", PARTITION))


@pytest.mark.parametrize(
    ("asset", "partition"),
    [
        ("../other", {}),
        ("a/b", {}),
        ("", {}),
        ("stage", {"date": "../../etc"}),
        ("stage", {"date": "a/b"}),
        ("stage", {"date": "a\\b"}),
        ("stage", {"date": "a=b"}),
        ("stage", {"date": ".."}),
        ("stage", {"date": ".hidden"}),
        ("stage", {"date": "a..b"}),
        ("stage", {"date": "*"}),
        ("stage", {"date": "a\n"}),
        ("stage", {"date": ""}),
        ("stage", {"a/b": "x"}),
    ],
)
def test_a_partition_cannot_leave_its_place(store: PartitionStore, asset: str, partition) -> None:
    with pytest.raises(ConfigurationError, match="part of a path"):
        store.writer(asset, partition)


def test_repeated_workspace_texts_are_stored_once_for_each_row_group(store: PartitionStore) -> None:
    # Random bytes do not compress: 100 rows of one 200 kB text take about 200 kB, not 20 MB.
    text = os.urandom(100_000).hex()
    manifest = write(store, *(rows(n, text=text) for n in range(100)))
    assert manifest.files[0].bytes < 400_000
    metadata = pq.ParquetFile(folder(store) / manifest.files[0].file).metadata
    assert metadata.num_row_groups == 1


def test_row_groups_are_bounded_by_bytes(store: PartitionStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("repair.store.files.ROW_GROUP_BYTES", 100_000)
    big = pa.RecordBatch.from_pydict({"n": range(1000), "answer": ["y" * 1000] * 1000})
    manifest = write(store, big)
    metadata = pq.ParquetFile(folder(store) / manifest.files[0].file).metadata
    sizes = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    assert sum(sizes) == 1000
    assert max(sizes) <= 100


def test_row_groups_without_wanted_rows_are_not_read(store: PartitionStore) -> None:
    """Every row group but the third is destroyed."""
    schema = pa.schema([("project_id", pa.string()), ("packet", pa.binary())])
    with store.writer("stage", PARTITION) as writer:
        writer.declare(schema, row_group_bytes=50_000)
        for number in range(4):
            rows_ = [{"project_id": f"p{number}", "packet": os.urandom(10_000)} for _ in range(4)]
            writer.write("data", pa.RecordBatch.from_pylist(rows_, schema))
        commit(writer)
    every = pa.Table.from_batches(list(store.read("stage", PARTITION)))
    stored = Path(store.file_uri("stage", PARTITION))
    metadata = pq.ParquetFile(stored).metadata
    assert metadata.num_row_groups == 4
    data = bytearray(stored.read_bytes())
    for group in (0, 1, 3):
        packets = metadata.row_group(group).column(1)
        start = min(filter(None, (packets.dictionary_page_offset, packets.data_page_offset)))
        data[start : start + packets.total_compressed_size] = bytes(packets.total_compressed_size)
    stored.write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    file = replace(store.stored("stage", PARTITION), sha256=digest)
    found = pa.Table.from_batches(list(store.read_file("stage", PARTITION, file, rows=(8, 12))))
    assert found == every.slice(8, 4)
    with pytest.raises(StoreError):
        list(store.read_file("stage", PARTITION, file, rows=(7, 12)))
    (empty,) = store.read_file("stage", PARTITION, file, ["project_id"], rows=(8, 8))
    assert (empty.num_rows, empty.schema.names) == (0, ["project_id"])


def test_the_manifest_survives_json(store: PartitionStore) -> None:
    manifest = write(store, rows(1))
    assert Manifest.from_json(manifest.to_json()) == manifest
    assert json.loads((folder(store) / "manifest.json").read_text())["rows_in"] == 1


def test_the_data_version_tells_content_only(store: PartitionStore) -> None:
    first = write(store, rows(1, 2), rows(3))
    again = write(store, rows(1), rows(2, 3))
    assert again.data_version == first.data_version, "batch boundaries, time and token do not count"
    assert again.files[0].file != first.files[0].file
    assert write(store, rows(2, 1), rows(3)).data_version != first.data_version, "order counts"
    assert write(store, rows(1, 2), rows(4)).data_version != first.data_version


# --- the content hash ------------------------------------------------------------------------------

value = st.none() | st.text("aä𝕏", max_size=3)
nested = pa.schema(
    [
        ("text", pa.string()),
        ("flag", pa.bool_()),
        ("when", pa.timestamp("us", tz="UTC")),
        ("list", pa.list_(pa.struct([("a", pa.string()), ("b", pa.int32())]))),
    ]
)
nested_row = st.fixed_dictionaries(
    {
        "text": value,
        "flag": st.none() | st.booleans(),
        "when": st.none() | st.integers(0, 3),
        "list": st.none()
        | st.lists(st.none() | st.fixed_dictionaries({"a": value, "b": st.none() | st.integers(0, 2)})),
    }
)


def content_hash(*batches: pa.RecordBatch) -> str:
    digest = TableHash(batches[0].schema)
    for batch in batches:
        digest.update(batch)
    return digest.hexdigest()


@given(st.lists(nested_row, max_size=8), st.lists(nested_row, max_size=8), st.integers(0, 8))
def test_equal_hashes_mean_equal_rows(left: list, right: list, cut: int) -> None:
    one, other = (pa.RecordBatch.from_pylist(rows, schema=nested) for rows in (left, right))
    assert content_hash(one) == content_hash(one.slice(0, cut), one.slice(cut))
    assert (content_hash(one) == content_hash(other)) == (one.to_pylist() == other.to_pylist())


def test_the_hash_sees_through_encodings() -> None:
    plain = pa.RecordBatch.from_pydict({"x": ["a", None, "a"]})
    encoded = pa.RecordBatch.from_pydict({"x": plain.column("x").dictionary_encode()})
    assert content_hash(plain) == content_hash(encoded)


def test_the_hash_sees_names_and_types() -> None:
    a = pa.RecordBatch.from_pydict({"x": pa.array([1], pa.int32())})
    assert content_hash(a) != content_hash(a.rename_columns(["y"]))
    assert content_hash(a) != content_hash(pa.RecordBatch.from_pydict({"x": pa.array([1], pa.uint32())}))


# --- the fingerprint -------------------------------------------------------------------------------


def test_a_fingerprint_ignores_the_order_of_keys_and_sees_each_part() -> None:
    base = fingerprint({"a": "1", "b": "2"}, {"cap": 1}, {"code": "1"})
    assert base == fingerprint({"b": "2", "a": "1"}, {"cap": 1}, {"code": "1"})
    others = [
        fingerprint({"a": "1", "b": "3"}, {"cap": 1}, {"code": "1"}),
        fingerprint({"a": "1", "b": "2"}, {"cap": 2}, {"code": "1"}),
        fingerprint({"a": "1", "b": "2"}, {"cap": 1}, {"code": "2"}),
    ]
    assert len({base, *others}) == 4


def test_a_fingerprint_refuses_what_is_no_json() -> None:
    with pytest.raises(ConfigurationError, match="JSON values only"):
        fingerprint({}, {"when": datetime(2026, 1, 5, tzinfo=UTC)}, {})
