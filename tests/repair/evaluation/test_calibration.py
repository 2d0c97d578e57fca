"""The regression, and the threshold that it chooses."""

from dataclasses import replace
from random import Random

import pytest

from repair.evaluation.calibration import PRECISION, Judged, calibrated, cuts_of, fitted, shown_at
from repair.evaluation.intervals import wilson
from repair.verification.confidence import FEATURES, MEASURED, Signals

CODE, OTHER = "pyright[reportIndexIssue]", "ruff[E722]"
PLAIN = Signals(needless=0, code_as_text=False, spans=1, later=False)
ODD = replace(PLAIN, code_as_text=True)


def repairs(right: int, wrong: int, signals: Signals, name: str, code: str = CODE) -> list[Judged]:
    outcomes = [True] * right + [False] * wrong
    return [Judged(f"{name}{number}", code, 0, signals, passes) for number, passes in enumerate(outcomes)]


def test_a_fit_has_the_shares_that_it_saw() -> None:
    """Logistic regression with one binary feature has the two shares, but for the penalty."""
    found = calibrated(repairs(900, 100, PLAIN, "a") + repairs(300, 700, ODD, "b"))
    assert found.confidence(PLAIN, CODE) == pytest.approx(0.9, abs=0.01)
    assert found.confidence(ODD, CODE) == pytest.approx(0.3, abs=0.01)


def test_what_separates_perfectly_has_finite_weights() -> None:
    _, weights = fitted(repairs(50, 0, PLAIN, "a") + repairs(0, 20, ODD, "b"))
    assert -10 < weights["code_as_text"] < -1
    assert set(weights) == set(FEATURES)


@pytest.mark.parametrize(
    ("good", "odd", "shown"),
    [
        ((60, 1), (60, 1), 122),  # all of it is good enough
        ((60, 1), (10, 10), 61),
        ((10, 0), (0, 10), 10),  # nothing reaches the bound: the highest there is
    ],
)
def test_the_threshold_shows_the_most_that_has_the_bound(
    good: tuple[int, int], odd: tuple[int, int], shown: int
) -> None:
    samples = repairs(*good, PLAIN, "a") + repairs(*odd, ODD, "b")
    calibration = calibrated(samples)
    found = shown_at(samples, calibration.confidence, calibration.threshold)
    assert len(found) == shown == calibration.chosen_on["shown"]
    low, _ = wilson(sum(repair.right for repair in found), len(found))
    assert (low >= PRECISION) is (good[0] == 60)


def test_each_threshold_is_listed_with_what_it_shows() -> None:
    samples = repairs(60, 1, PLAIN, "a") + repairs(10, 10, ODD, "b")
    found = calibrated(samples)
    cuts = cuts_of(found, samples)
    assert [(cut.shown, cut.right) for cut in cuts] == [(81, 70), (61, 60)]
    for cut in cuts:
        assert len(shown_at(samples, found.confidence, cut.threshold)) == cut.shown
        assert (
            len([1 for one in samples if round(found.probability(one.signals), 4) >= cut.threshold])
            == cut.shown
        )


def test_the_first_of_a_sample_that_is_sure_enough_is_shown() -> None:
    first, second, third = (
        Judged("a", CODE, order, signals, True) for order, signals in enumerate((ODD, PLAIN, PLAIN))
    )

    def confidence(signals: Signals, code: str) -> float:
        return {ODD: 0.2, PLAIN: 0.9}[signals]

    assert shown_at([third, first, second], confidence, 0.5) == [second]
    assert shown_at([third, first, second], confidence, 0.1) == [first]
    assert shown_at([third, first, second], confidence, 0.95) == []


def test_a_fit_does_not_depend_on_the_order() -> None:
    samples = repairs(20, 3, PLAIN, "a") + repairs(4, 9, ODD, "b")
    shuffled = list(samples)
    Random(5).shuffle(shuffled)
    assert calibrated(samples) == calibrated(shuffled)


def test_the_threshold_may_be_chosen_on_others_and_the_fit_is_not_theirs() -> None:
    good, odd = repairs(60, 1, PLAIN, "a"), repairs(10, 10, ODD, "b")
    part = calibrated(good + odd, shown=good[:20])
    whole = calibrated(good + odd)
    assert (part.intercept, part.weights) == (whole.intercept, whole.weights)
    assert (part.chosen_on["fitted_to"], part.chosen_on["verified"], part.chosen_on["shown"]) == (81, 20, 20)


@pytest.mark.parametrize("others", [MEASURED - 1, MEASURED])
def test_a_type_with_few_repairs_is_not_measured_and_none_of_them_is_shown(others: int) -> None:
    usual, rare = repairs(60, 1, PLAIN, "a"), repairs(others, 0, PLAIN, "b", OTHER)
    calibration = calibrated(usual + rare)
    assert ("E722" in calibration.types) is (others == MEASURED)
    shown = shown_at(usual + rare, calibration.confidence, calibration.threshold)
    assert len(shown) == calibration.chosen_on["shown"] == 61 + (others == MEASURED) * others
    assert calibration.chosen_on["fitted_to"] == 61 + others


def test_where_no_type_has_enough_nothing_is_shown() -> None:
    few = repairs(MEASURED - 1, 0, PLAIN, "a")
    calibration = calibrated(few)
    assert (calibration.types, calibration.chosen_on["shown"]) == ((), 0)
    assert shown_at(few, calibration.confidence, 0.0) == []
