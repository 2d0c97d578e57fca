"""Where a database is: a file, or the address of a PostgreSQL server, which is a secret.

Settings name the environment variable that holds the address: it is in no configuration that Dagster stores
and in no pickled task.

Tested by `tests/repair/database/test_database.py`.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from repair.credentials import Credentials
from repair.database.interface import Database
from repair.database.sqlite import SqliteDatabase
from repair.errors import ConfigurationError

STATE_VARIABLE = "REPAIR_SHARED_STATE"
"""The environment variable with the address of what several machines share."""

PATIENCE_S = 30.0  # a restart or a failover of a server takes less


@dataclass(frozen=True, slots=True)
class PostgresAddress:
    """`postgresql://user:password@host:port/database`; only host, port and database are ever shown."""

    url: str = field(repr=False)
    variable: str = STATE_VARIABLE
    """Where it was set."""

    def __post_init__(self) -> None:
        try:
            scheme = urlsplit(self.url).scheme
        except ValueError:
            scheme = ""
        if scheme not in ("postgresql", "postgres"):
            raise ConfigurationError(
                f"{self.variable}: expected an address such as postgresql://user:password@host:5432/repair"
                " (what is set is not shown, as it may hold a secret)"
            )

    def __str__(self) -> str:
        """The address without user, password and parameters."""
        parts = urlsplit(self.url)
        return f"postgresql://{parts.netloc.rpartition('@')[2]}{parts.path}"

    def mask(self, text: str) -> str:
        """`text` without what is secret of the address."""
        parts = urlsplit(self.url)
        _, _, password = parts.netloc.rpartition("@")[0].partition(":")
        parameters = parse_qs(parts.query)
        secrets = [password, unquote(password), parts.query]
        secrets += [value for name in ("password", "sslpassword") for value in parameters.get(name, ())]
        return Credentials(secrets).mask(text.replace(self.url, str(self)))


Location = Path | PostgresAddress


def shared_state(variable: str = STATE_VARIABLE) -> PostgresAddress | None:
    """The address that the environment variable holds; None: it is not set, and this machine is alone.

    Raises:
        ConfigurationError: it is no address of a PostgreSQL server.
    """
    url = os.environ.get(variable, "").strip()
    return PostgresAddress(url, variable) if url else None


def open_database(location: Location, *, patience_s: float = PATIENCE_S) -> Database:
    """The database at `location`; for `patience_s` seconds a lost connection to a server is opened again.

    Raises:
        DatabaseError: it can't be opened.
        ConfigurationError: the extra `postgres` is not installed.
    """
    if isinstance(location, Path):
        return SqliteDatabase(location)
    from repair.database.postgres import PostgresDatabase

    return PostgresDatabase(location, patience_s=patience_s)
