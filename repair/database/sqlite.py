"""SQLite in write-ahead (WAL) mode, also opened by many processes at once.

A killed process loses no committed write; a power cut may lose the last ones, never the file.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from repair.database.interface import Database, DatabaseError, Dialect, Execute, Row
from repair.database.range_locks import RangeLocks

T = TypeVar("T")

_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_PAUSE_S = 0.005

# Another process writes one small row at a time: a lock held for this long means that something is broken.
_BUSY_S = 60.0

_ADVICE = (
    "make it a file that can be read and written, on a disk with room; if it is damaged, move it away, and"
    " what it held is asked again"
)


def connect(path: Path, *tables: str, timeout: float) -> sqlite3.Connection:
    """A connection in WAL and autocommit mode to the file `path`, after the statements `tables`.

    It waits up to `timeout` seconds for the locks of other processes, and may be used from several threads,
    one at a time. Raises `sqlite3.DatabaseError`.
    """
    connection = sqlite3.connect(path, timeout=timeout, isolation_level=None, check_same_thread=False)
    try:
        _switch_to_wal(connection, time.monotonic() + timeout)
        connection.execute("PRAGMA synchronous = NORMAL")
        for table in tables:
            connection.execute(table)
    except BaseException:
        connection.close()
        raise
    return connection


def _switch_to_wal(connection: sqlite3.Connection, deadline: float) -> None:
    # This switch alone does not wait for a lock by SQLite's own timeout: where several processes open a new
    # file at the same time, all but one would fail.
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in _BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_S)
        else:
            return


class SqliteDatabase(Database):
    """An SQLite file, which processes of one machine share; `Path(":memory:")` is this object's alone."""

    dialect = Dialect(
        serial="INTEGER PRIMARY KEY AUTOINCREMENT",
        text="TEXT",
        utc_text="(strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))",
        now="(julianday('now') - 2440587.5) * 86400.0",
    )

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._lock = threading.Lock()
        self._claims = None if str(path) == ":memory:" else RangeLocks(Path(f"{path}-claims"))
        with self._told():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = connect(path, timeout=_BUSY_S)

    def execute(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        with self._told():
            return self._execute(statement, values)

    def transact(self, work: Callable[[Execute], T], *, lock: str = "") -> T:
        # Whoever writes is alone: `lock` is not needed.
        with self._told():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(self._execute)
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
            return result

    def columns(self, table: str) -> set[str]:
        """The names of a table's columns."""
        return {name for _, name, *_ in self.execute(f"PRAGMA table_info({table})")}

    def claim(self, name: str) -> bool:
        with self._told():
            return self._claims is None or self._claims.acquire(name)

    def release(self, name: str) -> None:
        with self._told():
            if self._claims is not None:
                self._claims.release(name)

    def close(self) -> None:
        with self._lock:
            self._connection.close()
            if self._claims is not None:
                self._claims.close()

    def _execute(self, statement: str, values: Sequence[Any] = (), /) -> list[Row]:
        return self._connection.execute(statement, values).fetchall()

    @contextmanager
    def _told(self) -> Generator[None]:
        """One thread at a time; errors become the project's own."""
        with self._lock:
            try:
                yield
            except (sqlite3.Error, OSError) as error:
                raise DatabaseError(f"{type(error).__name__}: {error}; {_ADVICE}") from error
