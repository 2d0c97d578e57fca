"""Separator mistakes: commas, colons, operators and the like that are missing, doubled or confused.

Tested by `tests/repair/sources/simulated/test_mistakes.py`.
"""

import ast
import token
from collections.abc import Iterator
from itertools import pairwise
from random import Random

from repair.sources.simulated.edits import MistakeEdit, MistakeKind
from repair.sources.simulated.source_text import SourceText, Token

_CLOSING = (token.RPAR, token.RSQB, token.RBRACE)
_OPERANDS = (token.NAME, token.NUMBER, token.STRING, *_CLOSING)
_OPERATORS = frozenset(
    ("+", "-", "*", "/", "//", "%", "==", "!=", "<", ">", "<=", ">=", "and", "or", "in", "is")
)


def _neighbours(source: SourceText) -> Iterator[tuple[Token, Token, Token]]:
    for statement in source.statements:
        yield from zip(statement, statement[1:], statement[2:], strict=False)


def missing_comma(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """The comma between two arguments or elements is left out."""
    for before, item, after in _neighbours(source):
        if item.kind == token.COMMA and after.kind not in _CLOSING:
            # Two texts without a comma are one text.
            if before.kind == after.kind == token.STRING or "\n" in source.text[item.end : after.start]:
                continue
            blank = "" if source.text[item.end] == " " else " "
            yield MistakeEdit(item.start, item.end, blank)


def missing_comma_at_line_end(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """The comma at the end of a line inside brackets is left out: the next line is reported."""
    for before, item, after in _neighbours(source):
        if item.kind == token.COMMA and after.kind not in _CLOSING:
            if before.kind == after.kind == token.STRING:
                continue
            if "\n" in source.text[item.end : after.start]:
                yield MistakeEdit(item.start, item.end, "")


def missing_operator(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """The operator between two operands is left out: `a b` for `a + b`."""
    for before, item, after in _neighbours(source):
        binary = item.text in _OPERATORS and before.kind in _OPERANDS
        opening = after.kind in (token.LPAR, token.LSQB)
        if binary and not opening and "\n" not in source.text[before.end : after.start]:
            yield MistakeEdit(before.end, after.start, " ")


def missing_in(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """`for x in y` becomes `for x y`."""
    for node in source.nodes:
        if isinstance(node, ast.For | ast.comprehension):
            start, end = source.span(node.target)[1], source.span(node.iter)[0]
            offset = source.text.find(" in ", start, end)
            if offset >= 0:
                yield MistakeEdit(offset, offset + len(" in"), "")


def missing_dot(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """`self.x` becomes `self x`."""
    for before, item, after in _neighbours(source):
        if item.kind == token.DOT and before.kind == after.kind == token.NAME and before.text != "from":
            yield MistakeEdit(item.start, item.end, " ")


def missing_colon(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """The colon at the end of a statement's head is left out."""
    for item, following in pairwise(source.tokens):
        if item.kind == token.COLON and following.kind == token.NEWLINE:
            yield MistakeEdit(item.start, item.end, "")


def wrong_colon(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """Another sign stands for the colon at the end of a statement's head."""
    for item, following in pairwise(source.tokens):
        if item.kind == token.COLON and following.kind == token.NEWLINE:
            yield MistakeEdit(item.start, item.end, random.choice([";", ".", ",", "::"]))


def wrong_pair(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """The colon of a dictionary's pair is left out, or `=` stands for it."""
    for node in source.nodes:
        if isinstance(node, ast.Dict):
            for key in node.keys:
                if key is not None:
                    start = source.span(key)[1]
                    if source.text[start] == ":":
                        yield MistakeEdit(start, start + 1, random.choice(["", " =", ","]))


def doubled_separator(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A comma, colon or dot is typed twice."""
    for item in source.tokens:
        if item.kind in (token.COMMA, token.COLON, token.DOT):
            yield MistakeEdit(item.start, item.start, item.text)


def dot_for_comma(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A neighbouring key is hit: `f(1. x)` or `f(1; x)` for `f(1, x)`."""
    for before, item, after in _neighbours(source):
        if item.kind == token.COMMA and after.kind not in _CLOSING and before.kind != token.NAME:
            yield MistakeEdit(item.start, item.end, random.choice([".", ";"]))


SEPARATOR_MISTAKES = (
    MistakeKind("missing_comma", missing_comma, 5, breaks_parsing=True),
    MistakeKind("missing_comma_at_line_end", missing_comma_at_line_end, 2, breaks_parsing=True),
    MistakeKind("missing_operator", missing_operator, 4, breaks_parsing=True),
    MistakeKind("missing_in", missing_in, 2, breaks_parsing=True),
    MistakeKind("missing_dot", missing_dot, 1, breaks_parsing=True),
    MistakeKind("missing_colon", missing_colon, 8, breaks_parsing=True),
    MistakeKind("wrong_colon", wrong_colon, 2, breaks_parsing=True),
    MistakeKind("wrong_pair", wrong_pair, 2, breaks_parsing=True),
    MistakeKind("doubled_separator", doubled_separator, 1, breaks_parsing=True),
    MistakeKind("dot_for_comma", dot_for_comma, 1, breaks_parsing=True),
)
