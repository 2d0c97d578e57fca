"""SQL databases of what must outlive a process: an SQLite file, or PostgreSQL that several machines share.

with open_database(shared_state(STATE_VARIABLE) or path) as database:
    database.create(["CREATE TABLE IF NOT EXISTS numbers (number BIGINT)"])
    database.execute("INSERT INTO numbers VALUES (?)", (1,))
"""

from repair.database.interface import Database, DatabaseError, DatabaseUnavailableError, Execute
from repair.database.location import (
    STATE_VARIABLE,
    Location,
    PostgresAddress,
    open_database,
    shared_state,
)

__all__ = [
    "STATE_VARIABLE",
    "Database",
    "DatabaseError",
    "DatabaseUnavailableError",
    "Execute",
    "Location",
    "PostgresAddress",
    "open_database",
    "shared_state",
]
