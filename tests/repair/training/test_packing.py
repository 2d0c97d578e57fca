"""Bin packing against a plain first-fit-decreasing oracle."""

import pickle
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.training.packing import PackingError, pack
from tests.cpu_time import cpu_bound


def first_fit_decreasing(lengths: list[int], capacity: int) -> int:
    """The number of bins, by the definition."""
    rooms: list[int] = []
    for length in sorted(lengths, reverse=True):
        for number, room in enumerate(rooms):
            if room >= length:
                rooms[number] -= length
                break
        else:
            rooms.append(capacity - length)
    return len(rooms)


@st.composite
def packings(draw: st.DrawFn) -> tuple[list[int], int]:
    capacity = draw(st.integers(1, 60))
    return draw(st.lists(st.integers(1, capacity), max_size=60)), capacity


@given(packings())
def test_bins_are_valid_and_no_more_than_the_oracle_needs(case: tuple[list[int], int]) -> None:
    lengths, capacity = case
    bins = pack(lengths, capacity)
    assert sorted(index for row in bins for index in row) == list(range(len(lengths)))
    assert all(row and sum(lengths[index] for index in row) <= capacity for row in bins)
    assert len(bins) <= first_fit_decreasing(lengths, capacity)
    assert pack(lengths, capacity) == bins


def test_where_the_best_fit_is_the_worse_one_the_first_fit_is_taken() -> None:
    # found by search: best-fit decreasing needs a bin more than first-fit decreasing
    worse: list[tuple[list[int], int]] = []
    rng = random.Random(0)
    from repair.training import packing

    while not worse:
        capacity = rng.randint(30, 60)
        lengths = [rng.randint(3, capacity // 2) for _ in range(rng.randint(10, 30))]
        order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
        runs = [(lengths[index], [index]) for index in order]
        if len(packing._best_fit(runs, capacity)) > first_fit_decreasing(lengths, capacity):
            worse.append((lengths, capacity))
    for lengths, capacity in worse:
        assert len(pack(lengths, capacity)) == first_fit_decreasing(lengths, capacity)


@pytest.mark.parametrize("length", [0, -1, 11])
def test_a_length_that_no_bin_can_hold_is_refused_with_its_index(length: int) -> None:
    with pytest.raises(PackingError, match=r"sample 2 has length") as caught:
        pack([10, 1, length], 10)
    assert caught.value.reason == "does_not_fit"
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.parametrize(
    ("lengths", "bins"),
    [
        ([], 0),  # nothing to pack
        ([10, 10, 10], 3),  # each fills a bin by itself
        ([6, 4, 5, 5, 1], 3),  # two full bins and the rest: 21 do not fit into two bins of 10
        ([7, 6, 3, 4], 2),  # a short one goes where it leaves nothing over
    ],
)
def test_small_packings_are_the_fewest(lengths: list[int], bins: int) -> None:
    assert len(pack(lengths, 10)) == bins


def test_a_hundred_thousand_lengths_are_packed_in_seconds_and_almost_without_room_left() -> None:
    rng = random.Random(1)
    lengths = [min(4096, max(1, round(rng.lognormvariate(6, 0.5)))) for _ in range(100_000)]
    with cpu_bound(5):
        bins = pack(lengths, 4096)
    assert sum(lengths) / (4096 * len(bins)) > 0.99
