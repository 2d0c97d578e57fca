"""Signals of a verified repair, and the probability that they give."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from repair.errors import ConfigurationError
from repair.language_servers.scheduler import run_all
from repair.verification.confidence import FEATURES, FILE, Calibration, Signals, signals_of
from tests.repair.synthesis.support import FunctionServers, marked

PLAIN = Signals(needless=0, code_as_text=False, spans=1, sampled=False)
CALIBRATION = Calibration(
    intercept=2.0,
    weights=dict.fromkeys(FEATURES, -1.0) | {"votes": 1.0},
    threshold=0.8,
    chosen_on={"samples": 7},
)


def test_the_signals_of_a_repair() -> None:
    files = {"main.py": 'a = "error:x"\nb = 1\n'}
    before = marked(files)
    repaired = "a = '0'\nb = 2\n"
    [found] = run_all(
        [signals_of(files, before[0], repaired, before, sampled=True, votes=0.5)], FunctionServers(marked)
    )
    assert found == Signals(needless=1, code_as_text=True, spans=2, sampled=True, votes=0.5)
    assert len(found.doubts()) == 4
    assert PLAIN.doubts() == []


@pytest.mark.parametrize(
    "worse",
    [
        replace(PLAIN, needless=1),
        replace(PLAIN, code_as_text=True),
        replace(PLAIN, spans=2),
        replace(PLAIN, sampled=True),
    ],
)
def test_a_doubt_lowers_the_confidence(worse: Signals) -> None:
    assert CALIBRATION.confidence(worse) < CALIBRATION.confidence(PLAIN) == pytest.approx(0.8808, abs=1e-4)
    assert CALIBRATION.confidence(replace(worse, votes=1.0)) > CALIBRATION.confidence(worse)


def test_a_calibration_lies_beside_its_model(tmp_path: Path) -> None:
    weights = tmp_path / "adapter_model.safetensors"
    weights.write_bytes(b"1")
    assert Calibration.read(tmp_path) is None
    CALIBRATION.write(tmp_path)
    found = Calibration.read(tmp_path)
    assert found is not None
    assert replace(found, weights_sha256=None) == CALIBRATION
    weights.write_bytes(b"2")
    with pytest.raises(ConfigurationError, match="other weights"):
        Calibration.read(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        "no JSON",
        "[]",
        "{}",
        json.dumps({"intercept": 1, "weights": {"needless": 1}, "threshold": 0.5}),
        json.dumps({"intercept": 1, "weights": dict.fromkeys(FEATURES, 0), "threshold": 7}),
        json.dumps({"intercept": 1, "weights": dict.fromkeys(FEATURES, "0"), "threshold": 0.5}),
        json.dumps({"intercept": 1, "weights": 3, "threshold": 0.5}),
        json.dumps({"intercept": 1, "weights": dict.fromkeys(FEATURES, 0), "threshold": None}),
    ],
)
def test_a_file_that_is_no_calibration(tmp_path: Path, content: Any) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(ConfigurationError):
        Calibration.read(tmp_path)
