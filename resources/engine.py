"""Where a stage's function over record batches runs: in this process and its workers, or on Spark.

The function is the same, and so are its result, row for row, and whatever it raises. What runs on Spark:

- The input is cut into tasks (`repair.execution.tasks`) that executors read from the store by themselves, and
write
  their results to it (`repair.execution.staging`). Spark carries names and numbers alone, through
  `mapInArrow`, so that neither the driver nor a JVM holds rows, and no conversion of Spark's touches them.
  `toLocalIterator` would begin a partition when the one before it was read; this way all of them run at once,
  and what is done stays done when an executor is lost.
- The tasks lie in the partitions of `range`, in the order of their size: the large ones first and alone,
  many small ones together.
- `repair/` is shipped as an archive of the running source, which executors unpack and prefer to any other
  copy. Third-party packages must be installed there, as pinned.
- The servers of a Python worker are one pool with as many pyrights as a task has cores (`spark.task.cpus`).
  Where that equals `spark.executor.cores` an executor has one worker, and so one pool, as long as it lives.
- Executors find credentials for a bucket their own way; those of this process are not sent.
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
from repair.execution.worker import BatchFunction, RemoteTasks
from repair.store.reader import PartitionStore
from resources.java import require_java
from resources.source_archive import source_archive

STAGED_COLUMNS = "task long, file string, bytes long"


class Engine(Protocol):
    """Runs a stage's function on the rows of its tasks."""

    @property
    def rows_per_task(self) -> int | None:
        """Into tasks of how many diagnostics an input is cut; None: it is not."""
        ...

    def map(
        self, function: BatchFunction, tasks: Sequence[Task], store: PartitionStore
    ) -> Iterator[pa.RecordBatch]:
        """What `function` yields for the tasks, in their order; `store` is where the stage writes.

        `function` may be called once for all tasks, or once for each. It must depend on nothing else, and
        come to the same result wherever its input is cut into tasks.
        """
        ...


class LocalEngine:
    """This process, and the language servers that it keeps."""

    rows_per_task = None

    def map(
        self, function: BatchFunction, tasks: Sequence[Task], store: PartitionStore
    ) -> Iterator[pa.RecordBatch]:
        yield from function(all_batches(tasks))


@dataclass(frozen=True, slots=True)
class SparkEngine:
    """The executors of a Spark session, which is asked for when there is work."""

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
            function = replace(function, settings=_settings_there(function, session))
        staging = Staging.new(store)
        try:
            staged = _run(session, RemoteTasks(function, groups, staging), staging.token)
            for place, task in enumerate(tasks):
                if task.size:
                    yield from staging.read(staged[place])
        finally:
            staging.close()


class EngineResource(dg.ConfigurableResource[None]):
    """One setting says where: `EngineResource(master="yarn")`.

    `spark` is a `dagster_pyspark.PySparkResource` whose session is taken as it is. Without it one is made
    when a stage first has work, from `master`, `spark_config` and whatever `spark-submit` has set.
    """

    master: str = ""
    """Spark's master: `local-cluster[2,4,4096]`, `spark://...`, `yarn`, `k8s://...`, or `sc://...` for Spark
    Connect. Empty: this process."""
    spark_config: dict[str, str] = {}  # noqa: RUF012  (Dagster copies the default)
    """Further configuration by Spark's names, such as `spark.executor.cores`."""
    spark: dg.ResourceDependency[Any] = None  # pyright: ignore[reportAssignmentType]

    def engine(self) -> Engine:
        """The engine, ready to use. Nothing is started."""
        if not self.master and self.spark is None:
            return LocalEngine()
        return SparkEngine(self._session)

    def _session(self) -> Any:
        if self.spark is not None:
            return self.spark.spark_session
        from dagster_pyspark import LazyPySparkResource  # imports pyspark

        return LazyPySparkResource(spark_config={**self._place(), **self.spark_config}).spark_session

    def _place(self) -> dict[str, str]:
        if self.master.startswith("sc://"):
            return {"spark.remote": self.master}
        require_java(self.master)
        if self.master.startswith("local"):
            # Executors on this machine would else take the first python3 of the PATH.
            os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        return {
            "spark.master": self.master,
            "spark.app.name": "repair",
            "spark.ui.showConsoleProgress": "false",
        }


_shipped: WeakSet[Any] = WeakSet()  # sessions whose executors have the source


def _run(session: Any, work: RemoteTasks, token: str) -> dict[int, Staged]:
    """The staged result of each task, by its place."""
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
    expected = {place for group in work.groups for place, _ in group}
    if staged.keys() != expected or len(rows) != len(expected):
        raise StoreError(f"{len(expected)} tasks were given to Spark, {len(rows)} results came back")
    return staged


def _worker(work: bytes, folder: str) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """What an executor's Python runs. It is sent as it stands: nothing of this project is known there yet."""

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import sys
        from pathlib import Path

        from pyspark import SparkFiles, cloudpickle

        source = str(Path(SparkFiles.getRootDirectory(), folder).absolute())
        if sys.path[0] != source:
            sys.path.insert(0, source)
            for name in [name for name in sys.modules if name.partition(".")[0] == "repair"]:
                del sys.modules[name]  # of another copy
        yield from cloudpickle.loads(work)(batches)

    return run


def _settings_there(function: WithServers, session: Any) -> Any:
    """The servers of an executor: a task's cores are theirs, and the file of the cache is not there, unless
    there is here."""
    here = session.conf.get("spark.master", "").startswith("local")
    return replace(
        function.settings,
        workers=int(session.conf.get("spark.task.cpus", "1")),
        cache=function.settings.cache if here else "",
    )
