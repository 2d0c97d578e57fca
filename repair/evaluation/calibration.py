"""Calibration of the confidence in verified repairs: logistic regression, and the choice of a threshold.

Both are made on repairs whose tests were run, of problems that no result is reported on.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from repair.diagnostics.codes import type_of_code
from repair.evaluation.intervals import Share, wilson
from repair.verification.confidence import DIGITS, FEATURES, MEASURED, Calibration, Cut, Signals

RIDGE = 1.0
"""Variance of the prior of a weight, inverted: what separates a small sample perfectly stays finite."""
STEPS = 100
PRECISION = 0.9
"""The lower bound of the precision that is aimed at."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A verified repair and whether it passed the tests. `order`: its number among the answers of its
    sample, in which they are shown. `code`: of the diagnostic."""

    sample_id: str
    code: str
    order: int
    signals: Signals
    right: bool


def fitted(repairs: Sequence[Judged]) -> tuple[float, dict[str, float]]:
    """Intercept and weights of a ridge logistic regression, by Newton's method."""
    import numpy as np

    inputs: Any = np.array([[1.0, *repair.signals.features().values()] for repair in repairs])
    right: Any = np.array([float(repair.right) for repair in repairs])
    penalty: Any = np.diag([1e-6] + [RIDGE] * len(FEATURES))
    weights: Any = np.zeros(1 + len(FEATURES))
    for _ in range(STEPS):
        expected = 1 / (1 + np.exp(-inputs @ weights))
        gradient = inputs.T @ (right - expected) - penalty @ weights
        curvature = (inputs.T * (expected * (1 - expected))) @ inputs + penalty
        step = np.linalg.solve(curvature, gradient)
        weights = weights + step
        if float(np.abs(step).max()) < 1e-9:
            break
    rounded = [round(float(weight), 4) for weight in weights]
    return rounded[0], dict(zip(FEATURES, rounded[1:], strict=True))


def shown_at(
    repairs: Sequence[Judged], confidence: Callable[[Signals, str], float | None], threshold: float
) -> list[Judged]:
    """Of each sample the first repair with that confidence, as `repair fix` shows it."""
    first: dict[str, Judged] = {}
    for repair in sorted(repairs, key=lambda repair: (repair.sample_id, repair.order)):
        known = confidence(repair.signals, repair.code)
        if known is not None and known >= threshold:
            first.setdefault(repair.sample_id, repair)
    return list(first.values())


def measured_types(repairs: Sequence[Judged]) -> tuple[str, ...]:
    """The diagnostic types of which enough samples are repaired for a calibration to speak of them."""
    counts = Counter(type_of_code(code) for _, code in {(one.sample_id, one.code) for one in repairs})
    return tuple(sorted(name for name, count in counts.items() if count >= MEASURED))


def calibrated(
    repairs: Sequence[Judged], *, shown: Sequence[Judged] | None = None, precision: float = PRECISION
) -> Calibration:
    """The calibration that shows the most repairs with a 95 % lower bound of `precision` on these samples.

    Where none reaches that, the one with the highest bound. Of types that have few repairs (`measured_types`)
    none is shown. `shown`: the repairs that the threshold is chosen on, if not all are shown in that order;
    the regression is fitted to `repairs`.
    """
    intercept, weights = fitted(repairs)
    among = repairs if shown is None else shown
    types = measured_types(among)
    any_threshold = Calibration(intercept=intercept, weights=weights, threshold=0, types=types)
    confidence = any_threshold.confidence
    best: tuple[tuple[bool, float], float] | None = None
    for threshold in _confidences(any_threshold, among):
        found = shown_at(among, confidence, threshold)
        low, _ = wilson(sum(repair.right for repair in found), len(found))
        value = (True, float(len(found))) if low >= precision else (False, low)
        if best is None or value > best[0]:
            best = value, threshold
    threshold = best[1] if best else 1.0
    found = shown_at(among, confidence, threshold)
    right, verified = sum(repair.right for repair in found), len({repair.sample_id for repair in among})
    return Calibration(
        intercept=intercept,
        weights=weights,
        threshold=_rounded(threshold),
        types=types,
        chosen_on={
            "fitted_to": len(repairs),
            "verified": verified,
            "shown": len(found),
            "right": right,
            "precision": share.text() if (share := Share.of(right, len(found))) else None,
        },
    )


def cuts_of(calibration: Calibration, repairs: Sequence[Judged]) -> tuple[Cut, ...]:
    """Every threshold that tells the repairs apart, rising."""
    cuts: list[Cut] = []
    for threshold in _confidences(calibration, repairs):
        found = shown_at(repairs, calibration.confidence, threshold)
        cuts.append(Cut(_rounded(threshold), len(found), sum(repair.right for repair in found)))
    return tuple(cuts)


def _confidences(calibration: Calibration, repairs: Sequence[Judged]) -> list[float]:
    """Those that tell the repairs apart, rising."""
    known = {calibration.confidence(repair.signals, repair.code) for repair in repairs}
    return sorted(confidence for confidence in known if confidence is not None)


def _rounded(threshold: float) -> float:
    """Downwards: what has just this confidence is shown, if it is rounded too."""
    return round(threshold - 0.5 * 10**-DIGITS, DIGITS)
