"""Mutators of DebugBench's syntax bugs, on tokens and statements: each yields every place for its bug.

Tested by `tests/repair/evaluation/leetcode/injection/test_mutators.py`.
"""

import ast
import tokenize
from collections.abc import Iterator
from itertools import pairwise

from repair.evaluation.leetcode.injection.solution import ParsedSolution, Replacement

_INDENTATION = 4
_HEADS = frozenset(
    {"if", "elif", "else", "for", "while", "def", "class", "try", "except", "finally", "with", "async"}
)
_LINE_ENDS = (tokenize.NEWLINE, tokenize.COMMENT)
_BETWEEN_LINES = (tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.COMMENT)
# FSTRING_END is a token from Python 3.12 on.
_STRING_ENDS = frozenset({tokenize.STRING, getattr(tokenize, "FSTRING_END", tokenize.STRING)})
_SIMPLE = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Return)


def misused_equals(solution: ParsedSolution) -> Iterator[Replacement]:
    """`if a = b:` and `a == 1` as a statement."""
    for token in solution.tokens:
        if token.string == "==":
            yield Replacement(token.start, token.end, "=")
    for node in solution.nodes:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            start, end = solution.span(node.targets[0])[1], solution.span(node.value)[0]
            if sign := solution.between(start, end, "="):
                yield Replacement(sign.start, sign.end, "==")


def missing_colons(solution: ParsedSolution) -> Iterator[Replacement]:
    """`for i in range(n)` without its colon."""
    head = ""
    first = True
    for token, following in pairwise(solution.tokens):
        if token.type in _BETWEEN_LINES:
            first = first or token.type == tokenize.NEWLINE
            continue
        head, first = (token.string, False) if first else (head, False)
        ends = following.type in _LINE_ENDS
        if token.string == ":" and token.depth == 0 and ends and head in _HEADS:
            yield Replacement(token.start, token.end, "")


def unclosed_parentheses(solution: ParsedSolution) -> Iterator[Replacement]:
    """`range(len(nums)` and `[0] * (n + 1`."""
    for token in solution.tokens:
        if token.type in (tokenize.RPAR, tokenize.RSQB, tokenize.RBRACE):
            yield Replacement(token.start, token.end, "")


def illegal_indentation(solution: ParsedSolution) -> Iterator[Replacement]:
    """A statement deeper than its block or out of it, a method at the margin of its class."""
    for parent, block in solution.bodies:
        for number, node in enumerate(block):
            if not solution.whole_lines(node):
                continue
            start, end = solution.span(node)
            line = solution.line_start(start)
            width = start - line
            if isinstance(node, _SIMPLE) and "\n" not in solution.text[start:end]:
                if number:
                    yield Replacement(start, start, " " * _INDENTATION)
                elif width >= _INDENTATION and not isinstance(parent, ast.Module):
                    yield Replacement(line, line + _INDENTATION, "")
            elif isinstance(parent, ast.ClassDef) and width >= _INDENTATION and number == len(block) - 1:
                lines = solution.text[line:end].split("\n")
                moved = "\n".join(text.removeprefix(" " * _INDENTATION) for text in lines)
                yield Replacement(line, end, moved)


def unclosed_string(solution: ParsedSolution) -> Iterator[Replacement]:
    """`split(",)`; and `return 'count`, where a quote is opened that does not belong there."""
    for token in solution.tokens:
        if token.type in _STRING_ENDS and not token.string.endswith(('"""', "'''")):
            yield Replacement(token.end - 1, token.end, "")
    for node in solution.nodes:
        if isinstance(node, ast.Return | ast.Assign) and node.value is not None:
            text = solution.part(node.value)
            if not {"'", '"', "\n"} & set(text):
                start = solution.span(node.value)[0]
                yield Replacement(start, start, "'")


def illegal_comment(solution: ParsedSolution) -> Iterator[Replacement]:
    """A statement or the head of a block that is commented out, and `//` as the mark of a comment."""
    for token in solution.tokens:
        if token.type == tokenize.COMMENT:
            yield Replacement(token.start, token.start + 1, "//")
    for parent, block in solution.bodies:
        for node in block if not isinstance(parent, ast.Module) else ():
            if not solution.whole_lines(node):
                continue
            start, end = solution.span(node)
            one_line = "\n" not in solution.text[start:end]
            if isinstance(node, _SIMPLE) and one_line:
                yield Replacement(start, start, "# ")
                yield Replacement(start, start, "// ")
            elif _has_short_head(node) and not solution.text.startswith("elif", start):
                yield Replacement(start, start, "# ")


def _has_short_head(node: ast.stmt) -> bool:
    """Whether a statement has a block below a head of one line, and no `else`."""
    if not isinstance(node, ast.For | ast.While | ast.If) or node.orelse:
        return False
    head = node.iter if isinstance(node, ast.For) else node.test
    return head.end_lineno == node.lineno and node.body[0].lineno > node.lineno
