"""SQL database as the caches see it: statements, transactions and claims, on SQLite and PostgreSQL alike.

Statements are written once, in the SQL that both know, with `?` for values. What the two write differently is
in `Dialect` and is put into a table's definition by `str.format`.

Tested by `tests/repair/database/test_database.py`, on both.
"""

import hashlib
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeVar

from repair.closing import Closing
from repair.errors import StoreError

Row = tuple[Any, ...]
T = TypeVar("T")


class DatabaseError(StoreError):
    """A database can't be used: the message says why and what to do, and holds nothing secret."""


class DatabaseUnavailableError(DatabaseError):
    """A server can't be reached: later it may be there again."""


class Execute(Protocol):
    """Runs one statement and returns its rows."""

    def __call__(self, statement: str, values: Sequence[Any] = (), /) -> list[Row]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What SQLite and PostgreSQL write differently."""

    serial: str
    """The type of a primary key that counts up."""
    text: str
    """The type of a column for any text: PostgreSQL's own can't hold the character NUL."""
    utc_text: str
    """The time as ISO 8601, in UTC."""
    now: str
    """The seconds since 1970 by the database's clock, which all of its clients share."""


class Database(Closing):
    """One database; thread-safe. Methods raise DatabaseError."""

    dialect: ClassVar[Dialect]
    name: str
    """What messages call it."""

    @abstractmethod
    def execute(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        """One statement, committed."""

    @abstractmethod
    def transact(self, work: Callable[[Execute], T], *, lock: str = "") -> T:
        """`work` in one transaction, alone of all with the same `lock`.

        It may be called again if the connection is lost: it changes nothing but the database, and what it
        does twice has to be harmless.
        """

    def create(self, statements: Sequence[str]) -> None:
        """Create tables and indexes whose definitions begin with `CREATE ... IF NOT EXISTS`.

        `{dialect.serial}` in them is that field of the dialect.
        """

        def run(execute: Execute) -> None:
            for statement in statements:
                execute(statement.format(dialect=self.dialect))

        self.transact(run, lock="schema")

    @abstractmethod
    def claim(self, name: str) -> bool:
        """Whether this process has `name` to itself from now on, of all that use the database.

        It ends with `release`, and with the process or the machine. In one process only one thread may ask
        for a name at a time.
        """

    @abstractmethod
    def release(self, name: str) -> None:
        """End a claim."""

    def encoded(self, text: str) -> str | bytes:
        """`text` as a column of the dialect's type `text` holds it."""
        return text


def lock_number(name: str) -> int:
    """A number of 62 bits for a name: locks have no others."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) >> 2
