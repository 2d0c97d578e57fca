"""A repaired file beside the original, as the rules look at it."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

from repair.diagnostics.codes import type_of_code
from repair.diagnostics.diagnostic import Diagnostic
from repair.line_diff.numbered import LineDiff
from repair.text.lines import lines_of
from repair.verification.cheats.logical_lines import LogicalLine, counterparts, read_both

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
DEFINITIONS = (*FUNCTIONS, ast.ClassDef)

ABOUT_NAMES = frozenset(
    {
        *("F821", "reportUndefinedVariable", "reportAttributeAccessIssue", "reportFunctionMemberAccess"),
        *("reportUnboundVariable", "reportPossiblyUnbound", "reportPossiblyUnboundVariable"),
    }
)
"""Rules about a name that is not known: leaving its use out is no way to make it known."""


@dataclass(frozen=True, slots=True)
class Cheat:
    """A way around the diagnostic; as a text, `kind: evidence`."""

    kind: str
    evidence: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.evidence}"


class Texts:
    """Both texts of a file; what is derived of them is made when it is needed.

    Line numbers count from 1. A tree is None where the text does not parse.
    """

    def __init__(self, original: str, repaired: str) -> None:
        self.old_rows = lines_of(original)
        self.new_rows = lines_of(repaired)
        self.old, self.new = read_both(original, repaired)

    @cached_property
    def trees(self) -> tuple[ast.Module, ast.Module] | None:
        """Both texts' trees, if both parse."""
        old, new = self.old_tree, self.new_tree
        return (old, new) if old and new else None

    @cached_property
    def old_tree(self) -> ast.Module | None:
        """The original's."""
        return parsed(self.old_rows)

    @cached_property
    def new_tree(self) -> ast.Module | None:
        """The repaired text's."""
        return parsed(self.new_rows)

    @cached_property
    def added_strings(self) -> list[str]:
        """Strings of the repaired text that the original does not have."""
        old = Counter(_strings(self.old_tree))
        return list(Counter(_strings(self.new_tree)) - old) if self.old_tree or self.new_tree else []


class Change(Texts):
    """Both texts of the diagnostic's file, with the diagnostic."""

    def __init__(self, original: str, repaired: str, diagnostic: Diagnostic, diff: LineDiff) -> None:
        super().__init__(original, repaired)
        self.diff = diff
        self.type = type_of_code(diagnostic.code)
        self.line = diagnostic.start_line + 1
        row = self.old_rows[diagnostic.start_line]
        end = diagnostic.end_column if diagnostic.end_line == diagnostic.start_line else len(row)
        self.word = row[diagnostic.start_column : end]
        """The diagnosed text, up to the end of its first line."""
        self.column = len(row[: diagnostic.start_column].encode(errors="replace"))
        """Where it begins, in bytes of UTF-8 as `ast` counts."""

    @cached_property
    def places(self) -> dict[LogicalLine, LogicalLine | None]:
        """What became of the lines of code that the diff touches."""
        return counterparts(self.old, self.new, self.diff)

    @cached_property
    def diagnosed(self) -> LogicalLine | None:
        """The line of code with the diagnostic."""
        return next((line for line in self.old.lines if line.first <= self.line <= line.last), None)

    @cached_property
    def counterpart(self) -> LogicalLine | None:
        """What became of the diagnosed line; None if it is gone."""
        if self.diagnosed is None:
            return None
        if self.diagnosed in self.places:
            return self.places[self.diagnosed]
        place = self.diff.map_line(self.diagnosed.first)
        return next((line for line in self.new.lines if line.first == place), None)


def parsed(rows: list[str]) -> ast.Module | None:
    """The tree of a text given as its lines, or None if it does not parse."""
    try:
        return ast.parse("\n".join(rows))
    except (SyntaxError, ValueError, RecursionError):  # ValueError: a null character
        return None


@lru_cache(maxsize=8)
def nodes_of(tree: ast.Module) -> tuple[ast.AST, ...]:
    """All nodes of a tree, from the outside in. Each rule looks at all of them, one behind the other."""
    return tuple(ast.walk(tree))


def first_line(statement: ast.stmt) -> int:
    """The line on which a statement begins, decorators included."""
    decorators = statement.decorator_list if isinstance(statement, DEFINITIONS) else []
    return min([statement.lineno, *(decorator.lineno for decorator in decorators)])


def statement_at(line: LogicalLine | None, tree: ast.Module) -> ast.stmt | None:
    """The statement whose head is `line`."""
    if line is None:
        return None
    statements = (node for node in nodes_of(tree) if isinstance(node, ast.stmt))
    return next((statement for statement in statements if statement.lineno == line.first), None)


def source_of(line: LogicalLine, rows: list[str]) -> str:
    """The text of a line of code, without its indentation."""
    return "\n".join(rows[line.first - 1 : line.last]).strip()


def shown(text: str) -> str:
    """A short form for an evidence."""
    text = re.sub(r"\s+", " ", text)
    return f"`{text if len(text) <= 60 else f'{text[:57]}...'}`"


def squeezed(text: str) -> str:
    """The text without white space and comment signs, for comparing."""
    return re.sub(r"[\s#]+", "", text)


def _strings(tree: ast.Module | None) -> Iterator[str]:
    for node in nodes_of(tree) if tree else ():
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
