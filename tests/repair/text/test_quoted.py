"""Closed strings, against the regular expression that says the same in quadratic time."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repair.text.quoted import closed_strings
from tests.cpu_time import cpu_bound

SINGLE = r"'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\""
PLAIN = re.compile(SINGLE, re.DOTALL)
WITH_TRIPLE = re.compile(rf"'''.*?'''|\"\"\".*?\"\"\"|{SINGLE}", re.DOTALL)


@settings(max_examples=1_500, deadline=None)
@given(st.text("'\"\\\na ", max_size=30), st.booleans())
def test_the_strings_are_those_of_the_expression(text: str, triple: bool) -> None:
    expected = [found.span() for found in (WITH_TRIPLE if triple else PLAIN).finditer(text)]
    assert list(closed_strings(text, triple=triple)) == expected


@pytest.mark.parametrize("part", ["\\'\\\n", "\\\"\\'", "'''", '"""\\', "'\n", "\\\\'\\"])
def test_endless_quotes_take_linear_time(part: str) -> None:
    with cpu_bound(5):
        list(closed_strings("'" + part * 200_000))
        list(closed_strings(part * 200_000, triple=False))
