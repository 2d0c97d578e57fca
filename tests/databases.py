"""The two kinds of shared database, for tests that hold for both.

A test module takes the fixture by importing it: `from tests.databases import location`.
"""

from pathlib import Path

import pytest

from repair.database import Location, PostgresAddress
from tests.postgres import server

__all__ = ["location", "server"]


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    """Where a new database may be."""
    if request.param == "SQLite":
        return tmp_path / "folder" / "state.sqlite"
    return PostgresAddress(request.getfixturevalue("server").address())
