"""Language mistakes: what Python 2 or another language writes, in the place of Python's own.

Tested by `tests/repair/sources/simulated/test_mistakes.py`.
"""

import ast
import re
import token
from collections.abc import Iterator
from random import Random

from repair.sources.simulated.edits import MistakeEdit, MistakeKind
from repair.sources.simulated.source_text import SourceText

_OPERATORS = {"and": "&&", "or": "||", "not": "!"}
_TURNED_ROUND = {"<=": "=<", ">=": "=>", "!=": "=!"}
_FUNCTION = ("function", "func", "fn")
_DECLARED = ("int", "let", "var", "const", "String", "float")
_RAISE = re.compile(r"raise\s+([\w.]+)\((.+)\)")


def print_statement(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """`print(x)` is written as in Python 2."""
    for node in source.nodes:
        match node:
            case ast.Expr(
                value=ast.Call(func=ast.Name(id="print") as function, args=[_, *_], keywords=[]) as call
            ):
                if call.lineno == call.end_lineno:
                    start, end = source.span(function)[1], source.span(call)[1]
                    yield MistakeEdit(start, end, " " + source.text[start + 1 : end - 1])
            case _:
                pass


def except_comma(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """`except E as e:` becomes `except E, e:`."""
    for node in source.nodes:
        if isinstance(node, ast.ExceptHandler) and node.name and node.type is not None:
            end = source.span(node.type)[1]
            if source.text.startswith(" as ", end):
                yield MistakeEdit(end, end + len(" as "), ", ")


def raise_comma(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """`raise E("x")` becomes `raise E, "x"`."""
    for node in source.nodes:
        if isinstance(node, ast.Raise) and node.lineno == node.end_lineno and node.cause is None:
            start, end = source.span(node)
            found = _RAISE.fullmatch(source.text[start:end])
            if found:
                yield MistakeEdit(start, end, f"raise {found[1]}, {found[2]}")


def diamond(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """`x != y` becomes `x <> y`."""
    for item in source.tokens:
        if item.text == "!=":
            yield MistakeEdit(item.start, item.end, "<>")


def turned_operator(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """`x >= y` becomes `x => y`."""
    for item in source.tokens:
        if item.text in _TURNED_ROUND:
            yield MistakeEdit(item.start, item.end, _TURNED_ROUND[item.text])


def foreign_operator(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """`and`, `or` and `not` as other languages write them."""
    for before, item, after in zip(source.tokens, source.tokens[1:], source.tokens[2:], strict=False):
        if item.kind == token.NAME and item.text in _OPERATORS and before.text != "is" and after.text != "in":
            end = after.start if item.text == "not" else item.end
            yield MistakeEdit(item.start, end, _OPERATORS[item.text])


def else_if(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """`elif` as other languages write it."""
    for item in source.tokens:
        if item.kind == token.NAME and item.text == "elif":
            yield MistakeEdit(item.start, item.end, random.choice(["else if", "else if", "elseif", "elsif"]))


def increment(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """`x += 1` becomes `x++`."""
    for node in source.nodes:
        match node:
            case ast.AugAssign(target=target, op=ast.Add() | ast.Sub(), value=ast.Constant(value=1)):
                sign = "++" if isinstance(node.op, ast.Add) else "--"
                yield MistakeEdit(*source.span(node), source.of(target) + sign)
            case _:
                pass


def function_keyword(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """`def` as other languages write it."""
    for statement in source.statements:
        if statement[0].text == "def":
            yield MistakeEdit(statement[0].start, statement[0].end, random.choice(_FUNCTION))


def exception_keywords(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """`except` and `raise` as other languages write them."""
    for statement in source.statements:
        if statement[0].text in ("except", "raise") and len(statement) > 1:
            word = "catch" if statement[0].text == "except" else "throw"
            yield MistakeEdit(statement[0].start, statement[0].end, word)


def declared_variable(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """`x = 1` becomes `int x = 1` or `let x = 1`."""
    for statement in source.statements:
        if len(statement) > 2 and statement[0].kind == token.NAME and statement[1].kind == token.EQUAL:
            yield MistakeEdit(statement[0].start, statement[0].start, random.choice(_DECLARED) + " ")


def braces(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A block is opened by a brace or by `then`."""
    for statement in source.statements:
        last = statement[-1]
        if last.kind == token.COLON and statement[0].text in ("if", "while", "for", "def", "elif", "else"):
            word = random.choice([" {", " {", " then"]) if statement[0].text in ("if", "elif") else " {"
            yield MistakeEdit(last.start, last.end, word)


def slashed_comment(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A comment begins with `//`."""
    for comment in source.comments:
        if comment.text.startswith("# "):
            yield MistakeEdit(comment.start, comment.start + 1, "//")


def question_mark(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """`a if x else b` becomes `x ? a : b`."""
    for node in source.nodes:
        if isinstance(node, ast.IfExp) and node.lineno == node.end_lineno:
            yield MistakeEdit(
                *source.span(node),
                f"{source.of(node.test)} ? {source.of(node.body)} : {source.of(node.orelse)}",
            )


LANGUAGE_MISTAKES = (
    MistakeKind("print_statement", print_statement, 6, breaks_parsing=True),
    MistakeKind("except_comma", except_comma, 2, breaks_parsing=True),
    MistakeKind("raise_comma", raise_comma, 1, breaks_parsing=True),
    MistakeKind("diamond", diamond, 1, breaks_parsing=True),
    MistakeKind("turned_operator", turned_operator, 2, breaks_parsing=True),
    MistakeKind("foreign_operator", foreign_operator, 3, breaks_parsing=True),
    MistakeKind("else_if", else_if, 4, breaks_parsing=True),
    MistakeKind("increment", increment, 3, breaks_parsing=True),
    MistakeKind("function_keyword", function_keyword, 1, breaks_parsing=True),
    MistakeKind("exception_keywords", exception_keywords, 1, breaks_parsing=True),
    MistakeKind("declared_variable", declared_variable, 2, breaks_parsing=True),
    MistakeKind("braces", braces, 2, breaks_parsing=True),
    MistakeKind("slashed_comment", slashed_comment, 3, breaks_parsing=True),
    MistakeKind("question_mark", question_mark, 1, breaks_parsing=True),
)
