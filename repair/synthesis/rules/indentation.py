"""Rules for indentation: a line, or a block, as deep as what stands above it.

Tested by `tests/repair/synthesis/rules/test_rules.py`.
"""

import re
from collections.abc import Iterator

from repair.synthesis.rules.rows import blanks, indentation, with_row

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


def _has_tab(row: str) -> bool:
    return "\t" in blanks(row)


def _end_of_block(rows: list[str], line: int, depth: int) -> int:
    inside = (i for i in range(line, len(rows)) if rows[i].strip() and indentation(rows[i]) < depth)
    return next(inside, len(rows))


def _shifted(rows: list[str], start: int, end: int, by: int) -> list[str]:
    moved = [" " * (indentation(row) + by) + row.lstrip() if row.strip() else row for row in rows[start:end]]
    return [*rows[:start], *moved, *rows[end:]]
