"""Rules for syntax errors: what each message and row suggest; separators, and `=` for `==`.

Tested by `tests/repair/synthesis/rules/test_rules.py`.
"""

import ast
import keyword
import re
from collections.abc import Iterator

from repair.diagnostics.diagnostic import Diagnostic
from repair.synthesis.rules import foreign_syntax
from repair.synthesis.rules.brackets import closed, closed_below
from repair.synthesis.rules.indentation import deepened, into_function, levelled, without_tabs
from repair.synthesis.rules.look_alikes import in_signs_of_python
from repair.synthesis.rules.quotes import quoted
from repair.synthesis.rules.rows import (
    CLOSER,
    LINES_BELOW,
    blanks,
    masked,
    open_brackets,
    patterns,
    spliced,
    with_row,
    without_comment,
)
from repair.text.python_syntax import first_error, tree_of

_NO_COLON = re.compile(r'Expected ":"|Expected `:`')
_NOT_CLOSED = re.compile(r'"[([{]" was not closed|Expected [`"][)\]},]|unexpected EOF')
_TOO_DEEP = re.compile(r"Unexpected indentation", re.IGNORECASE)
_NOT_DEEP = re.compile(r"Expected (?:an )?indented block", re.IGNORECASE)
_UNEVEN = re.compile(r"unindent (?:not expected|amount|does not match)", re.IGNORECASE)
_TABS = re.compile(r"inconsistent use of tabs", re.IGNORECASE)
_OUTSIDE = re.compile(r"\breturn\b.*\b(?:within|outside)\b.*function")
_NOT_SEPARATED = re.compile(r"must be separated by newlines")
_CONDITION = re.compile(r"\b(?:if|elif|while)\b")
_COMPOUND = re.compile(r"\s*(?:async\s+)?(?:if|elif|else|while|for|def|class|try|except|finally|with)\b")
_PLAIN_EQUALS = re.compile(r"(?<![=!<>:+\-*/%&|^@])=(?!=)")

_LONGEST = 1_000
"""A longer row was made by a program. Some rules take time that grows with its square."""

# what is found in a row's code, without its strings and its comment, and what was meant
_SEPARATORS = patterns(
    (
        (r",\s*,", ","),
        (r"(?<!\.)\.\.(?=\w)", "."),
        (r"::$", ":"),
        (r":([)\]}]+)$", "{0}:"),
        (r"\bself (?!(?:and|or|if|else|in|is|not)\b)(?=\w)", "self."),
    )
)
_TRIPLE = re.compile("\"\"\"|'''")
_CONTINUING = ("elif", "else", "except", "finally", "case", "@")
_NEIGHBOURS = re.compile(r"(?=((?<!\w)\w++|[)\]}])\s++(\w++|[(\[{]))")
_JOINING = frozenset(keyword.kwlist) - {"None", "True", "False"}


def suggestions(rows: list[str], diagnostic: Diagnostic) -> Iterator[list[str]]:
    """The file's lines after each candidate repair, the likeliest first."""
    line, message = diagnostic.start_line, diagnostic.message
    row = rows[line]
    if any(len(near) > _LONGEST for near in rows[max(line - 1, 0) : line + 1 + LINES_BELOW]):
        return
    if _TABS.search(message):
        yield from without_tabs(rows, line)
    if (plainer := in_signs_of_python(row)) != row:  # each suggestion is parsed
        yield with_row(rows, line, plainer)
    yield from (with_row(rows, line, repaired) for repaired in _compared(row))
    yield from foreign_syntax.suggestions(rows, line)
    yield from (with_row(rows, line, repaired) for repaired in quoted(row))
    yield from (with_row(rows, line, repaired) for repaired in _separated(row))
    if _NOT_CLOSED.search(message):
        yield from (with_row(rows, line, repaired) for repaired in closed(row))
        yield from closed_below(rows, line)
    if _NO_COLON.search(message) and _COMPOUND.match(row):
        code, comment = without_comment(row)
        yield with_row(rows, line, f"{code.rstrip(';,.=-')}:{comment}")
    if row[diagnostic.start_column : diagnostic.start_column + 1] in (*")]}", ";"):
        yield with_row(rows, line, row[: diagnostic.start_column] + row[diagnostic.start_column + 1 :])
    if _NOT_SEPARATED.search(message):
        yield from _parted(rows, diagnostic)
    if not _follows_a_fault(rows, line):
        yield from _indented(rows, line, message)
    # A server often reports an error on the line after the one at fault.
    yield from (with_row(rows, line, repaired) for repaired in closed(row))
    if line:
        above = rows[line - 1]
        code, comment = without_comment(above)
        if _TOO_DEEP.search(message) and _COMPOUND.match(code) and not code.endswith(":"):
            yield with_row(rows, line - 1, f"{code}:{comment}")
        for repaired in (*_compared(above), *closed(above)):
            yield with_row(rows, line - 1, repaired)


def _follows_a_fault(rows: list[str], line: int) -> bool:
    """Whether the row above is no code by itself, so that this one may well be where it should."""
    if first_error("\n".join(rows)) == line:
        return True
    code, _ = without_comment(rows[line - 1] if line else "")
    plain = masked(code).strip()
    is_whole = all(plain.count(opening) == plain.count(closing) for opening, closing in CLOSER.items())
    is_part = not is_whole or plain.startswith(_CONTINUING) or plain.endswith("\\") or _TRIPLE.search(plain)
    return not is_part and _tree_of_row(code) is None


def _indented(rows: list[str], line: int, message: str) -> Iterator[list[str]]:
    if _OUTSIDE.search(message):
        yield from into_function(rows, line)
    if _TOO_DEEP.search(message) or _UNEVEN.search(message):
        yield from levelled(rows, line, nearest=_UNEVEN.search(message) is not None)
    if _NOT_DEEP.search(message):
        yield from deepened(rows, line)


def _compared(row: str) -> Iterator[str]:
    """The row with one `=` after an `if` or `while` doubled."""
    condition = _CONDITION.search(row)
    for found in _PLAIN_EQUALS.finditer(row, condition.end()) if condition else ():
        yield f"{row[: found.start()]}=={row[found.end() :]}"


def _separated(row: str) -> Iterator[str]:
    """The row with its commas, points and colons as they are meant."""
    code, comment = without_comment(row)
    plain = masked(code)
    for pattern, template in _SEPARATORS:
        if found := pattern.search(plain):
            yield spliced(code, found, template) + comment
    for found in re.finditer("[;=]", plain):
        place, innermost = found.start(), open_brackets(plain[: found.start()])[:1]
        if innermost and found[0] == ";":
            yield f"{code[:place]},{code[place + 1 :]}{comment}"
        elif innermost == "}" and _PLAIN_EQUALS.match(plain, place):
            yield f"{code[:place].rstrip()}:{code[place + 1 :]}{comment}"
    missing = [
        found.end(1)
        for found in _NEIGHBOURS.finditer(plain)
        if not {found[1], found[2]} & _JOINING and open_brackets(plain[: found.end(1)])
    ]
    if len(missing) == 1:
        yield f"{code[: missing[0]]},{code[missing[0] :]}{comment}"


def _tree_of_row(code: str) -> ast.Module | None:
    code = code.strip()
    return tree_of(f"{code} pass" if code.endswith(":") else code)


def _is_statement(code: str) -> bool:
    """Whether it stands by itself, and all of it does something."""
    tree = _tree_of_row(code)
    idle = (
        isinstance(found, ast.Expr) and not isinstance(found.value, ast.Call)
        for found in (tree.body if tree else ())
    )
    return bool(tree and tree.body) and not any(idle)


def _parted(rows: list[str], diagnostic: Diagnostic) -> Iterator[list[str]]:
    """The row with a bracket before the diagnosed place, or with what begins there on a line of its own."""
    line, row = diagnostic.start_line, rows[diagnostic.start_line]
    before, after = row[: diagnostic.start_column].rstrip(), row[diagnostic.start_column :]
    plain = masked(row)
    if plain.count(")") > plain.count("("):
        yield with_row(rows, line, f"{before}({after}")
    # what is parted from the block in its row would run whether or not the block does
    if not _COMPOUND.match(row) and _is_statement(before) and _is_statement(after):
        yield [*rows[:line], before, blanks(row) + after, *rows[line + 1 :]]
