"""A checkpoint says what made it."""

from pathlib import Path

import pytest

from repair.errors import StoreError
from repair.training.export import MADE_BY, METRICS, read_made_by, write_notes


def test_notes_are_read_as_written(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no finished checkpoint"):
        read_made_by(str(tmp_path))
    write_notes(tmp_path, {"a": 2}, [{"loss": 1.5}, {"loss": 1.0}])
    assert read_made_by(str(tmp_path)) == {"a": 2}
    assert (tmp_path / METRICS).read_text() == '{"loss": 1.5}\n{"loss": 1.0}\n'


def test_damaged_notes_are_named(tmp_path: Path) -> None:
    (tmp_path / MADE_BY).write_text("{")
    with pytest.raises(StoreError, match="no JSON"):
        read_made_by(str(tmp_path))
