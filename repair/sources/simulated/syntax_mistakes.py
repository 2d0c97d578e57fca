"""Syntax mistakes: DebugBench's syntax bugs, and the syntax of other languages.

Tested by `tests/repair/sources/simulated/test_simulated.py`.
"""

import ast
import token
from collections.abc import Iterator
from itertools import pairwise
from random import Random

from repair.sources.simulated.edits import MistakeEdit, MistakeKind
from repair.sources.simulated.source_text import SourceText

_CLOSING = (token.RPAR, token.RSQB, token.RBRACE)
_FOREIGN = {"and": "&&", "or": "||", "elif": "else if"}
_KEYWORDS = frozenset({"return", "raise", "def", "class", "while", "for", "with", "import", "from"})


def single_equals(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """`if x == y` becomes `if x = y`."""
    for node in source.nodes:
        if isinstance(node, ast.If | ast.While) and isinstance(test := node.test, ast.Compare):
            start, end = source.span(test.left)[1], source.span(test.comparators[0])[0]
            offset = source.text.find("==", start, end)
            if offset >= 0 and len(test.ops) == 1:
                yield MistakeEdit(offset, offset + 2, "=")


def missing_colon(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """The colon at the end of a statement's head is left out."""
    for item, following in pairwise(source.tokens):
        if item.kind == token.COLON and following.kind == token.NEWLINE:
            yield MistakeEdit(item.start, item.end, "")


def unclosed_bracket(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A statement's last bracket stays open."""
    last = None
    for item in source.tokens:
        if item.kind == token.NEWLINE and last is not None:
            yield MistakeEdit(last.start, last.end, "")
        if item.kind in _CLOSING or item.kind == token.NEWLINE:
            last = item if item.kind in _CLOSING else None


def unclosed_string(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A string on one line lacks its closing quote."""
    for item in source.tokens:
        quoted = item.text.lstrip("rRbBuUfF")
        if item.kind == token.STRING and len(quoted) > 2 and quoted[:3] not in ('"""', "'''"):
            yield MistakeEdit(item.end - 1, item.end, "")


def wrong_indentation(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A line is indented too little (a block's first) or too much (any other)."""
    for body in source.bodies:
        for number, node in enumerate(body):
            if not source.alone(node) or node.col_offset == 0 or node.lineno != node.end_lineno:
                continue
            start = source.line_start(node.lineno - 1)
            if number:
                yield MistakeEdit(start, start, " " * random.choice([1, 2, 4]))
            else:
                yield MistakeEdit(start, start + min(4, node.col_offset), "")


def print_statement(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """`print(x)` is written as in Python 2."""
    for node in source.nodes:
        if isinstance(node, ast.Expr) and isinstance(call := node.value, ast.Call):
            plain = call.args and not call.keywords and call.lineno == call.end_lineno
            if isinstance(call.func, ast.Name) and call.func.id == "print" and plain:
                start, end = source.span(call.func)[1], source.span(call)[1]
                yield MistakeEdit(start, end, " " + source.text[start + 1 : end - 1])


def foreign_keyword(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """`and`, `or` and `elif` as other languages write them."""
    for item in source.tokens:
        if item.kind == token.NAME and item.text in _FOREIGN:
            yield MistakeEdit(item.start, item.end, _FOREIGN[item.text])


def misspelt_keyword(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """Two letters of a statement's keyword are swapped."""
    for item in source.tokens:
        if item.kind == token.NAME and item.text in _KEYWORDS:
            index = random.randrange(1, len(item.text) - 1)
            letters = item.text[:index] + item.text[index + 1] + item.text[index] + item.text[index + 2 :]
            if letters != item.text:
                yield MistakeEdit(item.start, item.end, letters)


SYNTAX_MISTAKES = (
    MistakeKind("single_equals", single_equals, 2, breaks_parsing=True),
    MistakeKind("missing_colon", missing_colon, 2, breaks_parsing=True),
    MistakeKind("unclosed_bracket", unclosed_bracket, 2, breaks_parsing=True),
    MistakeKind("unclosed_string", unclosed_string, 2, breaks_parsing=True),
    MistakeKind("wrong_indentation", wrong_indentation, 1, breaks_parsing=True),
    MistakeKind("print_statement", print_statement, 1, breaks_parsing=True),
    MistakeKind("foreign_keyword", foreign_keyword, 1, breaks_parsing=True),
    MistakeKind("misspelt_keyword", misspelt_keyword, 1, breaks_parsing=True),
)
