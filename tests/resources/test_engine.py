"""The same stages in this process and on a Spark cluster of two executors: equal rows, rejects and errors."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import repair
from partitions.keys import Key
from repair.errors import ConfigurationError, StoreError
from repair.execution.tasks import StoredRows, Task, stored_rows
from repair.schema.outcomes import Reject, outcome_batch
from repair.store.reader import PartitionStore
from repair_assets import stored_day
from resources import java
from resources.engine import EngineResource, LocalEngine, SparkEngine
from resources.source_archive import source_archive
from tests.code_location.test_graph import REFUSED, refused, shop
from tests.graph import DAY, LANGUAGE_SERVERS, STAGES, House, record, reused, typing_errors

# Three JVMs start, and three language servers: it takes minutes where the machine has much else to do.
pytestmark = pytest.mark.timeout(600)

MASTER = "local-cluster[2,1,1024]"
SHORT_LIVED = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""Virtual machines that end soon: no code is compiled twice, and no threads are kept for the garbage."""
EXECUTORS = 2
NAMES = Key(DAY, "F821")
NUMBERS = pa.schema([("diagnostic_id", pa.string()), ("number", pa.int64())])


def java_is_absent() -> str:
    try:
        java.require_java(MASTER)
    except ConfigurationError as error:
        return str(error)
    return ""


needs_java = pytest.mark.skipif(bool(java_is_absent()), reason=java_is_absent() or "Java is here")


class SmallTasks(EngineResource):
    """Cuts small inputs, so that both executors have something to do."""

    def engine(self) -> SparkEngine:
        engine = super().engine()
        assert isinstance(engine, SparkEngine)
        return replace(engine, rows_per_task=6)


class OnSpark(House):
    """A deployment with one setting more."""

    engine: EngineResource

    @property
    def resources(self) -> dict[str, Any]:
        return {**super().resources, "engine": self.engine}


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineResource]:
    """The engine on a cluster of two executors, which the tests of this module share."""
    import pyspark
    from pyspark import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])  # executors have this project, not its tests
    # Spark's installation, of which a local cluster makes its working folder.
    installed = Path(next(iter(pyspark.__path__)))
    home = tmp_path_factory.mktemp("spark")
    for path in installed.iterdir():
        (home / path.name).symlink_to(path)
    (home / "work").unlink(missing_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_HOME", str(home))
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        config = {
            "spark.ui.enabled": "false",
            "spark.driver.memory": "512m",
            "spark.driver.extraJavaOptions": SHORT_LIVED,
            "spark.executor.extraJavaOptions": SHORT_LIVED,
            "spark.executor.memory": "1g",
            "spark.task.maxFailures": "2",  # what fails for good fails sooner
        }
        engine = SmallTasks(master=MASTER, spark_config=config)
        yield engine
        engine.engine().open_session().stop()


def numbers(folder: Path, count: int = 30) -> tuple[PartitionStore, list[StoredRows]]:
    """A store with a partition of numbered rows, cut into tasks of three."""
    store = PartitionStore(str(folder / "store"))
    with store.writer("numbers", {}) as writer:
        rows = [{"diagnostic_id": f"d{number}", "number": number} for number in range(count)]
        writer.write("data", pa.Table.from_pylist(rows, schema=NUMBERS))
        writer.commit(fingerprint="", inputs={}, versions={}, rows_in=count)
    return store, stored_rows(store, "numbers", {}, rows_per_task=3)


def column(batches: Iterator[pa.RecordBatch], name: str) -> list[Any]:
    return [value for batch in batches for value in batch.column(name).to_pylist()]


@needs_java
@pytest.mark.slow
def test_every_stage_comes_to_the_same_rows_and_rejects_on_two_executors(
    spark: EngineResource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(stored_day, "EVENTS_PER_TASK", 40)
    sessions = [shop(), *map(refused, REFUSED)]
    sessions += [typing_errors(f"area-{number}", [number]) for number in range(4)]
    recording = record(tmp_path / "recording", sessions)
    here, there = House(tmp_path / "here"), OnSpark(tmp_path / "there")
    there.engine = spark
    for house in (here, there):
        house.folder.mkdir()
        (house.folder / "recording").symlink_to(recording)
        house.events()
        assert house.diagnostics("F821").success
    for stage in STAGES:
        one, other = here.manifest(stage, NAMES), there.manifest(stage, NAMES)
        for name in ("data", "rejects"):
            assert there.rows(stage, NAMES, name) == here.rows(stage, NAMES, name), (stage, name)
        assert (other.data_version, other.fingerprint) == (one.data_version, one.fingerprint), stage
        assert (other.rows_in, other.rows_out, other.rejects) == (one.rows_in, one.rows_out, one.rejects)
    assert here.manifest("repair_examples", NAMES).rows_out >= 5
    found_reasons = {reason for stage in STAGES for _, reason in here.rejects(stage, NAMES)}
    assert {
        "near_duplicate",
        "prose",
        "range_outside_file",
        "no_later_fix",
        "ghostwriter_fix",
    } <= found_reasons
    # A result of one engine is reused by the other: a manifest does not record the engine.
    assert all(reused(there.diagnostics("F821")).values())
    assert not list((there.folder / "store" / "_staging").iterdir())


@needs_java
@pytest.mark.slow
def test_executors_run_the_shipped_source_and_keep_one_pool_each(spark: EngineResource, tmp_path: Path):
    store, tasks = numbers(tmp_path)

    def look(batches: Iterator[pa.RecordBatch], servers: Any) -> Iterator[pa.RecordBatch]:
        import os

        import repair
        from repair.language_servers import Request

        for _ in batches:
            list(servers.check_many([Request({"main.py": "print(nothing)\n"})]))
            seen = {"file": [repair.__file__], "process": [os.getpid()], "pools": [servers.pids]}
            yield pa.RecordBatch.from_pydict(seen)

    looks = [list(spark.engine().map(LANGUAGE_SERVERS.with_servers(look), tasks, store)) for _ in range(2)]
    stem = source_archive().stem
    for file in column(iter(looks[0] + looks[1]), "file"):
        assert Path(file).parts[-3:] == (stem, "repair", "__init__.py")
        assert Path(file) != Path(repair.__file__)
    pools = [
        dict(zip(column(iter(rows), "process"), map(tuple, column(iter(rows), "pools")), strict=True))
        for rows in looks
    ]
    both = pools[0] | pools[1]
    assert len(both) <= EXECUTORS
    assert all(len(servers) == 1 for servers in both.values())  # as many as a task has cores
    assert all(pools[0].get(process, servers) == servers for process, servers in both.items())


@needs_java
@pytest.mark.slow
@pytest.mark.parametrize("kind", [ConfigurationError, ZeroDivisionError])
def test_what_a_stage_raises_there_is_raised_here(
    spark: EngineResource, tmp_path: Path, kind: type[Exception]
):
    store, tasks = numbers(tmp_path)

    def fails(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            if 13 in batch.column("number").to_pylist():
                raise kind("row 13 is at fault")
            yield batch

    messages: list[str] = []
    for engine in (LocalEngine(), spark.engine()):
        with pytest.raises(kind) as caught:
            list(engine.map(fails, tasks, store))
        assert type(caught.value) is kind
        messages.append(str(caught.value))
    assert messages == ["row 13 is at fault"] * 2


@needs_java
@pytest.mark.slow
def test_a_damaged_input_is_named_as_here(spark: EngineResource, tmp_path: Path):
    store, tasks = numbers(tmp_path)
    [file] = Path(store.base_uri, "numbers").glob("data-*")
    file.unlink()
    messages: list[str] = []
    for engine in (LocalEngine(), spark.engine()):
        with pytest.raises(StoreError, match="the file is not there") as caught:
            list(engine.map(iter, tasks, store))
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


@needs_java
@pytest.mark.slow
def test_a_killed_worker_loses_and_doubles_nothing_and_takes_its_servers_along(
    spark: EngineResource, tmp_path: Path
):
    store, tasks = numbers(tmp_path)
    marks = tmp_path / "marks"
    marks.mkdir()

    def slow(batches: Iterator[pa.RecordBatch], servers: Any) -> Iterator[pa.RecordBatch]:
        import os
        import time

        from repair.language_servers import Request

        for batch in batches:
            list(servers.check_many([Request({"main.py": "print(nothing)\n"})]))
            (marks / f"{os.getpid()}").write_text(" ".join(map(str, servers.pids)))
            time.sleep(0.3)
            yield batch

    killed: list[int] = []

    def kill() -> None:
        wait_for(lambda: any(mark.read_text() for mark in marks.iterdir()))
        [first, *_] = [mark for mark in marks.iterdir() if mark.read_text()]
        killed.extend([int(first.name), *map(int, first.read_text().split())])
        os.kill(killed[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    found = list(spark.engine().map(LANGUAGE_SERVERS.with_servers(slow), tasks, store))
    killer.join()
    assert column(iter(found), "number") == list(range(30))
    assert len({mark.name for mark in marks.iterdir()}) > EXECUTORS  # another worker took over
    assert len(killed) == 2
    wait_for(lambda: not any(Path(f"/proc/{process}").exists() for process in killed))


def wait_for(what: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.01)


@dataclass(frozen=True)
class SizedTask:
    """A task of any size."""

    name: int
    size: int

    def batches(self) -> Iterator[pa.RecordBatch]:
        rows = [{"diagnostic_id": str(self.name), "number": self.size}]
        yield pa.RecordBatch.from_pylist(rows, schema=NUMBERS)


@needs_java
@pytest.mark.slow
def test_a_large_task_beside_thousands_of_small_ones_keeps_its_place(spark: EngineResource, tmp_path: Path):
    store = PartitionStore(str(tmp_path / "store"))
    tasks = [SizedTask(number, 1_000_000 if number == 700 else number % 3) for number in range(1000)]

    def named(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield from batches

    found = column(spark.engine().map(named, tasks, store), "diagnostic_id")
    assert found == [str(task.name) for task in tasks if task.size]


def nothing_opens() -> Any:
    raise AssertionError("a session was asked for")


def test_without_work_no_session_is_asked_for(tmp_path: Path):
    store, tasks = numbers(tmp_path, count=0)
    assert [task.size for task in tasks] == [0]
    assert list(SparkEngine(nothing_opens).map(iter, tasks, store)) == []


def test_one_setting_names_the_master():
    assert isinstance(EngineResource().engine(), LocalEngine)
    assert isinstance(EngineResource(master="yarn").engine(), SparkEngine)


def test_worker_versions_of_the_servers_must_be_those_of_the_stage():
    function = replace(LANGUAGE_SERVERS.with_servers(lambda batches, _: batches), versions={"pyright": "0"})
    with pytest.raises(ConfigurationError, match="install the pinned requirements on every worker"):
        function(iter([]))


@pytest.mark.parametrize("version", ["", 'openjdk version "11.0.2" 2019-01-15', "no version at all"])
def test_a_missing_or_old_java_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str):
    if version:
        program = tmp_path / "java"
        program.write_text(f"#!/bin/sh\necho '{version}' >&2\n")
        program.chmod(0o755)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match="needs Java 17 or newer") as caught:
        EngineResource(master=MASTER).engine().map(iter, [SizedTask(1, 1)], PartitionStore("x")).__next__()
    assert "REPAIR_SPARK_MASTER" in str(caught.value)
    assert (version or "no `java` is on the PATH") in str(caught.value)


def test_a_wrong_java_home_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(ConfigurationError, match=f"JAVA_HOME is {tmp_path}"):
        java.require_java("yarn")


def test_the_archive_is_named_by_its_content():
    first = source_archive()
    source_archive.cache_clear()
    second = source_archive()
    assert first != second
    assert (first.name, first.read_bytes()) == (second.name, second.read_bytes())


def test_rejected_and_kept_rows_pass_as_they_are(tmp_path: Path):
    """The engine of this process: tasks one after the other, in one call of the function."""
    store, tasks = numbers(tmp_path)
    calls: list[int] = []

    def halved(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        calls.append(1)
        for batch in batches:
            rows = batch.to_pylist()
            yield outcome_batch([rows[0], *(Reject(row, "odd") for row in rows[1:])], NUMBERS)

    given: list[Task] = list(tasks)
    assert column(LocalEngine().map(halved, given, store), "reason") == [None, "odd", "odd"] * 10
    assert len(calls) == 1
