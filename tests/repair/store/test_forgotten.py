"""Tombstones: written, read, renewed, and refused where they are damaged."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from repair.errors import StoreError
from repair.schema.events import project_digest
from repair.store.forgotten import forgotten_projects, remember_forgotten
from repair.store.reader import PartitionStore

AT = datetime(2026, 1, 5, 12, tzinfo=UTC)
ADA, BOB = project_digest("ada"), project_digest("bob")


def test_the_latest_moment_counts(tmp_path: Path) -> None:
    store = PartitionStore(str(tmp_path))
    assert forgotten_projects(store) == {}
    remember_forgotten(store, [ADA, BOB], AT)
    remember_forgotten(store, [ADA], AT - timedelta(days=1))
    remember_forgotten(store, [BOB], AT + timedelta(days=1))
    assert forgotten_projects(store) == {ADA: AT, BOB: AT + timedelta(days=1)}
    assert not any("ada" in path.name or "ada" in path.read_text() for path in tmp_path.glob("*/*"))


def test_a_damaged_tombstone_is_named(tmp_path: Path) -> None:
    store = PartitionStore(str(tmp_path))
    remember_forgotten(store, [ADA], AT)
    (file,) = (tmp_path / "_forgotten").iterdir()
    file.write_text("{")
    with pytest.raises(StoreError, match=ADA):
        forgotten_projects(store)
