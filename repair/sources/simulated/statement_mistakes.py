"""Statement mistakes: assignments the wrong way round, reserved words as names, statements run together.

Tested by `tests/repair/sources/simulated/test_mistakes.py`.
"""

import ast
import re
import token
from collections.abc import Iterator
from itertools import pairwise
from random import Random

from repair.sources.simulated.edits import MistakeEdit, MistakeKind
from repair.sources.simulated.source_text import SourceText, Token

_KEYWORDS = frozenset({"return", "raise", "def", "class", "while", "for", "with", "import", "from", "elif"})
_CAPITALISED = frozenset(
    {"if", "for", "while", "def", "class", "return", "import", "from", "else", "elif", "try"}
)
_DROPPED = frozenset({"def", "class", "if", "while", "for", "import"})
_RESERVED = (
    "class",
    "from",
    "import",
    "lambda",
    "global",
    "in",
    "is",
    "pass",
    "def",
    "del",
    "with",
    "not",
    "as",
)
_LONGEST_NAME_LINES = 8
_UNDERSCORE = re.compile(r"[^_]_[^_]")


def single_equals(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """`if x == y` becomes `if x = y`."""
    for node in source.nodes:
        if isinstance(node, ast.If | ast.While | ast.IfExp):
            for compare in ast.walk(node.test):
                if isinstance(compare, ast.Compare) and len(compare.ops) == 1:
                    start, end = source.span(compare.left)[1], source.span(compare.comparators[0])[0]
                    offset = source.text.find("==", start, end)
                    if offset >= 0:
                        yield MistakeEdit(offset, offset + 2, "=")


def _turned_round(source: SourceText, *values: type[ast.expr]) -> Iterator[MistakeEdit]:
    for node in source.nodes:
        match node:
            case ast.Assign(targets=[ast.Name() | ast.Attribute() as target], value=value) if isinstance(
                value, values
            ) and source.simple(node):
                start, end = source.span(node)
                yield MistakeEdit(start, end, f"{source.of(value)} = {source.of(target)}")
            case _:
                pass


def assigned_call(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """`x = f(y)` becomes `f(y) = x`."""
    return _turned_round(source, ast.Call)


def assigned_literal(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """`x = 5` becomes `5 = x`."""
    return _turned_round(source, ast.Constant)


def assigned_operation(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """`x = a + b` becomes `a + b = x`."""
    return _turned_round(source, ast.BinOp)


def reserved_name(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A local variable has a reserved word for its name, wherever it occurs."""
    for function in source.functions():
        uses: dict[str, list[tuple[int, int]]] = {}
        local = set[str]()
        for node in ast.walk(function):
            match node:
                case ast.Name(id=name, ctx=context):
                    uses.setdefault(name, []).append(source.span(node))
                    local.update([name] if isinstance(context, ast.Store) else [])
                case ast.arg(arg=name, annotation=None):
                    uses.setdefault(name, []).append(source.span(node))
                    local.add(name)
                case _:
                    pass
        for name, found in uses.items():
            spans = sorted(found)
            start, end = spans[0][0], spans[-1][1]
            if name in local and source.line_of(end) - source.line_of(start) < _LONGEST_NAME_LINES:
                parts, word = list[str](), random.choice(_RESERVED)
                for (_, before), (after, _) in pairwise(spans):
                    parts += [word, source.text[before:after]]
                yield MistakeEdit(start, end, "".join([*parts, word]))


def _bound_names(source: SourceText) -> Iterator[Token]:
    """Names with an underscore inside, where a statement assigns to them."""
    for statement in source.statements:
        for item, following in pairwise(statement[:2]):
            if item.kind == token.NAME and following.kind == token.EQUAL and _UNDERSCORE.search(item.text):
                yield item


def hyphen_in_name(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """`first_line = x` becomes `first-line = x`."""
    for item in _bound_names(source):
        yield MistakeEdit(item.start, item.end, item.text.replace("_", "-"))


def blank_in_name(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """`first_line` becomes `first line`."""
    for item in source.tokens:
        if item.kind == token.NAME and _UNDERSCORE.search(item.text):
            words = item.text.strip("_").replace("_", " ")
            yield MistakeEdit(item.start, item.end, words)


def joined_statements(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A statement stands after another one on the same line."""
    for body in source.bodies:
        for first, second in pairwise(body):
            if source.simple(first) and source.simple(second) and second.lineno == first.lineno + 1:
                start, end = source.span(first)[1], source.span(second)[0]
                if not source.text[start:end].strip():
                    yield MistakeEdit(start, end, " ")


def joined_block(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A block's first statement stands on the line of its head, the second one below it, indented."""
    for body in source.bodies:
        if len(body) > 1 and body[0].col_offset and source.simple(body[0]):
            end = source.span(body[0])[0]
            start = len(source.text[:end].rstrip())
            if source.text[start - 1] == ":":
                yield MistakeEdit(start, end, " ")


def else_with_condition(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """`elif x:` becomes `else x:`."""
    for item in source.tokens:
        if item.kind == token.NAME and item.text == "elif":
            yield MistakeEdit(item.start, item.end, "else")


def missing_parentheses(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A function is defined without its parentheses: `def f:` or `def f x, y:`."""
    for statement in source.statements:
        if len(statement) > 4 and statement[0].text == "def" and statement[-2].kind == token.RPAR:
            opening, closing = statement[2], statement[-2]
            if opening.kind == token.LPAR and "\n" not in source.text[opening.start : closing.end]:
                inside = source.text[opening.end : closing.start]
                yield MistakeEdit(opening.start, closing.end, f" {inside}" if inside else "")


def missing_keyword(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """The word that begins a statement is left out: `f(x):`."""
    for statement in source.statements:
        first = statement[0]
        if first.kind == token.NAME and first.text in _DROPPED:
            yield MistakeEdit(first.start, statement[1].start, "")


def misspelt_keyword(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """Two letters of a statement's keyword are swapped, or one is left out."""
    for item in source.tokens:
        if item.kind == token.NAME and item.text in _KEYWORDS:
            index = random.randrange(1, len(item.text) - 1)
            letters = item.text[:index] + item.text[index + 1] + item.text[index] + item.text[index + 2 :]
            if random.random() < 0.3 or letters == item.text:
                letters = item.text[:index] + item.text[index + 1 :]
            yield MistakeEdit(item.start, item.end, letters)


def capitalised_keyword(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A statement begins with a capital letter: `If x:`."""
    for statement in source.statements:
        if statement[0].kind == token.NAME and statement[0].text in _CAPITALISED:
            yield MistakeEdit(statement[0].start, statement[0].end, statement[0].text.capitalize())


STATEMENT_MISTAKES = (
    MistakeKind("single_equals", single_equals, 5, breaks_parsing=True),
    MistakeKind("assigned_call", assigned_call, 3, breaks_parsing=True),
    MistakeKind("assigned_literal", assigned_literal, 1, breaks_parsing=True),
    MistakeKind("assigned_operation", assigned_operation, 2, breaks_parsing=True),
    MistakeKind("reserved_name", reserved_name, 3, breaks_parsing=True),
    MistakeKind("hyphen_in_name", hyphen_in_name, 1, breaks_parsing=True),
    MistakeKind("blank_in_name", blank_in_name, 2, breaks_parsing=True),
    MistakeKind("joined_statements", joined_statements, 3, breaks_parsing=True),
    MistakeKind("joined_block", joined_block, 1, breaks_parsing=True),
    MistakeKind("else_with_condition", else_with_condition, 1, breaks_parsing=True),
    MistakeKind("missing_parentheses", missing_parentheses, 2, breaks_parsing=True),
    MistakeKind("missing_keyword", missing_keyword, 2, breaks_parsing=True),
    MistakeKind("misspelt_keyword", misspelt_keyword, 3, breaks_parsing=True),
    MistakeKind("capitalised_keyword", capitalised_keyword, 1, breaks_parsing=True),
)
