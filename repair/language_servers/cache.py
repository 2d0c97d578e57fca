"""What the servers said before, on disk, shared between processes.

One SQLite file in write-ahead mode: a process that is killed loses at most its last writes. Where the
file is damaged it is made anew; a cache may be lost, never wrong.
"""

import json
import sqlite3
import threading
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import astuple
from pathlib import Path

from repair.diagnostics.diagnostic import Diagnostic

LIMIT_BYTES = 2 * 1024**3
_WAIT_S = 30.0
_LOOK_EVERY = 256  # writes between two looks at the size
_KEPT = 0.9  # of the limit, when the oldest go out
_TABLE = """
CREATE TABLE IF NOT EXISTS results (
    number INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT UNIQUE NOT NULL, value BLOB NOT NULL
)
"""


class ResultCache:
    """Diagnostics by a key, at most `limit_bytes` of them; the oldest go out first.

    It may be used from several threads and from several processes at once.
    """

    def __init__(self, path: Path, limit_bytes: int = LIMIT_BYTES) -> None:
        self._path = path
        self._limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._writes = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = self._open()

    def get(self, key: str) -> list[Diagnostic] | None:
        """What was put under `key`; None where nothing is, or it can't be read."""
        with self._lock:
            try:
                row = self._connection.execute("SELECT value FROM results WHERE key = ?", (key,)).fetchone()
            except sqlite3.OperationalError:  # another process holds the file for too long
                return None
            except sqlite3.DatabaseError:
                self._make_anew()
                return None
        if row is None:
            return None
        with suppress(zlib.error, ValueError, TypeError):
            return [Diagnostic(*fields) for fields in json.loads(zlib.decompress(row[0]))]
        return None

    def put(self, key: str, diagnostics: Sequence[Diagnostic]) -> None:
        """Keeps `diagnostics` under `key`."""
        value = zlib.compress(json.dumps([astuple(one) for one in diagnostics]).encode(), 1)
        with self._lock:
            try:
                with self._connection:
                    self._connection.execute(
                        "INSERT OR REPLACE INTO results (key, value) VALUES (?, ?)", (key, value)
                    )
                self._writes += 1
                if self._writes % _LOOK_EVERY == 1:
                    self._shrink()
            except sqlite3.OperationalError:  # held by another process, or the disk is full: not kept
                return
            except sqlite3.DatabaseError:
                self._make_anew()

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _open(self) -> sqlite3.Connection:
        try:
            return self._connected()
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            self._remove()
            return self._connected()

    def _connected(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=_WAIT_S, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(_TABLE)
            connection.commit()
        except sqlite3.DatabaseError:
            connection.close()
            raise
        return connection

    def _make_anew(self) -> None:
        self._connection.close()
        self._remove()
        self._connection = self._connected()

    def _remove(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self._path}{suffix}").unlink(missing_ok=True)

    def _shrink(self) -> None:
        total = self._held()
        if total <= self._limit_bytes:
            return
        spare = total - int(self._limit_bytes * _KEPT)
        with self._connection:
            last = 0
            for number, size in self._connection.execute(
                "SELECT number, length(value) + length(key) FROM results ORDER BY number"
            ):
                last, spare = number, spare - size
                if spare <= 0:
                    break
            self._connection.execute("DELETE FROM results WHERE number <= ?", (last,))

    def _held(self) -> int:
        query = "SELECT COALESCE(SUM(length(value) + length(key)), 0) FROM results"
        return int(self._connection.execute(query).fetchone()[0])
