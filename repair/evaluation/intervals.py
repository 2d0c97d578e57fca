"""Confidence and prediction intervals, McNemar's exact and the two-proportion test, Holm's correction,
unbiased pass@k.

They say how much of a rate, or of the difference between two systems on the same samples, may be chance.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, cos, exp, lgamma, log, log1p, pi, prod, sin, sqrt, tan
from statistics import NormalDist, mean, stdev


def wilson(successes: float, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson score interval (1927, without continuity correction) of a proportion: (low, high) in 0 to 1.

    With no trials nothing is known: (0, 1). `successes` may be a sum of values between 0 and 1, such as
    estimates of pass@k: their variance is at most that of a proportion with their mean, so that the interval
    is rather too wide.

    Raises:
        ValueError: not 0 <= successes <= n, or not 0 < confidence < 1.
    """
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n}: expected 0 <= successes <= n")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence}: expected a number between 0 and 1, such as 0.95")
    if n == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    rate = successes / n
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    # Exact at the ends, where rounding would leave the interval slightly off 0 or 1.
    return (
        0.0 if successes == 0 else max(0.0, centre - half),
        1.0 if successes == n else min(1.0, centre + half),
    )


@dataclass(frozen=True, slots=True)
class Share:
    """A proportion, `successes` of `samples`, with its 95 % Wilson interval."""

    successes: float
    """A sum of estimates between 0 and 1 may stand for a count."""
    samples: int

    @classmethod
    def of(cls, successes: float, samples: int) -> "Share | None":
        """The share; None where there is no sample."""
        return cls(successes, samples) if samples else None

    @property
    def value(self) -> float:
        return self.successes / self.samples

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.successes, self.samples)

    def text(self) -> str:
        low, high = self.interval
        return f"{100 * self.value:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def newcombe(first: tuple[float, int], second: tuple[float, int]) -> tuple[float, float]:
    """95 % interval of the difference of two proportions on different samples (Newcombe 1998, method 10).

    Each is (successes, n) with n above 0; the difference is the first less the second, in -1 to 1.

    Raises:
        ValueError: not 0 <= successes <= n, or n is 0.
    """
    if not first[1] or not second[1]:
        raise ValueError("the difference to a proportion of no trials: expected some of both")
    p, q = first[0] / first[1], second[0] / second[1]
    (p_low, p_high), (q_low, q_high) = wilson(*first), wilson(*second)
    below, above = sqrt((p - p_low) ** 2 + (q_high - q) ** 2), sqrt((p_high - p) ** 2 + (q - q_low) ** 2)
    return max(-1.0, p - q - below), min(1.0, p - q + above)


def two_proportions(first: tuple[float, int], second: tuple[float, int]) -> float:
    """Two-sided p-value of the two-proportion z-test (pooled) for (successes, n) on different samples.

    It is an approximation for some ten samples and more of each; where both are all or none it is 1.

    Raises:
        ValueError: n is 0.
    """
    if not first[1] or not second[1]:
        raise ValueError("the difference to a proportion of no trials: expected some of both")
    pooled = (first[0] + second[0]) / (first[1] + second[1])
    deviation = sqrt(pooled * (1 - pooled) * (1 / first[1] + 1 / second[1]))
    if not deviation:
        return 1.0
    z = abs(first[0] / first[1] - second[0] / second[1]) / deviation
    return 2 * (1 - NormalDist().cdf(z))


def prediction_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """Prediction interval of a further value of the normal distribution that made the values: (low, high).

    So far one more training of a model, with another seed, may lie from those that were made.

    Raises:
        ValueError: there are fewer than two values, or not 0 < confidence < 1.
    """
    if len(values) < 2 or not 0 < confidence < 1:
        raise ValueError(f"{len(values)} values at a confidence of {confidence}: expected two, and 0 to 1")
    half = student_t(len(values) - 1, confidence) * stdev(values) * sqrt(1 + 1 / len(values))
    return mean(values) - half, mean(values) + half


def student_t(degrees: int, confidence: float) -> float:
    """What Student's t stays below, in absolute value, with the probability `confidence`.

    By bisection of the finite series (Abramowitz and Stegun 1964, 26.7.3 and 26.7.4).
    """
    low, high = 0.0, pi / 2  # of the angle whose tangent is t / sqrt(degrees)
    while low < (angle := (low + high) / 2) < high:
        low, high = (angle, high) if _within_t(degrees, angle) < confidence else (low, angle)
    return tan(low) * sqrt(degrees)


def _within_t(degrees: int, angle: float) -> float:
    odd = degrees % 2
    term = cos(angle) if odd else 1.0
    total = 0.0
    for power in range(odd, degrees - 1, 2):
        total += term
        term *= (power + 1) / (power + 2) * cos(angle) ** 2
    return 2 / pi * (angle + sin(angle) * total) if odd else sin(angle) * total


def quantile(values: Sequence[float], q: float) -> float:
    """The value below or at which a share `q` of the values lie (nearest rank).

    Raises:
        ValueError: there is no value, or not 0 < q <= 1.
    """
    if not values or not 0 < q <= 1:
        raise ValueError(f"quantile {q} of {len(values)} values: expected some, and 0 < q <= 1")
    return sorted(values)[_rank(q, len(values)) - 1]


def _rank(q: float, n: int) -> int:
    return max(1, ceil(Fraction(str(q)) * n))  # 0.95 of 20 is 19, not a little more


def quantile_interval(values: Sequence[float], q: float) -> tuple[float | None, float | None]:
    """95 % interval of a quantile from order statistics, whatever the distribution: (low, high).

    None where the values do not bound it: 20 of them say nothing of how high the 95th percentile may be.
    """
    n, ordered = len(values), sorted(values)
    low = high = None
    before = 0.0  # the probability that fewer than `rank` of them lie below the quantile
    for rank in range(n):
        after = before + _binomial(n, rank, q)
        if rank and before <= 0.025:
            low = ordered[rank - 1]
        if high is None and after >= 0.975:
            high = ordered[rank]
        before = after
    return (ordered[-1] if n and before <= 0.025 else low), high


def _binomial(n: int, k: int, p: float) -> float:
    """The probability of k successes in n trials, by logarithms: for many trials the powers underflow."""
    chosen = lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
    return exp(chosen + k * log(p) + (n - k) * log1p(-p))


def mcnemar_exact(b: int, c: int) -> float:
    """Two-sided p-value of McNemar's exact test for two systems judged on the same samples.

    `b` samples only the first system solved, `c` only the second; those that both or neither solved do not
    count. If both are 0 the p-value is 1.

    Raises:
        ValueError: a count is negative.
    """
    return min(1.0, float(2 * _tail(b, c, min(b, c))))


def mcnemar_worse(lost: int, won: int) -> float:
    """One-sided p-value of McNemar's exact test that a system is worse than an earlier one.

    `lost` samples only the earlier system solved, `won` only the later one. The p-value is the probability
    that as few or fewer are won by chance, were both equally good.

    Raises:
        ValueError: a count is negative.
    """
    return float(_tail(lost, won, won))


def _tail(b: int, c: int, at_most: int) -> Fraction:
    """The probability of at most `at_most` heads of b + c fair coins."""
    if b < 0 or c < 0:
        raise ValueError(f"counts {b} and {c}: expected none below 0")
    n = b + c
    tail = outcomes = 1  # n over k, summed up
    for k in range(at_most):
        outcomes = outcomes * (n - k) // (k + 1)
        tail += outcomes
    return Fraction(tail, 2**n)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction (1979): the adjusted p-values of a family of tests, in their order.

    Whoever calls those below 0.05 significant is wrong about any of the family in 5 % of all families.
    """
    adjusted = [1.0] * len(p_values)
    highest = 0.0
    for step, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - step) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def pass_at_k(n: int, c: int, k: int) -> float:
    """pass@k, the unbiased estimator (Chen et al. 2021, HumanEval): 1 - C(n - c, k) / C(n, k).

    The probability that at least one of `k` answers is right, from `n` answers to one sample of which `c`
    are right.

    Raises:
        ValueError: not 0 <= c <= n, or not 1 <= k <= n.
    """
    if not 0 <= c <= n:
        raise ValueError(f"{c} right answers of {n}: expected 0 <= right <= answers")
    if not 1 <= k <= n:
        raise ValueError(f"pass@{k} of {n} answers: expected 1 <= k <= answers")
    if n - c < k:
        return 1.0  # too few wrong ones to draw only those
    # The quotient of the two binomials as a product of factors below 1: no large number, nothing cancels.
    return 1.0 - prod(1.0 - k / i for i in range(n - c + 1, n + 1))
