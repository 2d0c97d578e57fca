"""Ranks are pinned: another value would draw other samples and move projects between splits."""

import hashlib
import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from repair.text.stable_hash import fraction, rank, rank_column


def test_ranks_are_what_they_were() -> None:
    assert rank(17, "a") == "4424ffc2681e20ba916108f4df35484475fc4d35316ac27de5d6e5b454de9580"
    assert fraction(17, "a") == 0.26618956085450707
    assert rank_column(17, np.array([0, 1, 2**64 - 1], np.uint64)).tolist() == [
        16864045517248396062,
        12383612017564663293,
        11880817689583131644,
    ]


@given(seed=st.integers(), parts=st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_a_rank_is_the_digest_of_seed_and_parts(seed: int, parts: list[str]) -> None:
    digest = hashlib.sha256("\0".join([str(seed), *parts]).encode()).digest()
    assert rank(seed, *parts) == digest.hex()
    assert fraction(seed, *parts) == int.from_bytes(digest[:8], "big") / 2**64


def test_another_seed_is_another_order() -> None:
    names = [str(number) for number in range(200)]
    bits = np.arange(200, dtype=np.uint64)
    orders = [sorted(names, key=lambda name, seed=seed: rank(seed, name)) for seed in range(3)]
    columns = [np.argsort(rank_column(seed, bits)).tolist() for seed in range(3)]
    for first, second in [*itertools.combinations(orders, 2), *itertools.combinations(columns, 2)]:
        assert first != second
        assert sorted(first) == sorted(second)


def test_fractions_are_spread_evenly() -> None:
    drawn = sorted(fraction(3, str(number)) for number in range(10_000))
    assert all(abs(place - number / 10_000) < 0.02 for number, place in enumerate(drawn))
