"""PostgreSQL that several machines share: one connection for each object, opened again when it is lost.

Tables are in the schema `repair`, so that the database may hold Dagster's too. Claims are advisory locks of
the connection: a process that is killed, or a machine that is gone, holds none. So a pooler between must not
share connections between transactions.

Tested by `tests/repair/database/test_database.py`.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from repair.database.interface import (
    Database,
    DatabaseError,
    DatabaseUnavailableError,
    Dialect,
    Execute,
    Row,
    lock_number,
)
from repair.database.location import PostgresAddress
from repair.extras import extra

with extra("postgres"):
    import psycopg

T = TypeVar("T")

SCHEMA = "repair"
_PAUSE_S = 0.25
# A machine that is gone without a word: its connection, and so its claims, ends after about a minute.
_KEEPALIVE_S = 20
_SERVER_KEEPALIVE = (
    f"SET tcp_keepalives_idle TO {_KEEPALIVE_S}; SET tcp_keepalives_interval TO {_KEEPALIVE_S};"
    " SET tcp_keepalives_count TO 2"
).encode()
_CONNECT_S = 10
_REFUSALS = ("authentication failed", "does not exist", "permission denied")  # no later attempt changes them
_ADVICE = "see that the server runs, and that the user may connect, create and write there"


class PostgresDatabase(Database):
    """The database at `address`, in the schema `repair`, which is created if absent."""

    dialect = Dialect(
        serial="BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        text="BYTEA",
        utc_text="""(to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))""",
        now="extract(epoch FROM clock_timestamp())::float8",
    )

    def __init__(self, address: PostgresAddress, *, patience_s: float) -> None:
        self.name = str(address)
        self._address = address
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._claims: set[str] = set()
        self._closed = False
        # A wrong address or password is told at once.
        try:
            self._connection = self._connected()
        except psycopg.Error as error:
            text = str(error)
            unreachable = isinstance(error, psycopg.OperationalError) and not any(
                refusal in text for refusal in _REFUSALS
            )
            raise self._told(error, unavailable=unreachable) from None

    def execute(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        return self._with_connection(lambda connection: _execute(connection, statement, values))

    def transact(self, work: Callable[[Execute], T], *, lock: str = "") -> T:
        def run(connection: "psycopg.Connection[Row]") -> T:
            with connection.transaction():
                if lock:
                    connection.execute("SELECT pg_advisory_xact_lock(%s)", (lock_number(f"lock {lock}"),))
                return work(lambda statement, values=(): _execute(connection, statement, values))

        return self._with_connection(run)

    def claim(self, name: str) -> bool:
        if name in self._claims:  # the server would grant it twice
            return False

        def run(connection: "psycopg.Connection[Row]") -> bool:
            return _granted(connection, name)

        granted = self._with_connection(run)
        if granted:
            self._claims.add(name)
        return granted

    def release(self, name: str) -> None:
        self._claims.discard(name)
        self.execute("SELECT pg_advisory_unlock(?)", (lock_number(name),))

    def encoded(self, text: str) -> str | bytes:
        return text.encode()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._connection.close()

    def _with_connection(self, work: Callable[["psycopg.Connection[Row]"], T]) -> T:
        """`work` on the connection, which is opened again where it was lost."""
        deadline = time.monotonic() + self._patience_s
        with self._lock:
            while True:
                try:
                    if self._connection.closed and not self._closed:
                        self._connection = self._connected()
                    return work(self._connection)
                except psycopg.Error as error:
                    lost = self._connection.closed and not self._closed
                    if not lost or time.monotonic() > deadline:
                        # its text may repeat the address; its cause would be shown with it
                        raise self._told(error, unavailable=lost) from None
                    time.sleep(_PAUSE_S)

    def _connected(self) -> "psycopg.Connection[Row]":
        connection = psycopg.connect(
            self._address.url,
            autocommit=True,
            connect_timeout=_CONNECT_S,
            application_name="repair",
            keepalives_idle=_KEEPALIVE_S,
            keepalives_interval=_KEEPALIVE_S,
            keepalives_count=2,
        )
        try:
            with connection.transaction():
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (lock_number("schema"),))
                known = connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (SCHEMA,))
                if not known.fetchone():  # who may not create schemas may use one that is there
                    connection.execute(f"CREATE SCHEMA {SCHEMA}")
            connection.execute(f"SET search_path TO {SCHEMA}")
            connection.execute(_SERVER_KEEPALIVE)
            # What was claimed before the connection was lost and is not another's by now.
            self._claims = {name for name in self._claims if _granted(connection, name)}
        except BaseException:
            connection.close()
            raise
        return connection

    def _told(self, error: "psycopg.Error", *, unavailable: bool) -> DatabaseError:
        kind = DatabaseUnavailableError if unavailable else DatabaseError
        return kind(f"{type(error).__name__}: {self._address.mask(str(error).strip())}; {_ADVICE}")


def _execute(connection: "psycopg.Connection[Row]", statement: str, values: Sequence[Any]) -> list[Row]:
    cursor = connection.execute(statement.replace("?", "%s").encode(), values)
    return cursor.fetchall() if cursor.description else []


def _granted(connection: "psycopg.Connection[Row]", name: str) -> bool:
    [row] = connection.execute("SELECT pg_try_advisory_lock(%s)", (lock_number(name),)).fetchall()
    return bool(row[0])
