"""Syntax trees of other people's texts: silent, and None for what is no Python."""

import ast
import warnings
from math import inf

import pytest

from repair.text.python_syntax import first_error, tree_of

DEEP = f"a = {'(' * 50}1{')' * 50}\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a = 1\nb = 2\n", inf),
        ("\ufeffa = 1\n", inf),
        ("", inf),
        ("a = 1\nb = = 2\nc =\n", 2),
        ("a = '\0'\n", 0),
        ("a = '\ud800'\n", 0),
        ("(" * 100_000, 1),
        (f"a = {'+'.join('1' * 100_000)}\n", 0),
        (DEEP, inf),
    ],
)
def test_what_is_no_python_has_no_tree(text: str, line: float) -> None:
    assert first_error(text) == line
    assert (tree_of(text) is not None) == (line == inf)


@pytest.mark.parametrize("text", ["a = '\\d'\n", "a = 1if 2else 3\n", "a = 1 is 1\n"])
def test_what_the_parser_warns_of_is_read_without_a_word(text: str) -> None:
    with warnings.catch_warnings(action="error"):
        assert ast.dump(tree_of(text) or ast.Module([], [])) != ast.dump(ast.Module([], []))
