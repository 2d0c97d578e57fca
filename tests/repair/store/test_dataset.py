"""What other engines see of a store: the rows that count, and nothing else."""

import re
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from repair.errors import StoreError
from repair.schema.stages import FILES
from repair.store.reader import PartitionStore
from tests.conftest import ROOT
from tests.gcs import gcs_bucket  # noqa: F401

ROWS = pa.schema([("diagnostic_id", pa.string()), ("files", FILES), ("repaired", pa.string())])
EXAMPLE = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "store.md").read_text(), re.DOTALL)


def write(
    store: PartitionStore, partition: dict[str, str], *texts: str, asset: str = "verified_diffs"
) -> None:
    rows = [
        {"diagnostic_id": text[:1], "files": [{"path": "a.py", "text": text}], "repaired": f"{text}!"}
        for text in texts
    ]
    with store.writer(asset, partition) as writer:
        writer.write("data", pa.RecordBatch.from_pylist(rows, schema=ROWS))
        writer.commit(fingerprint="f", inputs={}, versions={}, rows_in=len(rows))


def fill(store: PartitionStore) -> PartitionStore:
    write(store, {"date": "2026-01-05", "diagnostic_type": "F821"}, "a", "bb")
    write(store, {"date": "2026-01-05", "diagnostic_type": "syntax"}, "c")
    write(store, {"date": "2026-01-06", "diagnostic_type": "F821"}, "a")
    write(store, {}, "a", asset="benchmark")
    return store


@pytest.fixture
def store(tmp_path: Path) -> PartitionStore:
    return fill(PartitionStore(str(tmp_path / "store")))


def rows_of(dataset: ds.Dataset, *columns: str) -> list[tuple[Any, ...]]:
    return sorted(tuple(row.values()) for row in dataset.to_table(columns=list(columns)).to_pylist())


def test_a_dataset_has_the_rows_of_all_partitions_and_their_dimensions(store: PartitionStore) -> None:
    dataset = store.dataset("verified_diffs")
    assert dataset.schema.names == [
        "diagnostic_id",
        "files",
        "repaired_sha256",
        "date",
        "diagnostic_type",
    ]
    expected = [
        ("a", "2026-01-05", "F821"),
        ("a", "2026-01-06", "F821"),
        ("b", "2026-01-05", "F821"),
        ("c", "2026-01-05", "syntax"),
    ]
    assert rows_of(dataset, "diagnostic_id", "date", "diagnostic_type") == expected
    only = dataset.to_table(filter=ds.field("diagnostic_type") == "syntax")
    assert only["diagnostic_id"].to_pylist() == ["c"]
    assert [f.partition_expression.equals(ds.scalar(True)) for f in dataset.get_fragments()] == [False] * 3


def test_files_that_no_manifest_names_are_not_read(store: PartitionStore) -> None:
    folder = Path(store.uri("verified_diffs", {"date": "2026-01-05", "diagnostic_type": "F821"}))
    (folder / "data-0000.parquet").write_bytes(b"PAR1 half a file")
    other = folder.with_name("diagnostic_type=other")
    other.mkdir()
    (other / "data-0000.parquet").write_bytes(next(folder.glob("data-*")).read_bytes())
    assert store.dataset("verified_diffs").count_rows() == 4
    write(store, {"date": "2026-01-05", "diagnostic_type": "F821"}, "d")
    found = store.dataset("verified_diffs")
    assert sorted(row for (row,) in rows_of(found, "diagnostic_id")) == ["a", "c", "d"]


def test_texts_are_a_dataset_and_can_be_joined(store: PartitionStore) -> None:
    texts = store.dataset("texts")
    assert texts.schema.names == ["sha256", "bytes", "text", "date"]
    found = texts.to_table(columns=["text", "date"]).to_pylist()
    assert {row["text"] for row in found if row["date"] is None} == {"a", "a!"}
    assert {row["text"] for row in found if row["date"] == "2026-01-06"} == {"a", "a!"}
    joined = store.dataset("verified_diffs", texts=True).to_table()
    assert joined.schema.names == [*ROWS.names, "date", "diagnostic_type"]
    assert {(row["files"][0]["text"], row["repaired"]) for row in joined.to_pylist()} == {
        ("a", "a!"),
        ("bb", "bb!"),
        ("c", "c!"),
    }


def test_the_documented_example_runs(store: PartitionStore, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(store.base_uri).parent.joinpath(".demo").mkdir()
    Path(store.base_uri).rename(Path(store.base_uri).parent / ".demo" / "store")
    monkeypatch.chdir(Path(store.base_uri).parent)
    (program,) = EXAMPLE
    printed: list[duckdb.DuckDBPyRelation] = []
    exec(program, {"print": printed.append})
    assert printed[0].fetchall() == [("F821", 3, 2), ("syntax", 1, 2)]


def test_the_newest_schema_counts_and_earlier_partitions_lack_its_new_columns(store: PartitionStore) -> None:
    with store.writer("verified_diffs", {"date": "2026-01-07", "diagnostic_type": "F821"}) as writer:
        writer.write("data", pa.RecordBatch.from_pydict({"diagnostic_id": ["n"], "new": [1]}))
        writer.commit(fingerprint="f", inputs={}, versions={}, rows_in=1)
    found = store.dataset("verified_diffs").to_table(columns=["diagnostic_id", "new"]).to_pylist()
    assert sorted((row["diagnostic_id"], row["new"]) for row in found if row["new"]) == [("n", 1)]
    assert len(found) == 5


def test_what_has_no_partition_says_so(tmp_path: Path) -> None:
    store = PartitionStore(str(tmp_path))
    for asset in ("verified_diffs", "texts"):
        with pytest.raises(StoreError, match=r"materialize some .* first"):
            store.dataset(asset)


def test_a_bucket_has_datasets_too(gcs_bucket: str, tmp_path: Path) -> None:  # noqa: F811
    store = fill(PartitionStore(f"{gcs_bucket}/{tmp_path.name}"))
    assert store.dataset("verified_diffs").count_rows() == 4
    assert set(rows_of(store.dataset("texts"), "text")) == {(t,) for t in ("a", "a!", "bb", "bb!", "c", "c!")}
