"""Tasks of a stage as a worker in another process does them: read, work, stage the result.

A worker is sent numbers of groups of tasks (`id`), and answers with the rows of
`repair.execution.staging.STAGED`, one for each task. It knows nothing of who sent them.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass

import pyarrow as pa

from repair.execution.staging import STAGED, Staging
from repair.execution.tasks import Task

BatchFunction = Callable[[Iterator[pa.RecordBatch]], Iterable[pa.RecordBatch]]

GROUP = "id"


@dataclass(frozen=True, slots=True)
class RemoteTasks:
    """What every worker is given, once: the stage's function, and all tasks with their places."""

    function: BatchFunction
    groups: Sequence[Sequence[tuple[int, Task]]]
    staging: Staging

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Does the tasks of the groups whose numbers come in.

        A task that fails leaves its error in the staging folder, so that it can be raised as it was.
        """
        for batch in batches:
            for number in batch.column(GROUP).to_pylist():
                for place, task in self.groups[number]:
                    try:
                        staged = self.staging.write(place, self.function(task.batches()))
                    except Exception as error:
                        self.staging.write_error(place, error)
                        raise
                    row = dict(zip(STAGED.names, astuple(staged), strict=True))
                    yield pa.RecordBatch.from_pylist([row], schema=STAGED)
