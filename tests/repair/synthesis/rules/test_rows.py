"""Rows of code: masked strings, comments, and open brackets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.synthesis.rules.rows import indentation, masked, open_brackets, without_comment

ROWS = st.text("ab \t'\"\\#()[]{}:=,rf/", max_size=30)


@given(ROWS)
def test_a_masked_row_keeps_its_length_and_its_code(row: str) -> None:
    plain = masked(row)
    assert len(plain) == len(row)
    assert all(sign in ("_", own) for sign, own in zip(plain, row, strict=True))


@given(ROWS)
def test_code_and_comment_are_the_row(row: str) -> None:
    code, rest = without_comment(row)
    assert code + rest == row
    assert "#" not in masked(code)


@given(st.text("ab ()[]{}", max_size=20))
def test_what_is_open_can_be_closed(code: str) -> None:
    assert open_brackets(code + open_brackets(code)) == ""


@pytest.mark.parametrize(
    ("row", "plain", "brackets"),
    [
        ("print('a)', (1", "print(____, (1", "))"),
        ("f(r'\\', [x", "f(r'\\', [x", "])"),
        ("d = {'a': [1, 2]", "d = {___: [1, 2]", "}"),
        ("f(a])", "f(a])", ""),
    ],
)
def test_strings_are_no_code(row: str, plain: str, brackets: str) -> None:
    assert (masked(row), open_brackets(row)) == (plain, brackets)


def test_a_tab_is_eight_columns() -> None:
    assert [indentation(row) for row in ("a", "  a", "\ta", "  \ta")] == [0, 2, 8, 8]
