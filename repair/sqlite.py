"""Opening SQLite files in write-ahead (WAL) mode, also from many processes at once."""

import sqlite3
import time
from pathlib import Path

_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_PAUSE_S = 0.005


def connect(path: Path, table: str, *, timeout: float) -> sqlite3.Connection:
    """A connection in WAL and autocommit mode to the file `path`, after the statement `table` was executed.

    It waits up to `timeout` seconds for the locks of other processes, and may be used from several threads,
    one at a time. A killed process loses no committed write; a power cut may lose the last ones, never the
    file. Raises `sqlite3.DatabaseError`.
    """
    connection = sqlite3.connect(path, timeout=timeout, isolation_level=None, check_same_thread=False)
    try:
        _switch_to_wal(connection, time.monotonic() + timeout)
        connection.execute("PRAGMA synchronous = NORMAL")
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
