"""Signals of a verified repair, and the probability that they give."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from repair.errors import ConfigurationError
from repair.language_servers.scheduler import run_all
from repair.verification.confidence import (
    FEATURES,
    FILE,
    Calibration,
    Cut,
    Signals,
    signals_of,
    verifiers_own,
)
from repair.verification.verifier import Verdict
from tests.repair.synthesis.support import FunctionServers, marked

PLAIN = Signals(needless=0, code_as_text=False, spans=1, later=False)
CALIBRATION = Calibration(
    intercept=2.0,
    weights=dict.fromkeys(FEATURES, -1.0) | {"log_probability": 1.0},
    threshold=0.8,
    types=("reportUndefinedVariable", "syntax"),
    chosen_on={"samples": 7},
)


def accepted(repaired: str, others: Mapping[str, str] | None = None) -> Verdict:
    return Verdict(True, None, "", repaired=repaired, repaired_files=others or {})


def test_the_signals_of_a_repair() -> None:
    files = {"main.py": 'a = "error:x"\nb = 1\n'}
    before = marked(files)
    repaired = accepted("a = '0'\nb = 2\n")
    [found] = run_all(
        [signals_of(files, before[0], repaired, before, later=True, log_probability=-2.5)],
        FunctionServers(marked),
    )
    assert found == Signals(needless=1, code_as_text=True, spans=2, later=True, log_probability=-2.5)
    assert len(found.doubts()) == 5
    assert PLAIN.doubts() == []


def test_the_signals_of_a_repair_of_two_files() -> None:
    files = {"main.py": "a = error:x\n", "other.py": "b = 1\n"}
    before = marked(files)
    repaired = accepted("a = 1\n", {"other.py": "b = 1  # print(b)\n"})
    [found] = run_all([signals_of(files, before[0], repaired, before)], FunctionServers(marked))
    assert found == Signals(needless=1, code_as_text=True, spans=2, later=False)


@pytest.mark.parametrize(
    "worse",
    [
        replace(PLAIN, needless=1),
        replace(PLAIN, code_as_text=True),
        replace(PLAIN, spans=2),
        replace(PLAIN, later=True),
        replace(PLAIN, log_probability=-3.0),
    ],
)
def test_a_doubt_lowers_the_confidence(worse: Signals) -> None:
    probability = CALIBRATION.probability
    assert probability(worse) < probability(PLAIN) == pytest.approx(0.8808, abs=1e-4)
    likely, impossible = (replace(worse, log_probability=value) for value in (-0.1, -1e9))
    assert 0 < probability(impossible) < probability(likely)


@pytest.mark.parametrize(
    ("code", "measured"),
    [
        ("pyright", True),
        ("ruff[invalid-syntax]", True),
        ("pyright[reportUndefinedVariable]", True),
        ("ruff[F821]", True),  # the other server's word for it
        ("pyright[reportUnboundVariable]", True),  # ruff has one rule for both
        ("ruff[F706]", True),  # which pyright calls an error of syntax
        ("ruff[E722]", False),
        ("pyright[reportOptionalMemberAccess]", False),
        ("ruff", True),
    ],
)
def test_no_confidence_is_known_of_diagnostics_that_were_not_measured(code: str, measured: bool) -> None:
    assert CALIBRATION.measures(code) is measured
    assert CALIBRATION.confidence(PLAIN, code) == (CALIBRATION.probability(PLAIN) if measured else None)


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
        json.dumps({"intercept": 1, "weights": dict.fromkeys(FEATURES, 0), "threshold": 0.5}),  # types
        json.dumps({"intercept": 1, "weights": {"needless": 1}, "threshold": 0.5, "types": []}),
        json.dumps({"intercept": 1, "weights": dict.fromkeys(FEATURES, 0), "threshold": 7, "types": []}),
        json.dumps({"intercept": 1, "weights": dict.fromkeys(FEATURES, "0"), "threshold": 0.5, "types": []}),
        json.dumps({"intercept": 1, "weights": 3, "threshold": 0.5, "types": []}),
        json.dumps({"intercept": 1, "weights": dict.fromkeys(FEATURES, 0), "threshold": None, "types": []}),
    ],
)
def test_a_file_that_is_no_calibration(tmp_path: Path, content: Any) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(ConfigurationError):
        Calibration.read(tmp_path)


@pytest.mark.parametrize(
    ("precision", "threshold"), [(0.0, 0.1), (0.5, 0.1), (0.8, 0.3), (0.85, 0.7), (1.0, 0.9)]
)
def test_a_precision_takes_the_lowest_threshold_that_has_it(precision: float, threshold: float) -> None:
    cuts = (Cut(0.1, 100, 60), Cut(0.3, 50, 40), Cut(0.5, 40, 30), Cut(0.7, 20, 18), Cut(0.9, 10, 10))
    assert replace(CALIBRATION, cuts=cuts).threshold_for(precision) == threshold


@pytest.mark.parametrize(
    ("cuts", "message"), [((Cut(0.1, 4, 2), Cut(0.3, 4, 3)), "the highest is 0.750, at 0.3"), ((), "none")]
)
def test_a_precision_that_no_threshold_has(cuts: tuple[Cut, ...], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        replace(CALIBRATION, cuts=cuts).threshold_for(0.8)


def test_the_verifiers_own_calibration_is_of_no_model_and_says_what_it_was_chosen_on(tmp_path: Path) -> None:
    own = verifiers_own()
    assert own.weights_sha256 is None
    assert own.chosen_on["benchmark"] == "leetcode_injected_choose"
    assert {"rules", "smollm2-135m-repair"} <= set(own.chosen_on["teachers"]) == own.measured.keys()
    assert own.cuts[0].shown == own.chosen_on["fitted_to"]
    assert {"syntax", "reportUndefinedVariable"} <= set(own.types)
    assert own.probability(PLAIN) >= own.threshold > own.probability(replace(PLAIN, needless=1))
    own.write_to(tmp_path / FILE)
    again = Calibration.read_from(tmp_path / FILE)
    assert again == own
    assert again.sha256 == own.sha256 != replace(own, intercept=0.0).sha256
