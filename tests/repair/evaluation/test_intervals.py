"""Wilson intervals, against published values and plain enumeration."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repair.evaluation.intervals import wilson


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        # Newcombe (1998), Two-sided confidence intervals for the single proportion, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_published(successes: int, n: int, low: float, high: float) -> None:
    assert wilson(successes, n) == pytest.approx((low, high), abs=5e-5)
    assert wilson(n - successes, n) == pytest.approx((1 - high, 1 - low), abs=5e-5)


@settings(deadline=None)
@given(
    st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    st.sampled_from([0.8, 0.95, 0.99]),
)
def test_wilson_ends_are_where_the_score_test_just_accepts(
    counts: tuple[int, int], confidence: float
) -> None:
    successes, n = counts
    z = {0.8: 1.2815515655, 0.95: 1.9599639845, 0.99: 2.5758293035}[confidence]
    low, high = wilson(successes, n, confidence)
    rate = successes / n
    assert 0 <= low <= rate <= high <= 1
    for end in (low, high):
        if 0 < end < 1:
            assert abs(rate - end) == pytest.approx(z * (end * (1 - end) / n) ** 0.5, rel=1e-6, abs=1e-9)
    assert (low == 0) is (successes == 0)
    assert (high == 1) is (successes == n)


def test_wilson_without_trials() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((-1, 10), "-1 successes of 10"),
        ((11, 10), "11 successes of 10"),
        ((0, -1), "0 successes of -1"),
        ((1, 10, 0.0), "confidence 0.0"),
        ((1, 10, 95), "confidence 95"),  # per cent
    ],
)
def test_wilson_refuses(arguments: tuple[int, int, float], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        wilson(*arguments)


def test_published_leads_are_within_chance() -> None:
    """322 of 360 against 321: the intervals overlap almost in full."""
    best, second = wilson(322, 360), wilson(321, 360)
    assert best[0] < second[1]
    assert second[0] < best[1]
