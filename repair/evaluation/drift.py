"""Drift of a distribution: population stability index, and the chi-squared test of homogeneity.

Two figures, since each alone misleads: of many rows the smallest difference is significant, and of few rows
the index is large by chance. A distribution has drifted if the index says that the difference is large and
the test that it is none of chance.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import erfc, exp, lgamma, log, sqrt

SIGNIFICANT = 0.001
"""Below this p a difference is not by chance. Rows of one project resemble each other, so that p is rather
too small: hence a strict bound."""
LEAST_EXPECTED = 5
"""Cells of which fewer rows are expected are pooled: the test is not valid on them (Cochran's rule)."""
_TENTHS = 10
_SHOWN = 5

Counts = Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """How much a distribution differs from an earlier one."""

    index: float
    """Population stability index: below 0.1 the same for practical purposes, above 0.25 another one."""
    p: float
    """Of the chi-squared test: how likely so large a difference is by chance."""
    rows: int
    earlier_rows: int
    changes: Mapping[str, tuple[float, float]]
    """The categories that add most to the index, with their share earlier and now."""

    @classmethod
    def between(cls, earlier: Counts, now: Counts) -> "Drift":
        """From the rows by category."""
        categories = sorted(earlier.keys() | now.keys())
        before = [earlier.get(category, 0) for category in categories]
        after = [now.get(category, 0) for category in categories]
        parts = dict(zip(categories, stability_parts(before, after), strict=True))
        largest = sorted(parts, key=lambda category: (-parts[category], category))[:_SHOWN]
        rows, earlier_rows = sum(after), sum(before)
        shares = {
            category: (earlier.get(category, 0) / max(1, earlier_rows), now.get(category, 0) / max(1, rows))
            for category in largest
            if parts[category] > 0
        }
        return cls(
            index=sum(parts.values()),
            p=homogeneity(before, after),
            rows=rows,
            earlier_rows=earlier_rows,
            changes=shares,
        )

    def beyond(self, limit: float) -> bool:
        """Whether the index is above `limit`, and not by chance."""
        return self.index > limit and self.p < SIGNIFICANT

    def __str__(self) -> str:
        return (
            f"population stability index {self.index:.2f}, p = {self.p:.2g}"
            f" ({self.rows} rows, {self.earlier_rows} earlier)"
        )


def by_tenths(earlier: Sequence[int], now: Sequence[int]) -> tuple[Counter[str], Counter[str]]:
    """Both sets of numbers as counts by tenths of the earlier ones; ties make fewer and larger classes."""
    ordered = sorted(earlier)
    bounds = sorted(
        {ordered[len(ordered) * tenth // _TENTHS] for tenth in range(1, _TENTHS)} if ordered else ()
    )
    names = [f"below {bound}" for bound in bounds] + [f"from {bounds[-1]}" if bounds else "all"]

    def counts(values: Sequence[int]) -> Counter[str]:
        return Counter(names[bisect_right(bounds, value)] for value in values)

    return counts(earlier), counts(now)


def stability_parts(before: Sequence[int], after: Sequence[int]) -> list[float]:
    """The summands of the population stability index: (q - p) ln(q / p) for each category's shares p and q.

    Half a row is added to each category, so that an empty one counts and none divides by zero.
    """
    size = len(before) / 2
    p = [(count + 0.5) / (sum(before) + size) for count in before]
    q = [(count + 0.5) / (sum(after) + size) for count in after]
    return [(b - a) * log(b / a) for a, b in zip(p, q, strict=True)]


def homogeneity(before: Sequence[int], after: Sequence[int]) -> float:
    """p-value of Pearson's chi-squared test of two samples of one distribution; 1 where it can't tell."""
    cells = pooled(before, after)
    if len(cells) < 2:
        return 1.0
    rows = [sum(cell[side] for cell in cells) for side in (0, 1)]
    statistic = 0.0
    for cell in cells:
        for side in (0, 1):
            expected = sum(cell) * rows[side] / sum(rows)
            statistic += (cell[side] - expected) ** 2 / expected
    return chi_squared_tail(statistic, len(cells) - 1)


def pooled(before: Sequence[int], after: Sequence[int]) -> list[tuple[int, int]]:
    """The cells of the test: those with too few expected rows are added up, from the rarest on."""
    cells = sorted(
        (cell for cell in zip(before, after, strict=True) if sum(cell)), key=lambda cell: (sum(cell), cell)
    )
    smaller, total = min(sum(before), sum(after)), sum(before) + sum(after)
    while len(cells) > 1 and sum(cells[0]) * smaller < LEAST_EXPECTED * total:
        first, second, *rest = cells
        cells = sorted([(first[0] + second[0], first[1] + second[1]), *rest], key=_rarest_first)
    return cells


def _rarest_first(cell: tuple[int, int]) -> tuple[int, tuple[int, int]]:
    return sum(cell), cell


def chi_squared_tail(statistic: float, degrees: int) -> float:
    """The probability that chi-squared of `degrees` degrees of freedom is at least `statistic`.

    Exact, from its finite sum: of Poisson's terms for an even number of degrees, with the error function
    before them for an odd one.
    """
    if statistic <= 0:
        return 1.0
    half, odd = statistic / 2, degrees % 2
    powers = [step + odd / 2 for step in range((degrees - odd) // 2)]
    tail = sum(exp(power * log(half) - half - lgamma(power + 1)) for power in powers)
    return min(1.0, tail + (erfc(sqrt(half)) if odd else 0.0))
