"""Diagnostics cache in PostgreSQL, shared between machines.

The table is unlogged: it costs the server little, and a crash of the server empties it. As with a file, the
cache may be lost, never wrong, and no run fails for it: a server that can't be reached is warned of once, and
tried again after a while.

Tested by `tests/repair/language_servers/test_cache.py`, as the file is.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from repair.database import Database, DatabaseError, PostgresAddress, open_database
from repair.diagnostics.diagnostic import Diagnostic
from repair.language_servers.cache import FILL_AFTER_EVICTION, LIMIT_BYTES, packed, unpacked

T = TypeVar("T")

RETRY_S = 60.0
_CHECK_EACH = 0.01  # of the limit: after as many bytes are written, the total is looked at
_TABLE = """
CREATE UNLOGGED TABLE IF NOT EXISTS results (
    number {dialect.serial}, key TEXT UNIQUE NOT NULL, value BYTEA NOT NULL
)
"""
_SIZE = "pg_column_size(value) + length(key)"
_log = logging.getLogger(__name__)


class SharedResultCache:
    """Cache of diagnostics by key, first in first out, at most about `limit_bytes` large."""

    def __init__(self, address: PostgresAddress, limit_bytes: int = LIMIT_BYTES) -> None:
        self._address = address
        self._limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._database: Database | None = None
        self._absent_until = 0.0
        self._warned = False
        self._written = int(limit_bytes * _CHECK_EACH)  # the first write looks at the total

    def get(self, key: str) -> list[Diagnostic] | None:
        """The cached diagnostics of `key`; None on a miss, or where the row can't be read."""
        rows = self._try(lambda database: database.execute("SELECT value FROM results WHERE key = ?", (key,)))
        return unpacked(rows[0][0]) if rows else None

    def put(self, key: str, diagnostics: Sequence[Diagnostic]) -> None:
        """Caches `diagnostics` under `key`."""
        value = packed(diagnostics)
        statement = (
            "INSERT INTO results (key, value) VALUES (?, ?)"
            " ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value"
        )
        self._try(lambda database: database.execute(statement, (key, value)))
        with self._lock:
            self._written += len(value) + len(key)
            due = self._written > self._limit_bytes * _CHECK_EACH
            self._written = 0 if due else self._written
        if due:
            self._try(self._evict)

    def close(self) -> None:
        with self._lock:
            if self._database is not None:
                self._database.close()

    def _try(self, work: Callable[[Database], T]) -> T | None:
        """`work`, or None while there is no server."""
        with self._lock:
            if time.monotonic() < self._absent_until:
                return None
            try:
                if self._database is None:
                    self._database = open_database(self._address, patience_s=0.0)
                    self._database.create([_TABLE])
                return work(self._database)
            except DatabaseError as error:
                self._absent_until = time.monotonic() + RETRY_S
                if not self._warned:
                    self._warned = True
                    _log.warning(
                        "diagnostics cache %s: %s; until then what the servers say is not cached, which costs"
                        " time only",
                        *(self._address, error),
                    )
                return None

    def _evict(self, database: Database) -> None:
        [[total]] = database.execute(f"SELECT coalesce(sum({_SIZE}), 0) FROM results")  # noqa: S608
        if total <= self._limit_bytes:
            return
        excess = int(total) - int(self._limit_bytes * FILL_AFTER_EVICTION)
        running = f"sum({_SIZE}) OVER (ORDER BY number) - ({_SIZE})"
        database.execute(
            f"DELETE FROM results WHERE number IN (SELECT number FROM"  # noqa: S608 (no value is in it)
            f" (SELECT number, {running} AS before FROM results) AS sizes WHERE before < ?)",
            (excess,),
        )
