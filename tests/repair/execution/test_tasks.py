"""Tasks: every row in one of them, whatever the row groups, and large ones first."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.execution.tasks import StoredRows, all_batches, bins, stored_rows, with_columns
from repair.store.manifest import StoredFile
from repair.store.reader import PartitionStore

SCHEMA = pa.schema([("number", pa.int64()), ("text", pa.string())])


@dataclass(frozen=True)
class Weighed:
    """A task of any size."""

    size: int

    def batches(self) -> Iterator[pa.RecordBatch]:
        return iter(())


def stored(store: PartitionStore, rows: int) -> None:
    with store.writer("numbers", {}) as writer:
        table = [{"number": number, "text": str(number)} for number in range(rows)]
        writer.write("data", pa.Table.from_pylist(table, schema=SCHEMA))
        writer.commit(fingerprint="", inputs={}, versions={}, rows_in=rows)


def numbers(tasks: Any) -> list[int]:
    return [value for batch in all_batches(tasks) for value in batch.column("number").to_pylist()]


@pytest.fixture(scope="module")
def grouped(tmp_path_factory: pytest.TempPathFactory) -> tuple[PartitionStore, StoredFile]:
    """A file of 20 rows in row groups of 6."""
    folder = tmp_path_factory.mktemp("grouped")
    store = PartitionStore(str(folder))
    (folder / "numbers").mkdir()
    path = folder / "numbers" / "data.parquet"
    rows = [{"number": number, "text": str(number)} for number in range(20)]
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), path, row_group_size=6)
    return store, StoredFile(
        "data", path.name, 20, path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest()
    )


@given(cut=st.tuples(st.integers(0, 20), st.integers(0, 20)), batch_rows=st.integers(1, 25))
def test_a_range_of_rows_is_read_whatever_the_row_groups(
    grouped: tuple[PartitionStore, StoredFile], cut: tuple[int, int], batch_rows: int
):
    store, file = grouped
    start, stop = min(cut), max(cut)
    rows = StoredRows(
        store=store,
        asset="numbers",
        partition={},
        file=file,
        start=start,
        stop=stop,
        columns=("number",),
        batch_rows=batch_rows,
    )
    batches = list(rows.batches())
    assert numbers([rows]) == list(range(start, stop))
    assert all(batch.schema.names == ["number"] for batch in batches)
    assert all(batch.num_rows <= min(batch_rows, 6) for batch in batches)  # over no two row groups
    assert batches if start < stop else [batch.num_rows for batch in batches] == [0]


@pytest.mark.parametrize("rows", [0, 1, 6, 7, 20])
@pytest.mark.parametrize("rows_per_task", [None, 1, 6, 100])
def test_every_row_is_in_one_task(tmp_path: Path, rows: int, rows_per_task: int | None):
    store = PartitionStore(str(tmp_path))
    stored(store, rows)
    tasks = stored_rows(store, "numbers", {}, rows_per_task=rows_per_task)
    assert numbers(tasks) == list(range(rows))
    assert sum(task.size for task in tasks) == rows
    assert len(tasks) == (1 if rows_per_task is None else max(1, -(-rows // rows_per_task)))
    squares = pa.table({"square": [number**2 for number in range(rows)]}, pa.schema([("square", pa.int64())]))
    beside = [row for batch in all_batches(with_columns(tasks, squares)) for row in batch.to_pylist()]
    assert [(row["number"], row["square"]) for row in beside] == [
        (number, number**2) for number in range(rows)
    ]


def test_a_task_reads_the_file_that_it_was_made_of(tmp_path: Path):
    store = PartitionStore(str(tmp_path))
    stored(store, 3)
    [task] = stored_rows(store, "numbers", {}, rows_per_task=None)
    stored(store, 5)
    with pytest.raises(Exception, match="the file is not there"):
        list(task.batches())


@given(sizes=st.lists(st.integers(0, 1000), max_size=60), most=st.integers(1, 20))
def test_groups_hold_each_task_once_the_largest_first(sizes: list[int], most: int):
    groups = bins([Weighed(size) for size in sizes], most)
    flat = [pair for group in groups for pair in group]
    assert sorted(place for place, _ in flat) == [place for place, size in enumerate(sizes) if size]
    assert all(sizes[place] == task.size for place, task in flat)
    assert [task.size for _, task in flat] == sorted(filter(None, sizes), reverse=True)
    assert len(groups) <= 2 * most
    # What shares a group is together no more than an even part; what has more stands alone.
    shared = [sum(task.size for _, task in group) for group in groups if len(group) > 1]
    assert all(size * most <= sum(sizes) for size in shared)


def test_one_large_task_stands_alone_beside_thousands_of_small_ones():
    tasks = [Weighed(1_000_000 if number == 700 else 10) for number in range(5000)]
    groups = bins(tasks, most=100)
    assert [place for place, _ in groups[0]] == [700]
    assert max(len(group) for group in groups[1:]) > 100
