"""The input of the cheat rules: a file before and after a diff, tokenized and parsed on demand.

Tested by `tests/repair/verification/cheats/test_cheats.py`.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from tree_sitter import Node

from repair.diagnostics.codes import type_of_code
from repair.diagnostics.diagnostic import Diagnostic
from repair.line_diff.numbered import LineDiff, hunks
from repair.text.lines import lines_of
from repair.verification.cheats.logical_lines import LogicalLine, counterparts, read_both
from repair.verification.cheats.syntax import Position, SyntaxTree, string_value, tree_of

ABOUT_NAMES = frozenset(
    {
        *("F821", "reportUndefinedVariable", "reportAttributeAccessIssue", "reportFunctionMemberAccess"),
        *("reportUnboundVariable", "reportPossiblyUnbound", "reportPossiblyUnboundVariable"),
    }
)
"""Rules about an unknown name: deleting its use does not repair it."""


@dataclass(frozen=True, slots=True)
class Cheat:
    """A kind of cheat and its evidence; as a string, `kind: evidence`."""

    kind: str
    evidence: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.evidence}"


class TextPair:
    """A file before and after the diff; derived data is computed on demand.

    Line numbers count from 1.
    """

    def __init__(self, original: str, repaired: str) -> None:
        self.old_rows = lines_of(original)
        self.new_rows = lines_of(repaired)
        self.old, self.new = read_both(original, repaired)
        self._added = frozenset(
            number - 1
            for hunk in hunks(original, repaired)
            for number in range(hunk.new_start, hunk.new_start + len(hunk.added))
        )

    def is_added(self, node: Node) -> bool:
        """Whether a node of the repaired text has an added line.

        Where the original does not parse, its tree may lack what is in the repaired text's: only what is
        added counts.
        """
        return any(row in self._added for row in range(node.start_point[0], node.end_point[0] + 1))

    @cached_property
    def old_tree(self) -> SyntaxTree:
        """The original's syntax tree."""
        return tree_of("\n".join(self.old_rows))

    @cached_property
    def new_tree(self) -> SyntaxTree:
        """The repaired text's."""
        return tree_of("\n".join(self.new_rows))

    @cached_property
    def added_strings(self) -> list[str]:
        """Strings of the repaired text that the original does not have."""
        new = (value for node, value in _strings(self.new_tree) if self.is_added(node))
        return list(Counter(new) - Counter(value for _, value in _strings(self.old_tree)))


class DiagnosedChange(TextPair):
    """The diagnostic's file before and after the diff, with the diagnostic."""

    def __init__(self, original: str, repaired: str, diagnostic: Diagnostic, diff: LineDiff) -> None:
        super().__init__(original, repaired)
        self.diff = diff
        self.type = type_of_code(diagnostic.code)
        self.line = diagnostic.start_line + 1
        row = self.old_rows[diagnostic.start_line]
        end = diagnostic.end_column if diagnostic.end_line == diagnostic.start_line else len(row)
        self.diagnosed_text = row[diagnostic.start_column : end]
        """The diagnosed text, up to the end of its first line."""
        self.column = len(row[: diagnostic.start_column].encode(errors="replace"))
        """Where it begins, in bytes of UTF-8 as the tree counts."""

    @cached_property
    def counterparts(self) -> dict[LogicalLine, LogicalLine | None]:
        """The counterparts of the lines of code that the diff touches; None for a deleted one."""
        return counterparts(self.old, self.new, self.diff)

    @cached_property
    def diagnosed(self) -> LogicalLine | None:
        """The line of code with the diagnostic."""
        return next((line for line in self.old.lines if line.first <= self.line <= line.last), None)

    @cached_property
    def counterpart(self) -> LogicalLine | None:
        """The line of code that the diagnosed one became; None if it was deleted."""
        if self.diagnosed is None:
            return None
        if self.diagnosed in self.counterparts:
            return self.counterparts[self.diagnosed]
        new_number = self.diff.map_line(self.diagnosed.first)
        return next((line for line in self.new.lines if line.first == new_number), None)


def position_of(line: LogicalLine) -> Position:
    """Where a line of code begins, for the tree."""
    number, column = line.starts[0]
    return number - 1, column


def source_of(line: LogicalLine, rows: list[str]) -> str:
    """The text of a line of code, without its indentation."""
    return "\n".join(rows[line.first - 1 : line.last]).strip()


def quote(text: str) -> str:
    """Quotes code for an evidence, shortened."""
    text = re.sub(r"\s+", " ", text)
    return f"`{text if len(text) <= 60 else f'{text[:57]}...'}`"


def without_spaces(text: str) -> str:
    """The text without white space and comment signs, for comparison."""
    return re.sub(r"[\s#]+", "", text)


def _strings(tree: SyntaxTree) -> Iterator[tuple[Node, str]]:
    for node in tree.of_type("string", "concatenated_string"):
        if value := string_value(node):
            yield node, value
