"""Tolerant tokenizer of Python strings and comments: works on files that do not parse.

A string that is not closed ends with its line, one in triple quotes with the text.

Tested by `tests/repair/curation/test_privacy.py`.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

# Possessive repeats: each character is looked at once.
# Possessive repeats: each character is looked at once. Each match begins with one of three characters, so
# that the search skips all others.
_LITERAL = re.compile(
    r"[#'\"](?:(?<=\#)(?P<comment>[^\r\n]*+)"
    r"|(?<=')(?:''(?P<single3>(?:[^'\\]++|\\[\s\S]|'(?!''))*+)(?:'''|\\?\Z)"
    r"|(?P<single>(?:[^'\\\r\n]++|\\(?:\r\n|[\s\S]))*+)'?)"
    r'|(?<=")(?:""(?P<double3>(?:[^"\\]++|\\[\s\S]|"(?!""))*+)(?:"""|\\?\Z)'
    r'|(?P<double>(?:[^"\\\r\n]++|\\(?:\r\n|[\s\S]))*+)"?))'
)
_PREFIX = re.compile(r"(?<!\w)[rRbBuUfFtT]{1,2}\Z")


class Literal(NamedTuple):
    """A string or comment: its whole span, the span of its content, and its prefix (`f`, `rb`, `#`)."""

    start: int
    end: int
    body_start: int
    body_end: int
    prefix: str


class Literals:
    """The strings and comments of a text, in order."""

    def __init__(self, text: str) -> None:
        self._matches = list(_LITERAL.finditer(text))
        self._starts = [match.start() for match in self._matches]

    def around(self, start: int, end: int) -> Literal | None:
        """The literal that holds a span, or None."""
        index = bisect_right(self._starts, start) - 1
        return _literal(self._matches[index]) if index >= 0 and end <= self._matches[index].end() else None

    def after(self, position: int, most: int) -> Iterator[Literal]:
        """The first `most` literals that start at a position or later."""
        first = bisect_right(self._starts, position - 1)
        return map(_literal, self._matches[first : first + most])


def _literal(match: re.Match[str]) -> Literal:
    body = match.lastgroup or ""  # the only one that took part
    start, end = match.span()
    if body == "comment":
        return Literal(start, end, *match.span(body), "#")
    before = _PREFIX.search(match.string[max(0, start - 3) : start])
    prefix = before[0].lower() if before else ""
    return Literal(start - len(prefix), end, *match.span(body), prefix)
