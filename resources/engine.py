"""Execution engines: run a stage's function over record batches in this process, or on Spark.

The function is the same, and so are its result, row for row, and its exceptions. On Spark:

- The input is cut into tasks (`repair.execution.tasks`). Executors read them from the store themselves and
write
  their results to it (`repair.execution.staging`). Spark transfers only names and numbers, through
  `mapInArrow`, so that neither the driver nor a JVM has rows in memory, and no conversion of Spark's touches
  them. `toLocalIterator` would start a partition only after the one before it was read; this way all of them
  run at once, and finished tasks are kept when an executor is lost.
- The tasks are distributed over the partitions of `range` by size: the large ones first and alone, many small
  ones together.
- `repair/` is shipped as an archive of the running source, which executors unpack and prefer to any other
  copy. Third-party packages must be installed there, as pinned.
- The servers of a Python worker are one pool with as many pyrights as a task has cores (`spark.task.cpus`).
  If that equals `spark.executor.cores`, an executor has one worker, and so one pool, as long as it lives.
- Executors find credentials for a bucket themselves; those of this process are not sent.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol
from weakref import WeakSet

import dagster as dg
import pyarrow as pa

from repair.errors import StoreError
from repair.execution.staging import Staged, Staging
from repair.execution.tasks import ROWS_PER_TASK, Task, all_batches, bins
from repair.execution.with_servers import WithServers
from repair.execution.worker import BatchFunction, TaskWorker
from repair.extras import extra
from repair.store.reader import PartitionStore
from resources.java import require_java
from resources.source_archive import source_archive

STAGED_COLUMNS = "task long, file string, bytes long"


class Engine(Protocol):
    """Runs a stage's function on the rows of its tasks."""

    @property
    def rows_per_task(self) -> int | None:
        """The number of diagnostics in a task; None: the input is not cut into tasks."""
        ...

    def map(
        self, function: BatchFunction, tasks: Sequence[Task], store: PartitionStore
    ) -> Iterator[pa.RecordBatch]:
        """Yields the batches of `function` for the tasks, in their order; the stage writes to `store`.

        `function` may be called once for all tasks, or once for each. It must depend on nothing else, and its
        result must not depend on how its input is cut into tasks.
        """
        ...


class LocalEngine:
    """Runs in this process, with its language servers."""

    rows_per_task = None

    def map(
        self, function: BatchFunction, tasks: Sequence[Task], store: PartitionStore
    ) -> Iterator[pa.RecordBatch]:
        yield from function(all_batches(tasks))


@dataclass(frozen=True, slots=True)
class SparkEngine:
    """Runs on the executors of a Spark session, which is opened when there is work."""

    open_session: Callable[[], Any]
    rows_per_task: int | None = ROWS_PER_TASK

    def map(
        self, function: BatchFunction, tasks: Sequence[Task], store: PartitionStore
    ) -> Iterator[pa.RecordBatch]:
        groups = bins(tasks)
        if not groups:
            return
        session = self.open_session()
        if isinstance(function, WithServers):
            function = replace(function, settings=_executor_settings(function, session))
        staging = Staging.new(store)
        try:
            staged = _run(session, TaskWorker(function, groups, staging), staging.token)
            for index, task in enumerate(tasks):
                if task.size:
                    yield from staging.read(staged[index])
        finally:
            staging.close()


class EngineResource(dg.ConfigurableResource[None]):
    """Resource that selects the engine by one setting: `EngineResource(master="yarn")`.

    `spark` is a `dagster_pyspark.PySparkResource` whose session is used as it is. Without it a session is
    made when a stage first has work, from `master`, `spark_config` and the settings of `spark-submit`.
    """

    master: str = ""
    """Spark's master: `local-cluster[2,4,4096]`, `spark://...`, `yarn`, `k8s://...`, or `sc://...` for Spark
    Connect. Empty: this process."""
    spark_config: dict[str, str] = {}  # noqa: RUF012  (Dagster copies the default)
    """Further configuration by Spark's names, such as `spark.executor.cores`."""
    spark: dg.ResourceDependency[Any] = None  # pyright: ignore[reportAssignmentType]

    def engine(self) -> Engine:
        """The engine, ready to use. Nothing is started yet."""
        if not self.master and self.spark is None:
            return LocalEngine()
        return SparkEngine(self._session)

    def _session(self) -> Any:
        if self.spark is not None:
            return self.spark.spark_session
        with extra("spark"):
            from dagster_pyspark import LazyPySparkResource  # imports pyspark

        return LazyPySparkResource(spark_config={**self._master_config(), **self.spark_config}).spark_session

    def _master_config(self) -> dict[str, str]:
        if self.master.startswith("sc://"):
            return {"spark.remote": self.master}
        require_java(self.master)
        if self.master.startswith("local"):
            # Otherwise executors on this machine would use the first python3 of the PATH.
            os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        return {
            "spark.master": self.master,
            "spark.app.name": "repair",
            "spark.ui.showConsoleProgress": "false",
        }


_shipped: WeakSet[Any] = WeakSet()  # sessions whose executors have the source


def _run(session: Any, work: TaskWorker, token: str) -> dict[int, Staged]:
    """The staged result of each task, by its index."""
    from pyspark import cloudpickle

    archive = source_archive()
    if session not in _shipped:
        session.addArtifacts(f"{archive}#{archive.stem}", archive=True)
        _shipped.add(session)
    groups = len(work.groups)
    frame = session.range(0, groups, 1, groups)
    worker = _worker(cloudpickle.dumps(work), archive.stem)
    tag = f"repair-{token}"
    session.addTag(tag)
    try:
        rows = frame.mapInArrow(worker, STAGED_COLUMNS).collect()
    except Exception as failed:
        error = work.staging.error()
        if error is None:
            raise
        raise error from failed
    except BaseException:  # the run is being ended
        session.interruptTag(tag)
        raise
    finally:
        session.removeTag(tag)
    staged = {row.task: Staged(row.task, row.file, row.bytes) for row in rows}
    expected = {index for group in work.groups for index, _ in group}
    if staged.keys() != expected or len(rows) != len(expected):
        raise StoreError(f"{len(expected)} tasks were given to Spark, {len(rows)} results came back")
    return staged


def _worker(work: bytes, folder: str) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """The function that an executor's Python runs. It is sent by value: it makes the project importable."""

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import sys
        from pathlib import Path

        from pyspark import SparkFiles, cloudpickle

        source = str(Path(SparkFiles.getRootDirectory(), folder).absolute())
        if sys.path[0] != source:
            sys.path.insert(0, source)
            for name in [name for name in sys.modules if name.partition(".")[0] == "repair"]:
                del sys.modules[name]  # from another copy
        yield from cloudpickle.loads(work)(batches)

    return run


def _executor_settings(function: WithServers, session: Any) -> Any:
    """Server settings of an executor: one worker for each core of a task; a cache only on this machine."""
    is_local = session.conf.get("spark.master", "").startswith("local")
    return replace(
        function.settings,
        workers=int(session.conf.get("spark.task.cpus", "1")),
        cache=function.settings.cache if is_local else "",
    )
