"""Intervals and tests of significance, against published values and plain enumeration."""

from collections.abc import Callable
from fractions import Fraction
from itertools import combinations, product
from math import comb
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from repair.evaluation.intervals import (
    holm,
    mcnemar_exact,
    mcnemar_worse,
    newcombe,
    pass_at_k,
    prediction_interval,
    quantile,
    quantile_interval,
    student_t,
    wilson,
)


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
        ((float("nan"), 10), "nan successes of 10"),
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


@settings(deadline=None)
@given(st.integers(1, 50), st.data())
def test_wilson_of_fractions_lies_between_those_of_whole_successes(n: int, data: st.DataObject) -> None:
    successes = data.draw(st.floats(0, n))
    low, high = wilson(successes, n)
    assert wilson(int(successes), n)[0] <= low + 1e-12
    assert high - 1e-12 <= wilson(min(n, int(successes) + 1), n)[1]
    assert 0 <= low <= successes / n + 1e-12
    assert successes / n - 1e-12 <= high <= 1


def test_mcnemar_published() -> None:
    # Agresti's approval ratings (150 and 86 changed their minds), exact p as R's exact2x2 documents it
    assert mcnemar_exact(86, 150) == pytest.approx(3.716e-05, abs=5e-9)


@pytest.mark.parametrize("b", range(6))
@pytest.mark.parametrize("c", range(6))
def test_mcnemar_is_the_share_of_sign_patterns_as_uneven(b: int, c: int) -> None:
    """Without a difference each discordant sample is a fair coin: all outcomes, one by one."""
    patterns = list(product((1, -1), repeat=b + c))
    uneven = sum(abs(sum(pattern)) >= abs(b - c) for pattern in patterns)
    assert mcnemar_exact(b, c) == float(Fraction(uneven, len(patterns)))
    worse = sum(sum(pattern) >= b - c for pattern in patterns)
    assert mcnemar_worse(b, c) == float(Fraction(worse, len(patterns)))


@pytest.mark.parametrize(
    ("lost", "won", "p"),
    [(0, 0, 1.0), (4, 0, 1 / 16), (5, 0, 1 / 32), (0, 5, 1.0), (9, 1, 11 / 1024), (7, 7, 0.60473633)],
)
def test_the_one_sided_test_asks_whether_more_was_lost(lost: int, won: int, p: float) -> None:
    assert mcnemar_worse(lost, won) == pytest.approx(p)


def test_mcnemar_of_many_samples() -> None:
    assert mcnemar_exact(5000, 5000) == 1.0
    assert 0 < mcnemar_exact(4500, 5500) < 1e-20
    assert mcnemar_exact(0, 2000) == 0.0  # smaller than any float
    assert mcnemar_worse(0, 2000) == 1.0


@pytest.mark.parametrize("counts", [(-1, 2), (2, -1)])
@pytest.mark.parametrize("test", [mcnemar_exact, mcnemar_worse])
def test_mcnemar_refuses(test: Callable[[int, int], float], counts: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="none below 0"):
        test(*counts)


@pytest.mark.parametrize(
    ("p_values", "adjusted"),
    [
        ([], []),
        ([0.03], [0.03]),
        # R: p.adjust(c(0.01, 0.02, 0.03, 0.04), "holm") and p.adjust(c(0.04, 0.01, 0.03), "holm")
        ([0.01, 0.02, 0.03, 0.04], [0.04, 0.06, 0.06, 0.06]),
        ([0.04, 0.01, 0.03], [0.06, 0.03, 0.06]),
        ([0.5, 0.5, 1.0], [1.0, 1.0, 1.0]),
    ],
)
def test_holm_published(p_values: list[float], adjusted: list[float]) -> None:
    assert holm(p_values) == pytest.approx(adjusted)


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_lies_between_no_correction_and_bonferroni_and_keeps_the_order(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    for p, corrected in zip(p_values, adjusted, strict=True):
        assert p <= corrected <= 1
    if p_values:
        assert min(adjusted) == pytest.approx(min(1.0, min(p_values) * len(p_values)))
    ordered = [corrected for _, corrected in sorted(zip(p_values, adjusted, strict=True))]
    assert ordered == sorted(ordered)


@settings(deadline=None)
@given(st.integers(1, 7).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
def test_pass_at_k_is_the_share_of_draws_with_a_right_answer(counts: tuple[int, int, int]) -> None:
    n, c, k = counts
    draws = list(combinations([True] * c + [False] * (n - c), k))
    assert pass_at_k(n, c, k) == pytest.approx(sum(map(any, draws)) / len(draws), abs=1e-12)


@pytest.mark.parametrize(
    ("n", "c", "k", "value"),
    [
        (1, 0, 1, 0.0),
        (1, 1, 1, 1.0),
        (200, 10, 1, 0.05),
        (200, 1, 100, 0.5),
        (5, 3, 3, 1.0),  # two wrong ones only
    ],
)
def test_pass_at_k_known(n: int, c: int, k: int, value: float) -> None:
    assert pass_at_k(n, c, k) == pytest.approx(value)


def test_pass_at_k_of_many_answers_is_exact() -> None:
    """The binomials themselves would have 300 digits."""
    n, c, k = 1000, 37, 100
    exact = 1 - Fraction(comb(n - c, k), comb(n, k))
    assert pass_at_k(n, c, k) == pytest.approx(float(exact), rel=1e-12)


@pytest.mark.parametrize(
    ("counts", "says"),
    [
        ((0, 0, 1), "pass@1 of 0"),
        ((3, 4, 1), "4 right answers of 3"),
        ((3, -1, 1), "-1 right"),
        ((3, 1, 0), "pass@0 of 3"),
        ((3, 1, 4), "pass@4 of 3"),
    ],
)
def test_pass_at_k_refuses(counts: tuple[int, int, int], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        pass_at_k(*counts)


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        # Newcombe (1998), Interval estimation for the difference, table II, method 10
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((5, 56), (0, 29), -0.0381, 0.1926),
    ],
)
def test_newcombe_published(first: tuple[int, int], second: tuple[int, int], low: float, high: float) -> None:
    assert newcombe(first, second) == pytest.approx((low, high), abs=5e-5)
    assert newcombe(second, first) == pytest.approx((-high, -low), abs=5e-5)


def test_newcombe_refuses_no_trials() -> None:
    with pytest.raises(ValueError, match="no trials"):
        newcombe((0, 0), (1, 2))


@pytest.mark.parametrize(
    ("values", "q", "value"),
    [([3.0], 0.5, 3.0), ([1, 2, 3, 4], 0.5, 2), ([1, 2, 3, 4], 0.95, 4), (list(range(1, 21)), 0.95, 19)],
)
def test_quantile(values: list[float], q: float, value: float) -> None:
    assert quantile(values[::-1], q) == value


@pytest.mark.parametrize(("values", "q"), [([], 0.5), ([1.0], 0.0), ([1.0], 1.5)])
def test_quantile_refuses(values: list[float], q: float) -> None:
    with pytest.raises(ValueError, match="quantile"):
        quantile(values, q)


@pytest.mark.parametrize(
    ("n", "q", "ranks"),
    [
        # Conover, Practical nonparametric statistics: ranks of the median's interval
        (5, 0.5, (None, None)),
        (6, 0.5, (1, 6)),
        (10, 0.5, (2, 9)),
        (20, 0.5, (6, 15)),
        (100, 0.5, (40, 61)),
        (20, 0.95, (17, None)),
    ],
)
def test_quantile_interval_is_between_order_statistics(
    n: int, q: float, ranks: tuple[int | None, ...]
) -> None:
    assert quantile_interval(list(range(n, 0, -1)), q) == ranks


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 60), st.sampled_from([0.5, 0.75, 0.95]))
@example(2000, 0.95)  # where the powers underflow
def test_quantile_interval_covers_by_the_exact_binomial(n: int, q: float) -> None:
    share = Fraction(str(q))
    below = [Fraction(0)]  # below[r]: the probability that fewer than r of the values lie below the quantile
    for k in range(n + 1):
        below.append(below[-1] + comb(n, k) * share**k * (1 - share) ** (n - k))
    lows = [rank for rank in range(1, n + 1) if below[rank] <= Fraction("0.025")]
    highs = [rank for rank in range(1, n + 1) if below[rank] >= Fraction("0.975")]
    expected = (max(lows, default=None), min(highs, default=None))
    assert quantile_interval(list(range(1, n + 1)), q) == expected


def test_quantile_interval_of_nothing() -> None:
    assert quantile_interval([], 0.5) == (None, None)


@pytest.mark.parametrize(
    ("degrees", "confidence", "t"),
    [
        # the usual table, as of Abramowitz and Stegun (1964), 26.10
        (1, 0.95, 12.706),
        (2, 0.95, 4.303),
        (3, 0.99, 5.841),
        (4, 0.9, 2.132),
        (5, 0.95, 2.571),
        (30, 0.95, 2.042),
        (120, 0.99, 2.617),
    ],
)
def test_student_t_published(degrees: int, confidence: float, t: float) -> None:
    assert student_t(degrees, confidence) == pytest.approx(t, abs=5e-4)


@pytest.mark.parametrize("n", [2, 3, 8])
def test_a_prediction_interval_covers_a_further_value_as_often_as_it_says(n: int) -> None:
    draw = Random(n)
    covered = 0
    for _ in range(2_000):
        *values, further = (draw.gauss(5, 3) for _ in range(n + 1))
        low, high = prediction_interval(values, 0.8)
        covered += low <= further <= high
    low, high = wilson(covered, 2_000, 0.999)
    assert low < 0.8 < high


@pytest.mark.parametrize(("values", "confidence"), [([1.0], 0.95), ([1.0, 2.0], 1.0)])
def test_a_prediction_interval_refuses(values: list[float], confidence: float) -> None:
    with pytest.raises(ValueError, match="expected two"):
        prediction_interval(values, confidence)
