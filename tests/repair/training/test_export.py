"""Checkpoint export: provenance and loss curve beside the weights."""

import json
from pathlib import Path

from repair.models.made_by import MADE_BY, read_made_by
from repair.training.export import METRICS, write_notes


def test_notes_hold_what_made_the_weights_and_the_curve(tmp_path: Path) -> None:
    write_notes(tmp_path, {"a": 2}, [{"loss": 1.5}, {"loss": 1.0}])
    assert json.loads((tmp_path / MADE_BY).read_text()) == read_made_by(tmp_path) == {"a": 2}
    assert (tmp_path / METRICS).read_text() == '{"loss": 1.5}\n{"loss": 1.0}\n'
