"""Normalised edits and their entropy."""

from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.evaluation.edit_diversity import changed_tokens, entropy, normalised, signed_lines, spread


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("-3 return widht\n+3 return width", "-9     return hieght\n+9     return height", True),
        ("-3 f(a, b)\n+3 f(a)", "-4 g(x, y)\n+4 g(x)", True),
        ("-3 f(a, b)\n+3 f(a)", "-4 g(x, x)\n+4 g(x)", False),  # the same name twice is another kind
        ("-1 x = 'a'\n+1 x = 'b'", '-1 y = f"c d"\n+1 y = "e"', True),  # texts are one sign
        ("-1 x = 1\n+1 x = 2.5e3", "-1 x = 0x1\n+1 x = 7", True),
        ("-1 if x\n+1 if x:", "-1 while x\n+1 while x:", False),  # keywords stay
        ("-1 a", "+1 a", False),
        ("-1 naïve = 1\n+1 naive = 1", "-1 a = 1\n+1 b = 1", True),
        ("-1 x = 'never closed\n+1 x = 'closed'", '-1 y = "open\n+1 y = "shut"', True),
    ],
)
def test_edits_that_differ_in_names_alone_are_of_one_kind(one: str, other: str, same: bool) -> None:
    assert (normalised(one) == normalised(other)) is same


def test_signed_lines_are_counted() -> None:
    assert signed_lines("-1 a\n-2 b\n+1 c") == 3
    assert signed_lines("") == 0


def test_a_diff_of_several_files_is_one_edit() -> None:
    one = "-1 a = b\n+1 a = c\n#other.py\n+1 c = 1"
    assert signed_lines(one) == 3
    assert (
        normalised(one)
        == normalised("-7 x = y\n+7 x = z\n#a/b.py\n+4 z = 2")
        == ("-_0 = _1\n+_0 = _2\n+_2 = 0")
    )


@given(st.lists(st.sampled_from("abc")))
def test_entropy_lies_between_one_kind_and_all_different(kinds: list[str]) -> None:
    assert 0 <= entropy(kinds) <= log2(max(1, len(set(kinds)))) + 1e-9
    assert entropy(kinds[:1] * 5) == 0
    assert entropy([str(n) for n in range(8)]) == 3


@pytest.mark.parametrize(
    ("original", "repaired", "expected"),
    [
        ("if a\n", "if a:\n", " -> :"),
        ("while b == 1\n", "while b == 1:\n", " -> :"),
        ("return widht\n", "return width\n", "_0 -> _1"),
        ("f(a, b\n", "f(c, b)\n", "_0 -> _1\n -> )"),
        ("a\n", "a\n", ""),
    ],
)
def test_changed_tokens_are_a_kind_without_the_line_around_them(
    original: str, repaired: str, expected: str
) -> None:
    assert changed_tokens({"a.py": original}, {"a.py": repaired}) == expected


def test_the_spread_of_two_systems_on_the_same_samples() -> None:
    pairs = [("a", "a"), ("a", "b"), ("a", "c"), ("b", "d")]
    found = spread(pairs, seed=1)
    assert (found.samples, found.distinct, found.same) == (4, (2, 4), 1)
    assert found.entropy == (pytest.approx(0.8113, abs=1e-4), 2)
    assert found.commonest == (0.75, 0.25)
    assert found == spread(pairs, seed=1)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1, max_size=20))
def test_a_spread_turned_round_is_its_mirror(pairs: list[tuple[str, str]]) -> None:
    one, other = spread(pairs, seed=3, draws=41), spread([(b, a) for a, b in pairs], seed=3, draws=41)
    assert (one.distinct, one.entropy, one.commonest) == (
        other.distinct[::-1],
        other.entropy[::-1],
        other.commonest[::-1],
    )
    assert one.interval == pytest.approx((-other.interval[1], -other.interval[0]))
    assert one.interval[0] <= one.interval[1]


def test_the_interval_tells_a_collapsed_system_from_a_diverse_one_and_equal_ones_not() -> None:
    collapsed = spread([("same", f"own {number % 40}") for number in range(200)], seed=1)
    assert collapsed.interval[1] < -4
    equal = spread([(f"{number * number % 11}", f"{number**3 % 11}") for number in range(200)], seed=1)
    assert equal.interval[0] < 0.5
    assert spread([("a", "a")] * 9, seed=1).interval == (0, 0)
