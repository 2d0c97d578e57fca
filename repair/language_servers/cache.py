"""On-disk diagnostics cache (SQLite, WAL), shared between processes.

A process that is killed loses at most its last writes. A damaged file is replaced by an empty one. Where that
fails too, or the file can't be opened or written (it is read-only, the disk is full, a folder is there), a
warning says so once and nothing is cached: the cache may be lost, never wrong, and no run fails for it.
"""

import json
import logging
import sqlite3
import threading
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import astuple
from pathlib import Path

from repair.database.sqlite import connect
from repair.diagnostics.diagnostic import Diagnostic

LIMIT_BYTES = 2 * 1024**3
_BUSY_S = 30.0
_EVICT_EVERY = 256  # writes between two evictions
FILL_AFTER_EVICTION = 0.9  # of the limit
_log = logging.getLogger(__name__)
_TABLE = """
CREATE TABLE IF NOT EXISTS results (
    number INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT UNIQUE NOT NULL, value BLOB NOT NULL
)
"""


class ResultCache:
    """Cache of diagnostics by key, first in first out, at most `limit_bytes` large.

    Several threads and several processes may use it at once.
    """

    def __init__(self, path: Path, limit_bytes: int = LIMIT_BYTES) -> None:
        self._path = path
        self._limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._writes = 0
        self._warned = False
        self._connection: sqlite3.Connection | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = self._open()
        except (OSError, sqlite3.Error) as error:
            self._lose(error)

    def get(self, key: str) -> list[Diagnostic] | None:
        """The cached diagnostics of `key`; None on a miss, or where the row can't be read."""
        with self._lock:
            if self._connection is None:
                return None
            try:
                row = self._connection.execute("SELECT value FROM results WHERE key = ?", (key,)).fetchone()
            except sqlite3.OperationalError:  # another process holds the file for too long
                return None
            except sqlite3.DatabaseError as error:
                self._replace_file(error)
                return None
        if row is None:
            return None
        return unpacked(row[0])

    def put(self, key: str, diagnostics: Sequence[Diagnostic]) -> None:
        """Caches `diagnostics` under `key`."""
        value = packed(diagnostics)
        with self._lock:
            if self._connection is None:
                return
            try:
                self._connection.execute(
                    "INSERT OR REPLACE INTO results (key, value) VALUES (?, ?)", (key, value)
                )
                self._writes += 1
                if self._writes % _EVICT_EVERY == 1:
                    self._evict(self._connection)
            except sqlite3.OperationalError as error:  # read-only, a full disk, a lock of another process
                self._warn(error)
            except sqlite3.DatabaseError as error:
                self._replace_file(error)

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()

    def _open(self) -> sqlite3.Connection:
        try:
            return connect(self._path, _TABLE, timeout=_BUSY_S)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            self._remove()
            return connect(self._path, _TABLE, timeout=_BUSY_S)

    def _replace_file(self, damage: sqlite3.Error) -> None:
        try:
            if self._connection is not None:
                self._connection.close()
            self._remove()
            self._connection = connect(self._path, _TABLE, timeout=_BUSY_S)
        except (OSError, sqlite3.Error):
            self._lose(damage)

    def _lose(self, error: Exception) -> None:
        self._connection = None
        self._warn(error)

    def _warn(self, error: Exception) -> None:
        if not self._warned:
            self._warned = True
            _log.warning(
                "diagnostics cache %s: %s; what the servers say is not cached, which costs time only. "
                "Name a file that may be written, or none",
                *(self._path, error),
            )

    def _remove(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self._path}{suffix}").unlink(missing_ok=True)

    def _evict(self, connection: sqlite3.Connection) -> None:
        total = self._size(connection)
        if total <= self._limit_bytes:
            return
        excess = total - int(self._limit_bytes * FILL_AFTER_EVICTION)
        last = 0
        sizes = connection.execute("SELECT number, length(value) + length(key) FROM results ORDER BY number")
        for number, size in sizes:
            last, excess = number, excess - size
            if excess <= 0:
                break
        sizes.close()
        connection.execute("DELETE FROM results WHERE number <= ?", (last,))

    def _size(self, connection: sqlite3.Connection) -> int:
        query = "SELECT COALESCE(SUM(length(value) + length(key)), 0) FROM results"
        return int(connection.execute(query).fetchone()[0])


def packed(diagnostics: Sequence[Diagnostic]) -> bytes:
    """Diagnostics as a row of the cache holds them."""
    rows = [astuple(diagnostic) for diagnostic in diagnostics]
    return zlib.compress(json.dumps(rows).encode(), 1)


def unpacked(value: bytes) -> list[Diagnostic] | None:
    """The diagnostics of a row; None: it can't be read."""
    with suppress(zlib.error, ValueError, TypeError):
        return [Diagnostic(*fields) for fields in json.loads(zlib.decompress(value))]
    return None
