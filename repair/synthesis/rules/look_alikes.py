"""Rules for signs that look like Python's: full-width forms, curled quotes, and signs of word processors.

Tested by `tests/repair/synthesis/rules/test_look_alikes.py`.
"""

import re
from unicodedata import east_asian_width, normalize

from repair.synthesis.rules.rows import masked, without_comment

_CURLED = re.compile(
    "[\u201c\u201d]([^\"\u201c\u201d]*)[\u201c\u201d]|[\u2018\u2019]([^'\u2018\u2019]*)[\u2018\u2019]"
)
_SIGNS = {
    **dict(zip("\u201c\u201d\u2018\u2019", "\"\"''", strict=True)),
    **dict(zip("\u3001\u3002\u3010\u3011\u300c\u300d", ',.[]""', strict=True)),
    **dict.fromkeys("\u2010\u2011\u2013\u2014\u2212", "-"),
    **{"\u00d7": "*", "\u00f7": "/", "\u2264": "<=", "\u2265": ">=", "\u2260": "!=", "\u2026": "..."},
    **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff", ""),
}


def in_signs_of_python(row: str) -> str:
    """The row with Python's signs for those that look like them; its strings and its comment stay."""
    if row.isascii():
        return row
    code, comment = without_comment(row)
    straight = _CURLED.sub(_quoted, code)
    signs = (
        sign if covered == "_" else _of_python(sign)
        for sign, covered in zip(straight, masked(straight), strict=True)
    )
    return "".join(signs) + comment


def _quoted(found: re.Match[str]) -> str:
    return f'"{found[1]}"' if found[1] is not None else f"'{found[2]}'"


def _of_python(sign: str) -> str:
    if east_asian_width(sign) == "F" or sign.isspace():
        return normalize("NFKC", sign)
    return _SIGNS.get(sign, sign)
