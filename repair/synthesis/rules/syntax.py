"""Rules for syntax errors: colons, brackets, quotes, `=` for `==`, indentation.

Tested by `tests/repair/synthesis/rules/test_rules.py`.
"""

import re
from collections.abc import Iterator

from repair.diagnostics.diagnostic import Diagnostic
from repair.text.quoted import closed_strings

_NO_COLON = re.compile(r'Expected ":"|Expected `:`')
_NOT_CLOSED = re.compile(r'"[([{]" was not closed|Expected [`"][)\]},]|unexpected EOF')
_TOO_DEEP = re.compile(r"Unexpected indentation", re.IGNORECASE)
_NOT_DEEP = re.compile(r"Expected (?:an )?indented block", re.IGNORECASE)
_UNEVEN = re.compile(r"unindent (?:not expected|amount|does not match)", re.IGNORECASE)
_PREFIX = re.compile(r"[rbfuRBFU]{0,2}\Z")
_CONDITION = re.compile(r"\b(?:if|elif|while)\b")
_COMPOUND = re.compile(r"\s*(?:async\s+)?(?:if|elif|else|while|for|def|class|try|except|finally|with)\b")
_PLAIN_EQUALS = re.compile(r"(?<![=!<>:+\-*/%&|^@])=(?!=)")
_TAIL = re.compile(r"(?<![)\]},:\s])[)\]},:\s]*+$")
_CLOSER = {"(": ")", "[": "]", "{": "}"}
_STEP = "    "


def suggestions(rows: list[str], diagnostic: Diagnostic) -> Iterator[list[str]]:
    """The file's lines after each candidate repair, the likeliest first."""
    line, message = diagnostic.start_line, diagnostic.message
    row = rows[line]
    yield from (_with_row(rows, line, repaired) for repaired in _compared(row))
    yield from (_with_row(rows, line, repaired) for repaired in _quoted(row))
    if _NOT_CLOSED.search(message):
        yield from (_with_row(rows, line, repaired) for repaired in _closed(row))
    if _NO_COLON.search(message) and _COMPOUND.match(row):
        code, comment = _without_comment(row)
        yield _with_row(rows, line, f"{code}:{comment}")
    if row[diagnostic.start_column : diagnostic.start_column + 1] in (*")]}", ";"):
        yield _with_row(rows, line, row[: diagnostic.start_column] + row[diagnostic.start_column + 1 :])
    if _TOO_DEEP.search(message) or _UNEVEN.search(message):
        yield from _levelled(rows, line)
    if _NOT_DEEP.search(message):
        yield from _deepened(rows, line)
    # A server often reports an error on the line after the one at fault.
    yield from (_with_row(rows, line, repaired) for repaired in _closed(row))
    if line:
        above = rows[line - 1]
        code, comment = _without_comment(above)
        if _TOO_DEEP.search(message) and _COMPOUND.match(code) and not code.endswith(":"):
            yield _with_row(rows, line - 1, f"{code}:{comment}")
        for repaired in (*_compared(above), *_closed(above)):
            yield _with_row(rows, line - 1, repaired)


def _compared(row: str) -> Iterator[str]:
    """The row with one `=` after an `if` or `while` doubled."""
    condition = _CONDITION.search(row)
    for found in _PLAIN_EQUALS.finditer(row, condition.end()) if condition else ():
        yield f"{row[: found.start()]}=={row[found.end() :]}"


def _quoted(row: str) -> Iterator[str]:
    """The row with its open string closed before what follows, closed at the end, or not opened."""
    opening = re.search("['\"]", _masked(row))
    if opening is None:
        return
    tail = _TAIL.search(row)
    for cut in (tail.start() if tail else len(row), len(row)):
        yield row[:cut] + opening[0] + row[cut:]
    yield row[: opening.start()] + row[opening.end() :]


def _closed(row: str) -> Iterator[str]:
    """The row with its open brackets closed: before a last colon, at the end, before an arrow."""
    code, comment = _without_comment(row)
    closers = _open_brackets(code)
    if not closers:
        return
    if code.endswith(":"):
        yield f"{code[:-1]}{closers}:{comment}"
    if (arrow := code.find("->")) >= 0:
        yield f"{code[:arrow].rstrip()}{closers} {code[arrow:]}{comment}"
    yield f"{code}{closers}{comment}"
    for found in re.finditer(r" for |[\])] *(?:[-+*/]?=|[-+*/] )", code):  # a comprehension; an assignment
        index = found.start() + (found[0][0] != " ")
        yield f"{code[:index]}{_open_brackets(code[:index])[:1]}{code[index:]}{comment}"


def _open_brackets(code: str) -> str:
    """The closing brackets that `code` lacks at its end, innermost first."""
    stack: list[str] = []
    for character in _masked(code):
        if character in _CLOSER:
            stack.append(_CLOSER[character])
        elif stack and character == stack[-1]:
            stack.pop()
    return "".join(reversed(stack))


def _levelled(rows: list[str], line: int) -> Iterator[list[str]]:
    """Indent the line and its block like a line above."""
    depth = _depth(rows[line])
    above = [row for row in rows[:line] if row.strip()]
    if not above:
        yield _shifted(rows, line, _end_of_block(rows, line, depth), -depth)
        return
    wanted = [_depth(above[-1]), *(other for other in map(_depth, reversed(above)) if other <= depth)]
    if above[-1].rstrip().endswith(":"):
        wanted.insert(0, _depth(above[-1]) + len(_STEP))
    for target in dict.fromkeys(wanted):
        if target != depth:
            yield _shifted(rows, line, _end_of_block(rows, line, depth), target - depth)
            yield _shifted(rows, line, line + 1, target - depth)


def _deepened(rows: list[str], line: int) -> Iterator[list[str]]:
    """Indent the line and its block one step deeper than the last compound statement above."""
    heads = [row for row in rows[:line] if row.rstrip().endswith(":")]
    if not heads or not rows[line].strip():
        return
    depth, wanted = _depth(rows[line]), _depth(heads[-1]) + len(_STEP)
    yield _shifted(rows, line, line + 1, wanted - depth)
    yield _shifted(rows, line, _end_of_block(rows, line, depth), wanted - depth)
    yield _shifted(rows, line, _end_of_block(rows, line, 0), wanted - depth)


def _end_of_block(rows: list[str], line: int, depth: int) -> int:
    inside = (i for i in range(line, len(rows)) if rows[i].strip() and _depth(rows[i]) < depth)
    return next(inside, len(rows))


def _shifted(rows: list[str], start: int, end: int, by: int) -> list[str]:
    moved = [" " * (_depth(row) + by) + row.lstrip() if row.strip() else row for row in rows[start:end]]
    return [*rows[:start], *moved, *rows[end:]]


def _depth(row: str) -> int:
    row = row.expandtabs(8)
    return len(row) - len(row.lstrip())


def _without_comment(row: str) -> tuple[str, str]:
    """The code of a row without trailing white space, and the rest."""
    plain = _masked(row)
    code = row[: plain.find("#")] if "#" in plain else row
    return code.rstrip(), row[len(code.rstrip()) :]


def _masked(row: str) -> str:
    """The row with its strings masked; the length stays."""
    parts: list[str] = []
    position = 0
    for start, end in closed_strings(row, triple=False):
        before = _PREFIX.sub(lambda found: "_" * len(found[0]), row[position:start])
        parts += before, "_" * (end - start)
        position = end
    return "".join((*parts, row[position:]))


def _with_row(rows: list[str], line: int, row: str) -> list[str]:
    return [*rows[:line], row, *rows[line + 1 :]]
