"""Lines of code with their strings masked: columns stay, and what a string holds is not read as code."""

import re
from collections.abc import Iterable

from repair.text.quoted import closed_strings

_PREFIX = re.compile(r"[rbfuRBFU]{0,2}\Z")
CLOSER = {"(": ")", "[": "]", "{": "}"}
LINES_BELOW = 8
"""Rows down to which a bracket of a row is looked for."""

Pattern = tuple[re.Pattern[str], str]
"""What is found in a row's code, without its strings and its comment, and the template of what was meant."""


def patterns(written: Iterable[tuple[str, str]]) -> list[Pattern]:
    """Expressions and templates, compiled."""
    return [(re.compile(expression), template) for expression, template in written]


def masked(row: str, *, triple: bool = False) -> str:
    """The row with its strings as underscores; the length stays. `triple`: those of several lines, too."""
    parts: list[str] = []
    position = 0
    for start, end in closed_strings(row, triple=triple):
        before = _PREFIX.sub(lambda found: "_" * len(found[0]), row[position:start])
        parts += before, "_" * (end - start)
        position = end
    return "".join((*parts, row[position:]))


def without_comment(row: str) -> tuple[str, str]:
    """The code of a row without trailing white space, and the rest."""
    plain = masked(row)
    code = row[: plain.find("#")] if "#" in plain else row
    return code.rstrip(), row[len(code.rstrip()) :]


def open_brackets(code: str) -> str:
    """The closing brackets that `code` lacks at its end, innermost first."""
    stack: list[str] = []
    for character in masked(code):
        if character in CLOSER:
            stack.append(CLOSER[character])
        elif stack and character == stack[-1]:
            stack.pop()
    return "".join(reversed(stack))


def spliced(row: str, found: re.Match[str], template: str) -> str:
    """The row with what a pattern found in `masked(row)` written as `template`, whose `{0}` is the first
    group's text in the row."""
    groups = [row[start:end] for start, end in found.regs[1:]]
    return row[: found.start()] + template.format(*groups) + row[found.end() :]


def blanks(row: str) -> str:
    """The white space that the row begins with."""
    return row[: len(row) - len(row.lstrip())]


def with_row(rows: list[str], line: int, row: str) -> list[str]:
    return [*rows[:line], row, *rows[line + 1 :]]


def renamed(rows: list[str], old: str, new: str) -> list[str]:
    """With the name `new` wherever the name `old` stands; attributes are none."""
    word = re.compile(rf"(?<![\w.]){old}(?!\w)")
    return [word.sub(new, row) for row in rows]


def indentation(row: str) -> int:
    """Columns before the row's first sign that is no white space."""
    row = row.expandtabs(8)
    return len(row) - len(row.lstrip())
