"""Drift: the exact tail against numerical integration, the index against its definition, and chance."""

import math
import random
from collections import Counter

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.evaluation.drift import (
    LEAST_EXPECTED,
    Drift,
    by_tenths,
    chi_squared_tail,
    homogeneity,
    pooled,
    stability_parts,
)

COUNTS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=8)


@given(st.floats(1e-6, 5000), st.integers(1, 40))
def test_the_tail_is_the_regularized_incomplete_gamma_function(statistic: float, degrees: int) -> None:
    expected = float(mpmath.gammainc(degrees / 2, statistic / 2, mpmath.inf, regularized=True))
    assert chi_squared_tail(statistic, degrees) == pytest.approx(expected, rel=1e-9, abs=1e-300)


@pytest.mark.parametrize(
    ("statistic", "degrees", "p"),
    [(3.841, 1, 0.05), (5.991, 2, 0.05), (18.307, 10, 0.05), (31.41, 20, 0.05), (10.828, 1, 0.001)],
)
def test_the_tail_is_that_of_printed_tables(statistic: float, degrees: int, p: float) -> None:
    assert chi_squared_tail(statistic, degrees) == pytest.approx(p, rel=1e-3)


@given(COUNTS)
def test_the_index_is_its_definition_and_knows_no_direction(pairs: list[tuple[int, int]]) -> None:
    before, after = ([pair[side] for pair in pairs] for side in (0, 1))
    size = len(pairs)
    expected = 0.0
    for b, a in pairs:
        p, q = (b + 0.5) / (sum(before) + size / 2), (a + 0.5) / (sum(after) + size / 2)
        expected += (q - p) * (math.log(q) - math.log(p))
    index = sum(stability_parts(before, after))
    assert index == pytest.approx(expected, abs=1e-12)
    assert index == pytest.approx(sum(stability_parts(after, before)), abs=1e-12)
    assert index >= 0


@given(COUNTS)
def test_cells_are_pooled_until_each_is_expected_often_enough(pairs: list[tuple[int, int]]) -> None:
    before, after = ([pair[side] for pair in pairs] for side in (0, 1))
    cells = pooled(before, after)
    assert [sum(cell[side] for cell in cells) for side in (0, 1)] == [sum(before), sum(after)]
    total = sum(before) + sum(after)
    for cell in cells if len(cells) > 1 else ():
        assert min(sum(before), sum(after)) * sum(cell) / total >= LEAST_EXPECTED


def test_of_one_distribution_few_p_values_are_small() -> None:
    chance = random.Random(5)
    found = []
    for _ in range(300):
        before, after = (Counter(chance.choices("abcd", [8, 4, 2, 1], k=size)) for size in (200, 60))
        found.append(homogeneity([before[name] for name in "abcd"], [after[name] for name in "abcd"]))
    assert 0.02 < sum(p < 0.05 for p in found) / 300 < 0.09


@pytest.mark.parametrize(
    ("earlier", "now", "drifted"),
    [
        ({"a": 500, "b": 500}, {"a": 50, "b": 50}, False),
        ({"a": 500, "b": 500}, {"a": 90, "b": 10}, True),
        ({"a": 500, "b": 500}, {"a": 5, "b": 1}, False),  # large, and by chance
        ({"a": 50_000, "b": 50_000}, {"a": 26_000, "b": 24_000}, False),  # not by chance, and small
        ({"a": 500}, {"a": 70, "new": 30}, True),
        ({"a": 500, "gone": 300}, {"a": 100}, True),
        ({}, {"a": 10}, False),
        ({"a": 10}, {}, False),
    ],
)
def test_a_drift_is_large_and_none_of_chance(
    earlier: dict[str, int], now: dict[str, int], drifted: bool
) -> None:
    assert Drift.between(earlier, now).beyond(0.25) is drifted


def test_the_largest_change_comes_first() -> None:
    found = Drift.between({"a": 100, "b": 100, "c": 100}, {"a": 100, "b": 100, "c": 10})
    assert next(iter(found.changes)) == "c"
    assert found.changes["c"] == (1 / 3, 10 / 210)


@given(st.lists(st.integers(0, 30)), st.lists(st.integers(0, 30)))
def test_tenths_hold_every_number(earlier: list[int], now: list[int]) -> None:
    before, after = by_tenths(earlier, now)
    assert (before.total(), after.total()) == (len(earlier), len(now))
    assert len(before | after) <= 10


def test_tenths_of_different_numbers_are_equally_large() -> None:
    before, after = by_tenths(range(100), [0, 9, 10, 95, 1000])
    assert set(before.values()) == {10}
    assert after == {"below 10": 2, "below 20": 1, "from 90": 2}
