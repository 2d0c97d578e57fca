"""Rules for indentation: a line, or a block, as deep as what stands above it.

Tested by `tests/repair/synthesis/rules/test_rules.py`.
"""

import re
from collections.abc import Iterator

from repair.synthesis.rules.rows import blanks, indentation, with_row
from repair.text.quoted import closed_strings

_STEP = "    "


def into_function(rows: list[str], line: int) -> Iterator[list[str]]:
    """The row in the last function above it."""
    heads = (row for row in reversed(rows[:line]) if re.match(r"\s*(?:async\s+)?def\b", row))
    if head := next(heads, None):
        yield _shifted(rows, line, line + 1, indentation(head) + len(_STEP) - indentation(rows[line]))


def levelled(rows: list[str], line: int, *, nearest: bool) -> Iterator[list[str]]:
    """Indent the line and its block like a line above: the next one, or the one that is nearest to it."""
    depth = indentation(rows[line])
    above = [row for row in rows[:line] if row.strip()]
    if not above:
        yield _shifted(rows, line, _end_of_block(rows, line, depth), -depth)
        return
    shallower = (other for other in map(indentation, reversed(above)) if nearest or other <= depth)
    wanted = [indentation(above[-1]), *shallower]
    if above[-1].rstrip().endswith(":"):
        wanted.insert(0, indentation(above[-1]) + len(_STEP))
    if nearest:
        wanted.sort(key=lambda target: (abs(target - depth), -target))
    last = max(number for number in range(line) if rows[number].strip())
    if _has_tab(rows[last]) != _has_tab(rows[line]):
        number = last if _has_tab(rows[last]) else line
        yield with_row(rows, number, blanks(rows[number]).expandtabs(len(_STEP)) + rows[number].lstrip())
    for target in dict.fromkeys(wanted):
        if target != depth:
            yield _shifted(rows, line, _end_of_block(rows, line, depth), target - depth)
            yield _shifted(rows, line, line + 1, target - depth)


def deepened(rows: list[str], line: int) -> Iterator[list[str]]:
    """Indent the line and its block one step deeper than the last compound statement above."""
    heads = [row for row in rows[:line] if row.rstrip().endswith(":")]
    if not heads or not rows[line].strip():
        return
    depth, wanted = indentation(rows[line]), indentation(heads[-1]) + len(_STEP)
    yield _shifted(rows, line, line + 1, wanted - depth)
    yield _shifted(rows, line, _end_of_block(rows, line, depth), wanted - depth)
    yield _shifted(rows, line, _end_of_block(rows, line, 0), wanted - depth)


def without_tabs(rows: list[str], line: int) -> Iterator[list[str]]:
    """The rows with blanks for the tabs that they begin with: to the next multiple of eight columns, as
    Python reads them, or of four, as many editors show them; of the blocks around the line, innermost first.
    """
    in_strings = _in_strings(rows)
    code = [number for number, row in enumerate(rows) if row.strip() and number not in in_strings]
    for width in (8, 4):
        for start, end in _blocks(rows, code, line):
            result = list(rows)
            for number in code:
                if start <= number < end:
                    row = rows[number]
                    result[number] = blanks(row).expandtabs(width) + row.lstrip()
            yield result


def _blocks(rows: list[str], code: list[int], line: int) -> Iterator[tuple[int, int]]:
    """Where the rows as deep as the line, or deeper, begin and end around it; then those around them."""
    depth = indentation(rows[line])
    while True:
        start = max(
            (number for number in code if number <= line and indentation(rows[number]) < depth), default=-1
        )
        end = min(
            (number for number in code if number > line and indentation(rows[number]) < depth),
            default=len(rows),
        )
        yield start + 1, end
        if start < 0:
            return
        depth = indentation(rows[start])


def _in_strings(rows: list[str]) -> frozenset[int]:
    """The rows that begin within a string."""
    text = "\n".join(rows)
    found: set[int] = set()
    line = position = 0
    for start, end in closed_strings(text):
        first = line + text.count("\n", position, start)
        line, position = first + text.count("\n", start, end), end
        found.update(range(first + 1, line + 1))
    return frozenset(found)


def _has_tab(row: str) -> bool:
    return "\t" in blanks(row)


def _end_of_block(rows: list[str], line: int, depth: int) -> int:
    inside = (i for i in range(line, len(rows)) if rows[i].strip() and indentation(rows[i]) < depth)
    return next(inside, len(rows))


def _shifted(rows: list[str], start: int, end: int, by: int) -> list[str]:
    moved = [" " * (indentation(row) + by) + row.lstrip() if row.strip() else row for row in rows[start:end]]
    return [*rows[:start], *moved, *rows[end:]]
