"""SQLite files that many processes open at the same time."""

import multiprocessing
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from repair.database.sqlite import connect
from repair.language_servers.cache import ResultCache

TABLE = "CREATE TABLE IF NOT EXISTS numbers (number INTEGER PRIMARY KEY)"
PROCESSES = 8


def _write(path: Path, number: int, together: threading.Barrier) -> None:
    together.wait()
    connection = connect(path, TABLE, timeout=30)
    connection.execute("INSERT INTO numbers VALUES (?)", (number,))
    connection.close()


def _put(path: Path, number: int, together: threading.Barrier) -> None:
    together.wait()
    cache = ResultCache(path)
    cache.put(str(number), [])
    cache.close()


def _at_once(tmp_path: Path, target: Callable[..., None]) -> Path:
    """The file that `target` wrote to in many processes, of which none failed."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pytest", "repair.language_servers.cache"])
    path = tmp_path / "new.sqlite"
    together = context.Barrier(PROCESSES)
    processes = [context.Process(target=target, args=(path, number, together)) for number in range(PROCESSES)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * PROCESSES
    return path


def test_many_processes_open_a_new_file_at_once(tmp_path: Path) -> None:
    path = _at_once(tmp_path, _write)
    connection = connect(path, TABLE, timeout=30)
    rows = connection.execute("SELECT number FROM numbers ORDER BY number").fetchall()
    assert rows == [(number,) for number in range(PROCESSES)]
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_many_processes_open_a_new_cache_at_once(tmp_path: Path) -> None:
    cache = ResultCache(_at_once(tmp_path, _put))
    assert [cache.get(str(number)) for number in range(PROCESSES)] == [[]] * PROCESSES
    cache.close()


def _locked(path: Path) -> sqlite3.Connection:
    """A connection that writes to a new file which is not in WAL mode yet."""
    holder = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN IMMEDIATE")
    return holder


def test_the_switch_to_wal_waits_for_a_writer(tmp_path: Path) -> None:
    holder = _locked(tmp_path / "new.sqlite")
    release = threading.Timer(0.3, lambda: holder.execute("ROLLBACK"))
    release.start()
    started = time.monotonic()
    connect(tmp_path / "new.sqlite", TABLE, timeout=30).close()
    assert time.monotonic() - started >= 0.25
    release.join()
    holder.close()


def test_the_wait_ends_with_the_timeout(tmp_path: Path) -> None:
    holder = _locked(tmp_path / "new.sqlite")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        connect(tmp_path / "new.sqlite", TABLE, timeout=0.1)
    holder.close()


def test_a_file_that_is_no_database_fails_at_once(tmp_path: Path) -> None:
    path = tmp_path / "new.sqlite"
    path.write_bytes(b"no database" * 1000)
    started = time.monotonic()
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        connect(path, TABLE, timeout=30)
    assert time.monotonic() - started < 25
