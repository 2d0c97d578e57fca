"""Indentation mistakes: lines and whole blocks that stand too far in or out, and tabs among blanks.

Tested by `tests/repair/sources/simulated/test_mistakes.py`.
"""

import ast
from collections.abc import Iterator
from random import Random

from repair.sources.simulated.edits import MistakeEdit, MistakeKind
from repair.sources.simulated.source_text import SourceText

STEP = 4
_LONGEST_BLOCK = 12


def _blocks(source: SourceText) -> Iterator[list[ast.stmt]]:
    """Blocks below the module's level whose statements have lines of their own."""
    for body in source.bodies:
        if body[0].col_offset and all(source.alone(node) for node in body):
            yield body


def _shifted(lines: list[str], columns: int) -> str:
    """The lines, moved by so many columns; empty ones stay."""
    blanks = " " * columns
    return "\n".join((blanks + line if columns > 0 else line[-columns:]) if line else line for line in lines)


def _can_move_out(lines: list[str], columns: int) -> bool:
    return all(line.startswith(" " * columns) for line in lines if line)


def unexpected_indent(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A line that is not a block's first is indented too much."""
    for body in _blocks(source):
        for node in body[1:]:
            if node.lineno == node.end_lineno:
                start = source.line_start(node.lineno - 1)
                yield MistakeEdit(start, start, " " * random.choice([1, 2, STEP, STEP]))


def missing_indent(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A block's first line is not indented, while the others are."""
    for body in _blocks(source):
        if len(body) > 1 and source.simple(body[0]) and body[0].col_offset >= STEP:
            start = source.line_start(body[0].lineno - 1)
            yield MistakeEdit(start, start + STEP, "")


def unaligned_dedent(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A line stands between two levels."""
    for body in _blocks(source):
        for node in body[1:]:
            if node.lineno == node.end_lineno and node.col_offset >= STEP:
                start = source.line_start(node.lineno - 1)
                yield MistakeEdit(start, start + random.choice([1, 2, 3]), "")


def block_not_indented(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A whole block stands at the level of its head."""
    for body in _blocks(source):
        start, end, lines = source.indented_lines(body[0], body[-1])
        if len(lines) <= _LONGEST_BLOCK and _can_move_out(lines, STEP):
            yield MistakeEdit(start, end, _shifted(lines, -STEP))


def block_too_deep(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """From its second statement on, a block stands one step further in."""
    for body in _blocks(source):
        if len(body) > 1:
            start, end, lines = source.indented_lines(body[1], body[-1])
            if len(lines) <= _LONGEST_BLOCK:
                yield MistakeEdit(start, end, _shifted(lines, STEP))


def statement_too_far_out(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A block of a function stands one step further out than the statement before it, by too few blanks."""
    for body in _blocks(source):
        if len(body) > 2:
            start, end, lines = source.indented_lines(body[2], body[-1])
            if len(lines) <= _LONGEST_BLOCK and _can_move_out(lines, 2):
                yield MistakeEdit(start, end, _shifted(lines, -random.choice([1, 2])))


def tab_among_blanks(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A line is indented by tabs, the others by blanks."""
    for body in _blocks(source):
        for node in body:
            if source.simple(node) and len(body) > 1 and node.col_offset % STEP == 0:
                start = source.line_start(node.lineno - 1)
                yield MistakeEdit(start, start + node.col_offset, "\t" * (node.col_offset // STEP))


def indented_top_level(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A statement of the module, a whole definition perhaps, begins with blanks."""
    for node in source.tree.body:
        if source.alone(node):
            start, end, lines = source.indented_lines(node, node)
            if len(lines) <= _LONGEST_BLOCK:
                yield MistakeEdit(start, end, _shifted(lines, random.choice([1, 2, STEP])))


def return_outside_function(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A function's last line, a `return`, is not indented."""
    for function in source.tree.body:
        if isinstance(function, ast.FunctionDef) and len(function.body) > 1:
            last = function.body[-1]
            if isinstance(last, ast.Return) and source.simple(last):
                start = source.line_start(last.lineno - 1)
                yield MistakeEdit(start, start + last.col_offset, "")


INDENTATION_MISTAKES = (
    MistakeKind("unexpected_indent", unexpected_indent, 4, breaks_parsing=True),
    MistakeKind("missing_indent", missing_indent, 3, breaks_parsing=True),
    MistakeKind("unaligned_dedent", unaligned_dedent, 3, breaks_parsing=True),
    MistakeKind("block_not_indented", block_not_indented, 4, breaks_parsing=True),
    MistakeKind("block_too_deep", block_too_deep, 3, breaks_parsing=True),
    MistakeKind("statement_too_far_out", statement_too_far_out, 2, breaks_parsing=True),
    MistakeKind("tab_among_blanks", tab_among_blanks, 3, breaks_parsing=True),
    MistakeKind("indented_top_level", indented_top_level, 2, breaks_parsing=True),
    MistakeKind("return_outside_function", return_outside_function, 1),
)
