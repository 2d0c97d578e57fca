"""Token match: what it ignores and compares, against Python's own tokenizer, and on any text."""

import ast
import io
import tokenize
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from repair.evaluation.metrics import ast_match
from repair.evaluation.token_match import DEDENT, INCONSISTENT, INDENT, NEWLINE, token_match, tokens

SAME = [
    ("x=1", "x  =  1  # one\n\n\n"),
    ("f(a,\n  b)", "f(a, b)"),
    ("f(a,  # first\n\n  b)\n", "f(a, b)"),
    ("if a:\n  b\n", "if a:\r\n\t\tb\r\n"),
    ("if a:\n  if b:\n    c\nd", "if a:\n\tif b:\n\t  c\nd"),
    ("if a:\n  b\n  # end\nc\n", "if a:\n    b\n# end\n\nc"),
    ("x = a + \\\n    b", "x = a + b"),
    ("\ufeffx = 1", "x = 1"),
    ("", "# nothing\n\n"),
    ("def f(:\n    pass", "def f (:  # broken\n  pass"),
    ("x = 'a\ny = 1", "x  =  'a\ny=1"),
    ("print 'a'", "print  'a'  # Python 2"),
    ("type X[T = int] = list[T]", "type X[T=int]=list[T]"),  # of a newer grammar
    ("x = f'{a['b']}' + c", "x = f'{a['b']}'+c"),
    ("x = $ y", "x=$y"),
    ("x = [1,\ny = 2", "x=[1,\ny=2"),
]
OTHER = [
    ("x = 1", "x = 2"),
    ("x = 1", "y = 1"),
    ("x = 'a'", 'x = "a"'),  # it is about tokens as they are written
    ("x = (1)", "x = 1"),
    ("f(a,)", "f(a)"),
    ("x = 0x10", "x = 16"),
    ("if a:\n  b\n  c", "if a:\n  b\nc"),
    ("if a:\n  if b:\n    c\n  d", "if a:\n  if b:\n    c\n    d"),
    ("a\nb", "a b"),
    ("a; b", "a\nb"),
    ("ab", "a b"),
    ("a < = b", "a <= b"),
    ("x = 'a b'", "x = 'a  b'"),
    ("x = 'a # b'", "x = 'a # c'"),
    ('"""a\n  b"""', '"""a\n b"""'),
    ("x = f'{a = }'", "x = f'{a=}'"),
    ("x = f'{a['b c']}'", "x = f'{a['b  c']}'"),
    ("x = 'a  b\ny = 1", "x = 'a b\ny = 1"),  # not closed
    ("f(\nif a:\n    b\n    c", "f(\nif a:\n    b\nc"),  # the bracket is not closed: lines count
    ("x = 1", ""),
    ("x = $ y", "x = y"),
    ("x = b ''", "x = b''"),
    ("x = 'a", "x = b'a"),
    ("if a:\n\tb\n        c", "if a:\n        b\n        c"),  # Python refuses the first
    ("if a:\n        if b:\n\t c", "if a:\n  if b:\n    c"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_layout_and_comments_do_not_matter(one: str, other: str) -> None:
    assert token_match(one, other)
    assert token_match(other, one)


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_everything_else_does(one: str, other: str) -> None:
    assert not token_match(one, other)
    assert not token_match(other, one)


def by_python(source: str) -> list[str]:
    names = {tokenize.NEWLINE: NEWLINE, tokenize.INDENT: INDENT, tokenize.DEDENT: DEDENT}
    left_out = (tokenize.COMMENT, tokenize.NL, tokenize.ENDMARKER)
    found = [
        names.get(token.type, token.string)
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type not in left_out
    ]
    while found and found[-1] == DEDENT:  # where the text ends, all blocks end
        found.pop()
    return found


@pytest.mark.parametrize(
    "name", ["ast", "enum", "inspect", "textwrap", "tokenize", "typing", "this", "base64"]
)
def test_the_tokens_of_real_modules_are_those_of_python(name: str) -> None:
    source = (Path(ast.__file__).parent / f"{name}.py").read_text()
    if "FSTRING_START" in tokenize.__all__:
        pytest.skip("from 3.12 on Python cuts f-strings up")
    assert tokens(source) == by_python(source)


pieces = st.sampled_from(
    [
        *"()[]{}'\"#:;,.\\= \n\t\f",
        "\n    ",
        "'''",
        '"""',
        "f'",
        "{",
        "}",
        "if ",
        "x",
        "1.5e-3",
        "\r\n",
        "é",
        "\x00",
    ]
)
texts = st.one_of(st.text(max_size=60), st.lists(pieces, max_size=40).map("".join))


@settings(deadline=None, max_examples=150)
@given(texts)
@example("\ud800'")
@example("''''")
@example("f'{'")
@example("#'\n'")
@example("'''\\")
def test_every_text_has_tokens_that_hold_all_of_it_but_space(text: str) -> None:
    assert token_match(text, text)
    found = tokens(text)
    assert not [token for token in found if token == ""]
    if "#" not in text and "\\" not in text:
        structure = (NEWLINE, INDENT, DEDENT, INCONSISTENT)
        kept = "".join(token for token in found if token not in structure)
        assert "".join(kept.split()) == "".join(text.removeprefix("\ufeff").split())


@settings(deadline=None, max_examples=100)
@given(texts, st.integers(0, 40), st.sampled_from([" ", "  ", "\t", "\n", "  # comment\n", "\\\n"]))
def test_equal_tokens_are_equal_programs(text: str, position: int, space: str) -> None:
    other = text[:position] + space + text[position:]
    if token_match(text, other) and ast_match(text, text) and ast_match(other, other):
        assert ast_match(text, other)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "text", ["(" * 50_000 + "]" * 50_000, "f'{" * 5_000, "'" * 50_001, "\\\n" * 50_000 + "f''"]
)
def test_hostile_text_takes_linear_time(text: str) -> None:
    assert token_match(text, "\n# comment\n" + text)
    assert tokens(text) == tokens(text)
