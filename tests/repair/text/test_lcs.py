"""Longest common subsequence: the ranges are complete, separate, and minimal."""

import random
from bisect import bisect_left

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repair.text.lcs import ChangedRange, changes


def longest_common(old: list[str], new: list[str]) -> int:
    """The textbook's table, one row at a time."""
    row = [0] * (len(new) + 1)
    for line in old:
        above, row = row, [0]
        for j, other in enumerate(new):
            row.append(above[j] + 1 if line == other else max(above[j + 1], row[j]))
    return row[-1]


def longest_rising(numbers: list[int]) -> int:
    """Patience sorting: the longest common subsequence of a permutation and the sorted sequence."""
    tops: list[int] = []
    for number in numbers:
        index = bisect_left(tops, number)
        tops[index : index + 1] = [number]
    return len(tops)


def signed(found: list[ChangedRange]) -> int:
    return sum(c.old_end - c.old_start + c.new_end - c.new_start for c in found)


def assert_complete(old: list[str], new: list[str], found: list[ChangedRange]) -> None:
    """What lies between the runs is equal and never empty."""
    i = j = 0
    for index, change in enumerate(found):
        kept, also_kept = old[i : change.old_start], new[j : change.new_start]
        assert kept == also_kept
        assert kept or index == 0
        assert change.old_end > change.old_start or change.new_end > change.new_start
        i, j = change.old_end, change.new_end
    assert old[i:] == new[j:]


# Few different lines: long ties between alignments. Many: lines that only one side has.
sequences = st.sampled_from(["ab", "abc", "abcdefghijkl"]).flatmap(
    lambda letters: st.tuples(*[st.lists(st.sampled_from(letters), max_size=40)] * 2)
)


@settings(deadline=None)
@given(sequences)
def test_as_few_lines_as_the_textbook_finds(pair: tuple[list[str], list[str]]) -> None:
    old, new = pair
    found = changes(old, new)
    assert_complete(old, new, found)
    assert signed(found) == len(old) + len(new) - 2 * longest_common(old, new)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("", "", []),
        ("abc", "abc", []),
        ("", "ab", [(0, 0, 0, 2)]),
        ("ab", "", [(0, 2, 0, 0)]),
        ("axb", "ayb", [(1, 2, 1, 2)]),
        ("aab", "aaab", [(2, 2, 2, 3)]),  # the new one of equal lines is the last one
        ("abcd", "xbcy", [(0, 1, 0, 1), (3, 4, 3, 4)]),
        # difflib takes the longest block first ("cd") and so keeps two lines where three can stay
        ("abxcd", "cdabx", [(0, 0, 0, 2), (3, 5, 5, 5)]),
    ],
)
def test_runs(old: str, new: str, expected: list[tuple[int, int, int, int]]) -> None:
    assert changes(list(old), list(new)) == expected


@pytest.mark.parametrize("size", [1, 2, 63, 1000, 5000])
def test_a_file_in_another_order_is_aligned_in_full(size: int) -> None:
    """Every line is on both sides and nothing can be cut off: the most that a file of that size can cost."""
    order = list(range(size))
    random.Random(size).shuffle(order)
    old, new = [str(number) for number in order], [str(number) for number in range(size)]
    found = changes(old, new)
    assert_complete(old, new, found)
    assert signed(found) == 2 * (size - longest_rising(order))


def test_lines_that_occur_often_and_lines_that_do_not() -> None:
    """Masks of frequent lines are kept, those of rare ones are not: both in one file."""
    chance = random.Random(3)
    old, new = ([chance.choice(["", "", "}", str(chance.randrange(300))]) for _ in range(600)] for _ in "ab")
    found = changes(old, new)
    assert_complete(old, new, found)
    assert signed(found) == len(old) + len(new) - 2 * longest_common(old, new)


def test_a_table_that_is_too_large_is_not_made() -> None:
    old = ["first", *("ab"[i % 2] for i in range(60_000)), "last"]
    new = ["first", *("ba"[i % 3 % 2] for i in range(60_000)), "last"]
    [changed] = changes(old, new)
    assert changed.old_end - changed.old_start > 59_000
