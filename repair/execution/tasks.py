"""Tasks: the input of a stage cut into rows that one worker reads and works on by itself.

A stage is a function from record batches to record batches. Where its rows are independent of each other,
its input is cut into tasks; the results of the tasks, in their order, are the stage's result.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import pyarrow as pa

from repair.schema.outcomes import beside
from repair.store.manifest import Manifest, StoredFile
from repair.store.reader import PartitionStore

# Rows of a diagnostic: some seconds of the language servers' time.
ROWS_PER_TASK = 64
MOST_BINS = 512


class Task(Protocol):
    """Record batches, and how much work they are."""

    @property
    def size(self) -> int:
        """The work, in units that the tasks of a stage share; 0: there is none."""
        ...

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, read where this is called."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRows:
    """The rows `start` to `stop` of one stored file: that very file, whatever replaces it meanwhile."""

    store: PartitionStore
    asset: str
    partition: dict[str, str]
    file: StoredFile
    start: int
    stop: int
    columns: tuple[str, ...] | None = None
    batch_rows: int = ROWS_PER_TASK

    @property
    def size(self) -> int:
        return self.stop - self.start

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows in batches of at most `batch_rows`; one empty batch where there are none."""
        return self.store.read_file(
            self.asset,
            self.partition,
            self.file,
            list(self.columns) if self.columns else None,
            rows=(self.start, self.stop),
            batch_rows=self.batch_rows,
        )


@dataclass(frozen=True, slots=True)
class WithColumns:
    """The rows of a task with further columns beside them, one value for each row."""

    rows: StoredRows
    columns: pa.RecordBatch

    @property
    def size(self) -> int:
        return self.rows.size

    def batches(self) -> Iterator[pa.RecordBatch]:
        start = 0
        for batch in self.rows.batches():
            yield beside(batch, self.columns.slice(start, batch.num_rows))
            start += batch.num_rows


def with_columns(tasks: Iterable[StoredRows], columns: pa.Table) -> list[WithColumns]:
    """The tasks, each with its rows of `columns`, which has a row for each of theirs, in order."""
    found: list[WithColumns] = []
    start = 0
    for task in tasks:
        [part] = columns.slice(start, task.size).combine_chunks().to_batches() or [_no_rows(columns.schema)]
        found.append(WithColumns(task, part))
        start += task.size
    return found


def _no_rows(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], schema=schema)


def stored_rows(
    store: PartitionStore,
    asset: str,
    partition: dict[str, str],
    *,
    rows_per_task: int | None,
    columns: tuple[str, ...] | None = None,
    manifest: Manifest | None = None,
) -> list[StoredRows]:
    """The rows of a partition as tasks of at most `rows_per_task` rows; None: as one task.

    `manifest`: of that version of the partition.
    """
    file = store.stored(asset, partition, manifest=manifest)
    rows = file.rows or 0
    step = rows_per_task or max(rows, 1)
    return [
        StoredRows(
            store=store,
            asset=asset,
            partition=partition,
            file=file,
            start=start,
            stop=min(start + step, rows),
            columns=columns,
        )
        for start in range(0, max(rows, 1), step)
    ]


T = TypeVar("T", bound=Task)


def bins(tasks: Sequence[T], most: int = MOST_BINS) -> list[list[tuple[int, T]]]:
    """Bin packing: the tasks, each with its index, in at most about `most` groups to be worked on in turn.

    The largest tasks come first and alone, the small ones share a group: so no large one is begun last.
    Tasks without work are left out.
    """
    worth = sorted(
        ((index, task) for index, task in enumerate(tasks) if task.size), key=lambda pair: -pair[1].size
    )
    enough = sum(task.size for _, task in worth) / most
    groups: list[list[tuple[int, T]]] = []
    filled = 0.0
    for index, task in worth:
        if not groups or filled + task.size > enough:
            groups.append([])
            filled = 0.0
        groups[-1].append((index, task))
        filled += task.size
    return groups


def all_batches(tasks: Iterable[Task]) -> Iterator[pa.RecordBatch]:
    """The batches of the tasks, one task after the other."""
    for task in tasks:
        yield from task.batches()
