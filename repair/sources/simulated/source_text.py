"""Parsed Python text: nodes and tokens with their offsets in Unicode code points.

Tested by `tests/repair/sources/simulated/test_simulated.py`.
"""

import ast
import builtins
import io
import keyword
import token
import tokenize
from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property
from itertools import accumulate
from random import Random
from typing import NamedTuple


class Token(NamedTuple):
    """A token of the text; `start` and `end` are offsets into it."""

    kind: int
    text: str
    start: int
    end: int


class SourceText:
    """`text` must parse, and its only line ending is a line feed."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tree = ast.parse(text)
        self._lines = text.split("\n")
        self._starts = [0, *accumulate(len(line) + 1 for line in self._lines)][: len(self._lines)]

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """All nodes except those inside f-strings, whose positions are wrong in this Python."""
        found: list[ast.AST] = []
        pending: list[ast.AST] = [self.tree]
        while pending:
            node = pending.pop()
            found.append(node)
            if not isinstance(node, ast.JoinedStr):
                pending.extend(reversed(list(ast.iter_child_nodes(node))))
        return found

    @cached_property
    def tokens(self) -> list[Token]:
        """All tokens except those without text and line breaks that end no statement."""
        read = tokenize.generate_tokens(io.StringIO(self.text, newline="\n").readline)
        skipped = (token.NL, token.COMMENT, token.INDENT, token.DEDENT, token.ENDMARKER)
        return [
            Token(item.exact_type, item.string, self._at(item.start), self._at(item.end))
            for item in read
            if item.type not in skipped
        ]

    @cached_property
    def comments(self) -> list[Token]:
        """The comments that have a line of their own."""
        read = tokenize.generate_tokens(io.StringIO(self.text, newline="\n").readline)
        return [
            Token(item.exact_type, item.string, self._at(item.start), self._at(item.end))
            for item in read
            if item.type == token.COMMENT and not item.line[: item.start[1]].strip()
        ]

    @cached_property
    def statements(self) -> list[list[Token]]:
        """The tokens of each logical line, without the line break that ends it."""
        found: list[list[Token]] = [[]]
        for item in self.tokens:
            if item.kind == token.NEWLINE:
                found.append([])
            else:
                found[-1].append(item)
        return [statement for statement in found if statement]

    @cached_property
    def brackets(self) -> list[tuple[Token, Token]]:
        """Each pair of brackets, in the order of the closing ones."""
        found: list[tuple[Token, Token]] = []
        pending: list[Token] = []
        for item in self.tokens:
            if item.kind in (token.LPAR, token.LSQB, token.LBRACE):
                pending.append(item)
            elif item.kind in (token.RPAR, token.RSQB, token.RBRACE):
                found.append((pending.pop(), item))
        return found

    @cached_property
    def names(self) -> frozenset[str]:
        """Every identifier of the text or of Python itself: a misspelling must be none of them."""
        used = {item.text for item in self.tokens if item.kind == token.NAME}
        return frozenset(used | set(dir(builtins)) | set(keyword.kwlist))

    @cached_property
    def modules(self) -> frozenset[str]:
        """Names that `import x` or `import x as y` binds in the module's own body."""
        imports = [node for node in self.tree.body if isinstance(node, ast.Import)]
        return frozenset(alias.asname or alias.name for node in imports for alias in node.names)

    @cached_property
    def bodies(self) -> list[list[ast.stmt]]:
        """Every block: a list of statements at one level."""
        fields = ("body", "orelse", "finalbody")
        found = (getattr(node, field, None) for node in self.nodes for field in fields)
        return [body for body in found if isinstance(body, list) and body]

    def span(self, node: ast.expr | ast.stmt | ast.arg | ast.keyword | ast.alias) -> tuple[int, int]:
        """Start and end offset of `node`."""
        start = self._offset(node.lineno, node.col_offset)
        return start, self._offset(node.end_lineno or 0, node.end_col_offset or 0)

    def lines_span(self, first: ast.stmt, last: ast.stmt | None = None) -> tuple[int, int]:
        """Span of the whole lines from `first` to `last`, with the last line feed."""
        end = (last or first).end_lineno or 0
        decorators = getattr(first, "decorator_list", None)
        start = decorators[0].lineno if decorators else first.lineno
        return self.line_start(start - 1), self.line_start(end)

    def line_start(self, line: int) -> int:
        """Start offset of a 0-based line; the text's end for the line after the last."""
        return self._starts[line] if line < len(self._starts) else len(self.text)

    def line_of(self, offset: int) -> int:
        """The line (0-based) that `offset` is in."""
        return bisect_right(self._starts, offset) - 1

    def alone(self, node: ast.stmt) -> bool:
        """Whether `node` fills its lines: only indentation before it, only a comment after it."""
        start, end = self.span(node)
        before = self.text[self.line_start(node.lineno - 1) : start]
        after = self.text[end : self.line_start(node.end_lineno or node.lineno)].strip()
        return not before.strip() and (not after or after.startswith("#"))

    def line_text(self, line: int) -> str:
        """The text of a 0-based line, without its line feed."""
        return self._lines[line]

    def simple(self, node: ast.stmt) -> bool:
        """Whether `node` is a statement without a block, alone on one line."""
        return node.lineno == node.end_lineno and not hasattr(node, "body") and self.alone(node)

    def indented_lines(self, first: ast.stmt, last: ast.stmt) -> tuple[int, int, list[str]]:
        """The span of the lines from `first` to `last` without the last line feed, and these lines."""
        start, end = self.lines_span(first, last)
        end -= self.text.endswith("\n", start, end)
        return start, end, self.text[start:end].split("\n")

    def of(self, node: ast.expr | ast.stmt | ast.arg | ast.keyword | ast.alias) -> str:
        """The text of `node`."""
        start, end = self.span(node)
        return self.text[start:end]

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        """Every function."""
        return (node for node in self.nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))

    def _offset(self, line: int, column: int) -> int:
        """`ast` counts lines from 1 and columns in bytes of UTF-8."""
        start, text = self._starts[line - 1], self._lines[line - 1]
        return start + (column if text.isascii() else len(text.encode()[:column].decode()))

    def _at(self, position: tuple[int, int]) -> int:
        """`tokenize` counts lines from 1 and columns in code points."""
        return self.line_start(position[0] - 1) + position[1]


def misspelt(name: str, known: frozenset[str], random: Random) -> str | None:
    """`name` with a typing slip, as an identifier that is not `known`; None: none was found."""
    for _ in range(8):
        index = random.randrange(len(name))
        slips = [name[:index] + name[index + 1 :], name[:index] + name[index] + name[index:]]
        if index + 1 < len(name):
            slips.append(name[:index] + name[index + 1] + name[index] + name[index + 2 :])
        if "_" in name.strip("_"):
            head, *tail = name.split("_")
            slips.append(head + "".join(part.capitalize() for part in tail))
        slip = random.choice(slips)
        if slip.isidentifier() and slip not in known and slip.strip("_"):
            return slip
    return None
