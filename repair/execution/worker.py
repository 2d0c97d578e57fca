"""Worker: does tasks of a stage in another process, and stages their results.

A worker is sent numbers of groups of tasks (`id`), and answers with the rows of
`repair.execution.staging.STAGED`, one for each task. It does not know who sent them.

Tested by `tests/repair/execution/test_staging.py`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass

import pyarrow as pa

from repair.execution.staging import STAGED, Staging
from repair.execution.tasks import Task

BatchFunction = Callable[[Iterator[pa.RecordBatch]], Iterable[pa.RecordBatch]]

GROUP = "id"


@dataclass(frozen=True, slots=True)
class TaskWorker:
    """The program of a worker: the stage's function, and all tasks with their indexes."""

    function: BatchFunction
    groups: Sequence[Sequence[tuple[int, Task]]]
    staging: Staging

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Does the tasks of the groups whose numbers come in.

        A task that fails leaves its error in the staging folder, so that it can be raised as it was.
        """
        for batch in batches:
            for number in batch.column(GROUP).to_pylist():
                for index, task in self.groups[number]:
                    try:
                        staged = self.staging.write(index, self.function(task.batches()))
                    except Exception as error:
                        self.staging.write_error(index, error)
                        raise
                    row = dict(zip(STAGED.names, astuple(staged), strict=True))
                    yield pa.RecordBatch.from_pylist([row], schema=STAGED)
