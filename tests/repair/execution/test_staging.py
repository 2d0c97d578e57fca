"""Results on their way: to the letter, in their order, and nothing is left behind."""

import contextlib
import os
import pickle
import threading
import time
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from repair.errors import ConfigurationError, StoreError
from repair.execution.staging import STAGED, Staged, Staging
from repair.execution.tasks import stored_rows
from repair.execution.worker import GROUP, TaskWorker
from repair.schema.stages import ERROR_STATES
from repair.store.manifest import SWEEP_AFTER
from repair.store.reader import PartitionStore
from tests.repair.execution.test_tasks import numbers, stored

BATCH = pa.RecordBatch.from_pylist(
    [{"project_id": "p", "files": [{"path": "a.py", "text": "x\u2028"}]}, {"path": None}], schema=ERROR_STATES
)


@pytest.fixture
def staging(tmp_path: Path) -> Staging:
    return Staging.new(PartitionStore(str(tmp_path)))


def test_batches_come_back_to_the_letter(staging: Staging):
    staged = staging.write(3, [BATCH, BATCH.slice(1), BATCH.slice(0, 0)])
    found = list(staging.read(staged))
    assert found == [BATCH, BATCH.slice(1), BATCH.slice(0, 0)]
    assert all(batch.schema.equals(ERROR_STATES, check_metadata=True) for batch in found)
    assert list(staging.read(staging.write(4, []))) == []


def test_a_worker_with_another_store_is_told(staging: Staging, tmp_path: Path):
    with pytest.raises(StoreError, match=f"must see the same store .here {tmp_path}"):
        list(staging.read(Staged(1, "1-elsewhere.arrows", 10)))


def test_of_a_task_that_was_done_twice_the_named_result_counts(staging: Staging):
    staging.write(1, [BATCH])
    second = staging.write(1, [BATCH.slice(1)])
    assert list(staging.read(second)) == [BATCH.slice(1)]


def test_what_killed_processes_left_is_swept_after_a_day(tmp_path: Path):
    store = PartitionStore(str(tmp_path))
    old, fresh = Staging.new(store), Staging.new(store)
    left, young = (staging.write(1, [BATCH]).file for staging in (old, fresh))
    before = time.time() - (SWEEP_AFTER + timedelta(hours=1)).total_seconds()
    os.utime(tmp_path / "_staging" / old.token / left, (before, before))
    Staging.new(store)
    assert [path.name for path in tmp_path.rglob("*.arrows")] == [young]
    fresh.close()
    assert not list(tmp_path.rglob("*.arrows"))


def test_the_first_error_by_index_is_kept_and_comes_back_as_it_was(staging: Staging):
    assert staging.error() is None
    staging.write_error(10, ValueError("later"))
    staging.write_error(9, ConfigurationError("first"))
    error = staging.error()
    assert (type(error), str(error)) == (ConfigurationError, "first")


class Code:
    """Leaves a mark where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("name", ["0.error", "a.error", "-1.error", "²2.error", "1.error.error", ".error"])
def test_what_a_stranger_leaves_runs_nothing_and_hides_nothing(staging: Staging, tmp_path: Path, name: str):
    junk = tmp_path / "_staging" / staging.token / name
    junk.write_bytes(pickle.dumps(Code(tmp_path / "mark")))
    assert staging.error() is None
    staging.write_error(3, ConfigurationError("the real one"))
    objects = (b'{"class": 1, "text": "x"}', b'{"class": "builtins.ValueError"}')
    for junk_text in (b"", b"\xff", b"[]", b"[" * 100_000, *objects):
        junk.write_bytes(junk_text)
        assert str(staging.error()) == "the real one"
    assert not (tmp_path / "mark").exists()


def test_a_task_that_still_writes_does_not_fail_the_closing(tmp_path: Path):
    """Another task failed meanwhile, and its error is the one to be told."""
    done = threading.Event()
    current = [Staging.new(PartitionStore(str(tmp_path)))]

    def writes_on() -> None:
        while not done.is_set():
            with contextlib.suppress(FileNotFoundError):  # closed
                current[0].write(1, [BATCH])

    writer = threading.Thread(target=writes_on)
    writer.start()
    try:
        for _ in range(200):
            current[0].close()
            current[0] = Staging.new(PartitionStore(str(tmp_path)))
    finally:
        done.set()
        writer.join()


def test_a_worker_answers_for_each_task_and_raises_what_a_task_raises(staging: Staging, tmp_path: Path):
    stored(staging.store, 9)
    tasks = stored_rows(staging.store, "numbers", {}, rows_per_task=3)
    work = TaskWorker(iter, [[(2, tasks[2]), (0, tasks[0])], [(1, tasks[1])]], staging)
    asked = pa.RecordBatch.from_pydict({GROUP: [0, 1]})
    answers = pa.Table.from_batches(work([asked]), STAGED).to_pylist()
    assert [row["task"] for row in answers] == [2, 0, 1]
    staged = {row["task"]: Staged(**row) for row in answers}
    found = [pa.Table.from_batches(staging.read(staged[place]))["number"].to_pylist() for place in range(3)]
    assert found == [numbers([task]) for task in tasks]

    def fails(_: object) -> list[pa.RecordBatch]:
        raise ConfigurationError("at fault")

    with pytest.raises(ConfigurationError):
        list(TaskWorker(fails, [[(0, tasks[0])]], staging)([pa.RecordBatch.from_pydict({GROUP: [0]})]))
    assert str(staging.error()) == "at fault"
