"""The text table on a local folder; tests/resources/test_store.py uses it on a bucket."""

import os
import pickle
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from repair.errors import StoreError
from repair.schema.stages import FILES
from repair.store.manifest import SWEEP_AFTER
from repair.store.reader import PartitionStore
from repair.store.text_columns import strip_texts
from repair.store.text_table import TextTable
from repair.store.text_writer import TextWriter

DATE = {"date": "2026-01-05"}
PARTITION = {**DATE, "diagnostic_type": "F821"}
ROWS = pa.schema([("files", FILES)])


@pytest.fixture
def store(tmp_path: Path) -> PartitionStore:
    return PartitionStore(str(tmp_path / "base"))


def rows(*texts: str) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(
        [{"files": [{"path": "a.py", "text": text}]} for text in texts], schema=ROWS
    )


def some(*texts: str) -> pa.Table:
    return strip_texts(rows(*texts))[1]


def write(store: PartitionStore, asset: str, *texts: str, partition: dict[str, str] = PARTITION) -> None:
    with store.writer(asset, partition) as writer:
        writer.write("data", rows(*texts))
        writer.commit(fingerprint="f", inputs={}, versions={}, rows_in=len(texts))


def files(store: PartitionStore, partition: dict[str, str] = DATE) -> list[Path]:
    return sorted(Path(store.uri("texts", partition)).glob("*"))


def texts_in(store: PartitionStore) -> list[str]:
    return [text for file in files(store) for text in pq.read_table(file)["text"].to_pylist()]


def test_texts_come_back_in_the_order_of_their_hashes(
    store: PartitionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("repair.store.text_table.ROW_GROUP_BYTES", 100)
    table = store.texts(DATE)
    every = [f"text {number} " + "ä" * (number % 40) for number in range(300)]
    for start in range(0, 300, 100):
        table.write(some(*every[start : start + 100]))
    assert max(pq.ParquetFile(file).num_row_groups for file in files(store)) > 20
    shuffled = every.copy()
    random.Random(1).shuffle(shuffled)
    wanted = some(*shuffled)
    for asked in (table, store.texts(DATE)):
        assert asked.get(wanted["sha256"].combine_chunks()).to_pylist() == shuffled
        assert asked.sizes(wanted["sha256"].combine_chunks()).tolist() == [len(t.encode()) for t in shuffled]
    assert table.get(pa.array([], pa.string())).to_pylist() == []


def test_a_text_is_stored_once_for_all_stages_and_types_of_its_date(store: PartitionStore) -> None:
    write(store, "error_states", "a", "b", "a")
    write(store, "reproduced_diagnostics", "a", "b")
    assert len(files(store)) == 1, "nothing new, no file"
    write(store, "error_states", "b", "c", partition={**DATE, "diagnostic_type": "F811"})
    write(store, "benchmark", "a", partition={"diagnostic_type": "F821"})
    assert sorted(texts_in(store)) == ["a", "b", "c"]
    assert len(files(store, {})) == 2, "what has no date has its own table"
    (batch,) = store.read("error_states", PARTITION)
    assert batch == rows("a", "b", "a")
    stored = store.table("error_states", PARTITION, texts=False)
    assert stored["files"].to_pylist()[0] == [{"path": "a.py", "sha256": some("a")["sha256"][0].as_py()}]


def test_writing_twice_is_harmless(store: PartitionStore) -> None:
    table = store.texts(DATE)
    table.write(some("a", "b"))
    (file,) = files(store)
    before = file.read_bytes()
    store.texts(DATE).write(some("a", "b"))
    assert files(store) == [file] and file.read_bytes() == before


def test_writers_side_by_side_do_no_harm(store: PartitionStore) -> None:
    def one(number: int) -> None:
        for part in range(5):
            write(store, f"stage_{number}", *[f"text {n}" for n in range(part, part + 20)])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(8)))
    assert set(texts_in(store)) == {f"text {n}" for n in range(24)}
    for number in range(8):
        found = store.table(f"stage_{number}", PARTITION)
        assert found == pa.Table.from_batches([rows(*[f"text {n}" for n in range(4, 24)])])


def test_a_large_write_is_split_into_files(store: PartitionStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("repair.store.text_writer.FILE_BYTES", 1000)
    writer = TextWriter(store.texts(DATE))
    for number in range(20):
        writer.add(some(f"{number}" * 200, "shared"))
    assert len(files(store)) > 1, "texts do not pile up in memory"
    writer.flush()
    assert sorted(texts_in(store)) == sorted({"shared", *(f"{number}" * 200 for number in range(20))})


def test_a_writer_killed_in_the_middle_leaves_whole_files_and_no_rows(
    store: PartitionStore, tmp_path: Path
) -> None:
    write(store, "stage", "before")
    program = tmp_path / "writer.py"
    program.write_text(
        "import sys\n"
        "import repair.store.text_writer as texts\n"
        "from repair.store.reader import PartitionStore\n"
        "from tests.repair.store.test_text_table import PARTITION, rows\n"
        "texts.FILE_BYTES = 10_000\n"
        "with PartitionStore(sys.argv[1]).writer('stage', PARTITION) as writer:\n"
        "    for n in range(10**9):\n"
        "        writer.write('data', rows(*(f'{n} {m} ' * 100 for m in range(20))))\n"
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
    assert store.table("stage", PARTITION) == pa.Table.from_batches([rows("before")])
    whole = [file for file in files(store) if file.suffix == ".parquet" and file.name[0] != "."]
    assert len(whole) > 5
    for file in whole:
        texts = pq.read_table(file)
        table = store.texts(DATE)
        assert table.get(texts["sha256"].combine_chunks()).to_pylist() == texts["text"].to_pylist()
    write(store, "stage", "after", "0 0 " * 100)
    assert store.table("stage", PARTITION) == pa.Table.from_batches([rows("after", "0 0 " * 100)])


def test_unfinished_files_count_for_nothing_and_are_swept_after_a_day(store: PartitionStore) -> None:
    write(store, "stage", "a")
    (file,) = files(store)
    old, young = (file.with_name(f".{file.name}-{token}") for token in ("old", "young"))
    for half in (old, young):
        half.write_bytes(file.read_bytes()[:-10])
    before = time.time() - (SWEEP_AFTER + timedelta(hours=1)).total_seconds()
    os.utime(old, (before, before))
    assert store.table("stage", PARTITION) == pa.Table.from_batches([rows("a")])
    store.texts(DATE).write(some("b"))
    assert not old.exists() and young.exists()


def _flip(file: Path) -> None:
    """Another text of the same length, stored in the same place."""
    table = pq.read_table(file)
    texts = pa.array([value.replace("x", "y") for value in table["text"].to_pylist()])
    pq.write_table(table.set_column(2, "text", texts), file)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (Path.unlink, "lacks 1 of 1 texts"),
        (lambda file: file.write_bytes(file.read_bytes()[:-10]), "is damaged"),
        (lambda file: file.write_bytes(b"\0" * file.stat().st_size), "is damaged"),
        (lambda file: pq.write_table(pa.table({"text": ["x"]}), file), "is damaged"),
        (_flip, "is damaged: the text [0-9a-f]{64} has the SHA-256 [0-9a-f]{64}"),
    ],
)
def test_damage_is_named_with_what_to_do(
    store: PartitionStore, damage: Callable[[Path], None], message: str
) -> None:
    write(store, "stage", "x = 1\n")
    (file,) = files(store)
    damage(file)
    with pytest.raises(StoreError, match=message) as caught:
        store.table("stage", PARTITION)
    said = str(caught.value)
    assert (str(file) if "damaged" in message else str(file.parent)) in said
    assert "materialize them again" in said
    assert str(pickle.loads(pickle.dumps(caught.value))) == said
    file.unlink(missing_ok=True)
    write(store, "stage", "x = 1\n")
    assert store.table("stage", PARTITION) == pa.Table.from_batches([rows("x = 1\n")]), "that mends it"


def test_a_hash_that_is_none_is_refused(store: PartitionStore) -> None:
    with pytest.raises(StoreError, match="'short' is no SHA-256"):
        store.texts(DATE).get(pa.array(["short"]))


def test_junk_in_the_folder_is_not_looked_at(store: PartitionStore) -> None:
    write(store, "stage", "a")
    (file,) = files(store)
    file.with_name("junk.parquet").write_text("junk")
    file.with_name("README").write_text("junk")
    assert store.texts(DATE).files() == [str(file)]
    assert TextTable(*store.locate("texts", DATE), "texts").get(some("a")["sha256"].combine_chunks())[
        0
    ].as_py() == ("a")
