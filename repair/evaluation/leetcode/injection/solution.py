"""Parsed solution: text, tokens and syntax tree in one system of offsets, for the bug mutators.

Tested by `tests/repair/evaluation/leetcode/injection/test_mutators.py`.
"""

import ast
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True, order=True)
class Replacement:
    """The text between two offsets, and what takes its place."""

    start: int
    end: int
    new: str


@dataclass(frozen=True, slots=True)
class SourceToken:
    """A token with its offsets and the number of brackets that are open before it."""

    type: int
    string: str
    start: int
    end: int
    depth: int


class ParsedSolution:
    """A correct solution. Raises SyntaxError or ValueError if it can't be parsed."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tree = ast.parse(text)
        self.lines = text.split("\n")
        self._starts = [0]
        for line in self.lines:
            self._starts.append(self._starts[-1] + len(line) + 1)
        self.tokens = list(self._tokens())

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """All nodes, in the order of the text as far as they have a place in it."""
        return sorted(ast.walk(self.tree), key=lambda node: (getattr(node, "lineno", 0), _column(node)))

    @cached_property
    def names(self) -> frozenset[str]:
        """All names and attributes that the solution has."""
        return frozenset(token.string for token in self.tokens if token.type == tokenize.NAME)

    @cached_property
    def functions(self) -> list[Function]:
        """All functions, those inside of others too."""
        return [node for node in self.nodes if isinstance(node, Function)]

    @cached_property
    def bodies(self) -> list[tuple[ast.AST, list[ast.stmt]]]:
        """Each block of statements with the node that it belongs to."""
        return [
            (node, block)
            for node in self.nodes
            for name in ("body", "orelse", "finalbody")
            if isinstance(block := getattr(node, name, None), list)
            and block
            and isinstance(block[0], ast.stmt)
        ]

    def applied(self, replacement: Replacement) -> str:
        """The text with the replacement made."""
        return self.text[: replacement.start] + replacement.new + self.text[replacement.end :]

    def span(self, node: ast.expr | ast.stmt | ast.arg) -> tuple[int, int]:
        """The offsets of a node; of a decorated one without its decorators."""
        last, end = node.end_lineno or node.lineno, node.end_col_offset or 0
        return self._offset(node.lineno, node.col_offset), self._offset(last, end)

    def part(self, node: ast.expr | ast.stmt | ast.arg) -> str:
        """The text of a node."""
        start, end = self.span(node)
        return self.text[start:end]

    def whole_lines(self, node: ast.stmt) -> bool:
        """Whether a statement shares none of its lines with other code."""
        start, end = self.span(node)
        before = self.text[self.line_start(start) : start]
        after = self.text[end:].partition("\n")[0].strip()
        return not before.strip() and (not after or after.startswith("#"))

    def line_start(self, offset: int) -> int:
        """The offset at which the line of `offset` begins."""
        return self.text.rfind("\n", 0, offset) + 1

    def between(self, start: int, end: int, string: str) -> SourceToken | None:
        """The first token `string` between two offsets."""
        found = (token for token in self.tokens if token.start >= start and token.end <= end)
        return next((token for token in found if token.string == string), None)

    def _offset(self, line: int, utf8_column: int) -> int:
        text = self.lines[line - 1]
        column = utf8_column if text.isascii() else len(text.encode()[:utf8_column].decode())
        return self._starts[line - 1] + column

    def _tokens(self) -> Iterator[SourceToken]:
        depth = 0
        for token in tokenize.generate_tokens(io.StringIO(self.text).readline):
            if token.type == tokenize.OP and token.string in ")]}":
                depth -= 1
            (first, start), (last, end) = token.start, token.end
            if last <= len(self.lines):
                start, end = self._starts[first - 1] + start, self._starts[last - 1] + end
                yield SourceToken(token.exact_type, token.string, start, end, depth)
            if token.type == tokenize.OP and token.string in "([{":
                depth += 1


def _column(node: ast.AST) -> int:
    return getattr(node, "col_offset", 0)
