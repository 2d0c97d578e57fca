"""Rules for quotes: one more, one less, or another one; and for prefixes of strings.

Tested by `tests/repair/synthesis/rules/test_rules.py`.
"""

import ast
import re
from collections.abc import Iterator

from repair.synthesis.rules.rows import masked, without_comment
from repair.text.python_syntax import tree_of
from repair.text.quoted import closed_strings

_TAIL = re.compile(r"(?<![)\]},:\s])[)\]},:\s]*+$")
_PREFIX = re.compile(r"(?<!\w)[a-zA-Z]{0,2}\Z")
_NO_ESCAPE = re.compile(r"\\(?:U(?!\w{8})|u(?!\w{4})|x(?!\w{2})|N(?!\{))")
_COMPUTING = (ast.Call, ast.BinOp, ast.BoolOp, ast.Compare, ast.Subscript, ast.comprehension)


def quoted(row: str) -> Iterator[str]:
    """The row with one more quote, one quote less, or another one."""
    yield from _prefixed(row)
    plain = masked(row)
    opening = re.search("['\"]", plain)
    if opening is None:
        return
    start, quote = opening.start(), opening[0]
    other = "'" if quote == '"' else '"'
    if row.count(quote) == 3 and other not in row:
        first = row.index(quote)
        if re.match(r"\w", row[row.index(quote, first + 1) + 1 :]):  # 'it's'
            yield row[:first] + other + row[first + 1 : start] + other + row[start + 1 :]
    stray = row[:start] + row[start + 1 :]
    if row[start - 1 : start] == quote or _is_computed(row[start + 1 :]):
        yield stray
    if (closing := plain.find(other, start)) >= 0:
        yield row[:closing] + quote + row[closing + 1 :]
    if begun := re.search(r"(?:^|[(\[{,=:]|\breturn\b)\s*([^\W\d][\w ]*)$", plain[:start]):
        yield row[: begun.start(1)] + quote + row[begun.start(1) :]
    tail = _TAIL.search(row)
    for cut in (tail.start() if tail else len(row), len(row)):
        yield row[:cut] + quote + row[cut:]
    yield stray


def _prefixed(row: str) -> Iterator[str]:
    """The row with a raw string for one whose backslashes escape nothing, a path of Windows say, or for one
    of Python 2 with the prefix `ur`."""
    for start, end in closed_strings(row, triple=False):
        prefix = _PREFIX.search(row, 0, start)
        written = prefix[0].lower() if prefix else "?"
        if written == "ur":
            yield row[: start - 2] + row[start - 1 :]
        elif written in ("", "u") and _NO_ESCAPE.search(row, start, end) and "\\\\" not in row[start:end]:
            yield f"{row[: start - len(written)]}r{row[start:]}"


def _is_computed(text: str) -> bool:
    """Whether a text without its closing quote reads as an expression that computes something, not as a
    text."""
    match tree_of(without_comment(text.strip())[0].rstrip(":")):
        case ast.Module([ast.Expr(found)]):
            return any(isinstance(node, _COMPUTING) for node in ast.walk(found))
        case _:
            return False
