"""Rules for brackets that are not closed, or by another kind.

Tested by `tests/repair/synthesis/rules/test_rules.py`.
"""

import re
from collections.abc import Iterator

from repair.synthesis.rules.rows import CLOSER, LINES_BELOW, masked, open_brackets, with_row, without_comment

_REPEATED = re.compile(r"\[(?:None|True|False|-?\d+)(?=\s*\*)")  # `[0 * n`
_ASSIGNED = re.compile(r"^\s*+[\w.]++\[([^\[\]()=]*+)(?<![!<>])=(?!=)")
# before a comprehension, a condition, an assignment or an operator
_INSIDE = re.compile(r" for | else |[\])] *(?:[-+*/]?=|[-+*/] )")


def closed(row: str) -> Iterator[str]:
    """The row with its brackets closed by their own kind; open ones before a last colon, at the end, before
    an arrow."""
    code, comment = without_comment(row)
    yield _matched(code, inserting=True) + comment
    yield _matched(code, inserting=False) + comment
    if assigned := _ASSIGNED.search(masked(code)):  # `d[key = value`
        end = assigned.start(1) + len(assigned[1].rstrip())
        yield f"{code[:end]}]{code[end:]}{comment}"
    closers = open_brackets(code)
    if not closers:
        return
    for found in _REPEATED.finditer(masked(code)):
        if open_brackets(code[: found.end()])[:1] == "]" and len(closers) == 1:
            yield f"{code[: found.end()]}]{code[found.end() :]}{comment}"
    if code.endswith(":"):
        yield f"{code[:-1]}{closers}:{comment}"
    if (arrow := code.find("->")) >= 0:
        yield f"{code[:arrow].rstrip()}{closers} {code[arrow:]}{comment}"
    yield f"{code}{closers}{comment}"
    for found in _INSIDE.finditer(code):
        index = found.start() + (found[0][0] != " ")
        yield f"{code[:index]}{open_brackets(code[:index])[:1]}{code[index:]}{comment}"


def closed_below(rows: list[str], line: int) -> Iterator[list[str]]:
    """A bracket of the row closed at the end of a line below it."""
    code, _ = without_comment(rows[line])
    for end in range(line + 1, min(line + 1 + LINES_BELOW, len(rows))):
        below, comment = without_comment(rows[end])
        code += f"\n{below}"
        if not (closers := open_brackets(code)):
            return
        yield with_row(rows, end, f"{below}{closers}{comment}")


def _matched(code: str, *, inserting: bool) -> str:
    """Before a closing bracket all that were opened after its own are closed, or it becomes one of the kind
    that the innermost open one has."""
    stack: list[str] = []
    signs: list[str] = []
    for place, sign in enumerate(masked(code)):
        if sign in CLOSER:
            stack.append(CLOSER[sign])
        closed = code[place]
        if stack and sign in CLOSER.values():
            while inserting and sign in stack and stack[-1] != sign:
                signs.append(stack.pop())
            closed = stack.pop()
        signs.append(closed)
    return "".join(signs)
