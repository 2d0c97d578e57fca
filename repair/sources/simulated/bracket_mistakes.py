"""Bracket mistakes: a bracket that is missing, too many, of the wrong kind or in the wrong place.

Tested by `tests/repair/sources/simulated/test_mistakes.py`.
"""

import ast
import token
from collections.abc import Iterator
from itertools import pairwise
from random import Random

from repair.sources.simulated.edits import MistakeEdit, MistakeKind
from repair.sources.simulated.source_text import SourceText

_CLOSING = (token.RPAR, token.RSQB, token.RBRACE)
_WRONG = {")": "]}", "]": ")}", "}": ")]"}


def unclosed_bracket(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A statement's last bracket stays open: often the next line is reported."""
    for statement in source.statements:
        if statement[-1].kind in _CLOSING:
            yield MistakeEdit(statement[-1].start, statement[-1].end, "")
        elif statement[-1].kind == token.COLON and len(statement) > 1 and statement[-2].kind in _CLOSING:
            yield MistakeEdit(statement[-2].start, statement[-2].end, "")


def unclosed_inner_bracket(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A bracket in the middle of a statement stays open: one outside of it closes it."""
    for statement in source.statements:
        for item, following in pairwise(statement[:-1]):
            if item.kind in _CLOSING and following.kind != token.COLON:
                yield MistakeEdit(item.start, item.end, "")


def extra_closing_bracket(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """One closing bracket too many."""
    for statement in source.statements:
        for item in statement:
            if item.kind in _CLOSING:
                yield MistakeEdit(item.end, item.end, item.text)


def extra_opening_bracket(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """One opening bracket too many."""
    for opening, closing in source.brackets:
        if "\n" not in source.text[opening.start : closing.end]:
            yield MistakeEdit(opening.start, opening.start, opening.text)


def missing_opening_bracket(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """An opening bracket is left out."""
    for opening, _ in source.brackets:
        glued = (
            source.text[opening.start - 1 : opening.start].isalnum() and source.text[opening.end].isalnum()
        )
        yield MistakeEdit(opening.start, opening.end, " " if glued else "")


def wrong_closing_bracket(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A bracket is closed by one of another kind."""
    for _, closing in source.brackets:
        yield MistakeEdit(closing.start, closing.end, random.choice(_WRONG[closing.text]))


def swapped_closing_brackets(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """Two closing brackets of different kinds change places."""
    for first, second in pairwise(source.tokens):
        closing = first.kind in _CLOSING and second.kind in _CLOSING
        if closing and first.kind != second.kind and first.end == second.start:
            yield MistakeEdit(first.start, second.end, second.text + first.text)


def bracket_after_colon(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """The bracket at the end of a statement's head is closed after the colon."""
    for statement in source.statements:
        for closing, last in pairwise(statement[-2:]):
            if closing.kind in _CLOSING and last.kind == token.COLON and closing.end == last.start:
                yield MistakeEdit(closing.start, last.end, ":" + closing.text)


def bracket_closed_early(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A call's bracket is closed before its last argument: `if f(a), b:`."""
    for node in source.nodes:
        if isinstance(node, ast.If | ast.While):
            for call in ast.walk(node.test):
                if isinstance(call, ast.Call) and len(call.args) > 1 and not call.keywords:
                    start, end = source.span(call.args[-2])[1], source.span(call)[1]
                    if source.text[end - 1] == ")" and "\n" not in source.text[start:end]:
                        yield MistakeEdit(start, end, ")" + source.text[start : end - 1])


def bracket_closed_late(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """`len(x) > y` becomes `len(x > y)`."""
    for node in source.nodes:
        match node:
            case ast.Compare(
                left=ast.Call(func=ast.Name(id="len" | "int" | "ord" | "abs"), args=[argument]) as call,
                comparators=[compared],
            ):
                start, end = source.span(argument)[1], source.span(compared)[1]
                if source.text[start] == ")" and source.span(call)[1] == start + 1:
                    yield MistakeEdit(start, end, source.text[start + 1 : end] + ")")
            case _:
                pass


BRACKET_MISTAKES = (
    MistakeKind("unclosed_bracket", unclosed_bracket, 8, breaks_parsing=True),
    MistakeKind("unclosed_inner_bracket", unclosed_inner_bracket, 5, breaks_parsing=True),
    MistakeKind("extra_closing_bracket", extra_closing_bracket, 5, breaks_parsing=True),
    MistakeKind("extra_opening_bracket", extra_opening_bracket, 2, breaks_parsing=True),
    MistakeKind("missing_opening_bracket", missing_opening_bracket, 3, breaks_parsing=True),
    MistakeKind("wrong_closing_bracket", wrong_closing_bracket, 2, breaks_parsing=True),
    MistakeKind("swapped_closing_brackets", swapped_closing_brackets, 1, breaks_parsing=True),
    MistakeKind("bracket_after_colon", bracket_after_colon, 2, breaks_parsing=True),
    MistakeKind("bracket_closed_early", bracket_closed_early, 2, breaks_parsing=True),
    MistakeKind("bracket_closed_late", bracket_closed_late, 2),
)
