"""Exact match: what it ignores, what it compares, and code that does not parse."""

import ast
import sys
import warnings
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repair.evaluation.metrics import ast_match, ast_or_string_match


@pytest.mark.parametrize(
    ("prediction", "target"),
    [
        ("x = 1", "x = 1"),
        ("x=1 # one\n\n\n", "x = (1)\n"),  # layout, comments, superfluous parentheses
        ("f('a', b)", 'f(\n    "a",\n    b,\n)\n'),
        ("x = 0x10", "x = 16"),
        ("x = 'a' 'b'", "x = 'ab'"),
        ("if a:\n  b", "if a:\r\n\tb"),
        ("x = 1 # type: int", "x = 1"),  # type comments are comments
        ("", "# nothing\n"),
        ("'\\d'", "'\\\\d'"),  # an invalid escape is read with a warning
    ],
)
def test_the_same_program(prediction: str, target: str) -> None:
    assert ast_match(prediction, target)
    assert ast_or_string_match(prediction, target)


@pytest.mark.parametrize(
    ("prediction", "target"),
    [
        ("x = 1", "x = 2"),
        ("x = 1", "y = 1"),
        ("x = 1", "x = 1.0"),  # equal to ==, another program
        ("x = 1", "x = True"),
        ("x = 'a'", "x = b'a'"),
        ("a < b", "a <= b"),
        ("f(a, b)", "f(b, a)"),
        ("f(a)", "f(a, b)"),
        ("x: int", "x: int = 1"),
        ('def f():\n  "what"\n  g()', "def f():\n  g()"),  # a docstring is part of the program
        ("x = a", "x = (a,)"),
        ("if a:\n  b\nelse:\n  c", "if a:\n  b"),
        ("def f(a, /): pass", "def f(a): pass"),
        ("import a.b", "import a.b as a"),
        ("from . import a", "from .. import a"),
        ("", "pass"),
    ],
)
def test_another_program(prediction: str, target: str) -> None:
    assert not ast_match(prediction, target)
    assert not ast_match(target, prediction)
    assert not ast_or_string_match(prediction, target)


@pytest.mark.parametrize(
    "source",
    [
        "def f(:\n",
        "x = 'a\n",
        "  x = 1",
        "x = 1\0",  # ValueError or SyntaxError, by version
        "x = '\ud800'",  # can't be encoded
        "x = " + "9" * 5000,  # more digits than int() reads
        "(" * 1000 + ")" * 1000,  # the parser's own stack
        "-" * 100_000 + "1",
        "1" + "+1" * 100_000,
        "x" + ".a" * 50_000,
        "[" * 10_000,
    ],
)
def test_what_does_not_parse_matches_as_a_string_only(source: str) -> None:
    assert not ast_match(source, source)
    assert not ast_match(source, "x = 1")
    assert not ast_match("x = 1", source)
    assert ast_or_string_match(source, source)
    assert not ast_or_string_match(source, source + " ")


def test_a_deep_program_is_compared_in_full() -> None:
    """`ast.dump` would need a frame for each of the levels."""
    terms = "1" + " + 1" * 900
    assert ast_match(terms, terms.replace(" ", ""))
    assert not ast_match("2" + terms[1:], terms)


def test_no_warning_gets_out_even_where_warnings_are_errors() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ast_match("x = '\\d'; y = 1 is 1", "x = '\\d'\ny = 1 is 1")


expressions = st.recursive(
    st.sampled_from(
        ["a", "b", "1", "1.0", "True", "None", "''", "b''", "u''", "1j", "...", "f'{a}'", "f'{a!r:>{b}}'"]
    ),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "<", "and", "or", "if c else"]), inner).map(
            lambda parts: f"({' '.join(parts)})"
        ),
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        inner.map(lambda body: f"(lambda x, *y: {body})"),
        st.tuples(inner, inner).map(lambda pair: f"f({pair[0]}, k={pair[1]})"),
    ),
    max_leaves=6,
)
programs = st.lists(
    st.tuples(
        st.sampled_from(["x = {}", "return_ = {}", "if {}:\n    pass", "def f(a={}): pass", "x: int = {}"]),
        expressions,
    ),
    max_size=2,
).map(lambda lines: "\n".join(form.format(body) for form, body in lines))


@settings(deadline=None)
@given(programs, programs)
def test_equal_where_the_dumps_are_equal(one: str, other: str) -> None:
    same = ast.dump(ast.parse(one)) == ast.dump(ast.parse(other))
    assert ast_match(one, other) is same
    assert ast_match(one, ast.unparse(ast.parse(one))) is (
        ast.dump(ast.parse(one)) == ast.dump(ast.parse(ast.unparse(ast.parse(one))))
    )


def test_real_modules() -> None:
    """Modules of the standard library match themselves without comments, and none of the others."""
    folder = Path(ast.__file__).parent
    sources = [
        (folder / f"{name}.py").read_text() for name in ("ast", "bisect", "heapq", "textwrap", "typing")
    ]
    assert all(name in sys.stdlib_module_names for name in ("ast", "typing"))
    for i, source in enumerate(sources):
        for j, other in enumerate(sources):
            assert ast_match(ast.unparse(ast.parse(source)), other) is (i == j)


@settings(deadline=None)
@given(st.text())
def test_any_text_gets_an_answer(text: str) -> None:
    assert ast_or_string_match(text, text)
    assert ast_match(text, "x = 1") is False or "x" in text


def test_a_byte_order_mark_is_no_part_of_the_program() -> None:
    assert ast_match("\ufeffx = 1\n", "\ufeffx=1")
    assert ast_match("x = 1\n", "\ufeffx=1")
    assert not ast_match("\ufeffx = 1\n", "\ufeffx = 2")
