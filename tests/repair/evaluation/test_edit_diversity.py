"""Normalised edits and their entropy."""

from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.evaluation.edit_diversity import entropy, normalised, signed_lines


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


@given(st.lists(st.sampled_from("abc")))
def test_entropy_lies_between_one_kind_and_all_different(kinds: list[str]) -> None:
    assert 0 <= entropy(kinds) <= log2(max(1, len(set(kinds)))) + 1e-9
    assert entropy(kinds[:1] * 5) == 0
    assert entropy([str(n) for n in range(8)]) == 3
