"""Closed string literals of a text that need not parse, in linear time.

A regular expression that meets a quote which is never closed looks for its end once more at each quote after
it. Here it is remembered: a later quote of its kind, up to where that search ended, is not closed either,
since the search passed over it only because a backslash escapes it.
"""

import re
from collections.abc import Iterator

_QUOTE = re.compile("[\"']")
_BODY = {quote: re.compile(rf"(?:\\.|[^{quote}\\\n])*+", re.DOTALL) for quote in "\"'"}


def closed_strings(text: str, *, triple: bool = True) -> Iterator[tuple[int, int]]:
    """Where each string that is closed begins and ends, from left to right; prefixes are not in it.

    A string ends with its line, where no backslash is before the line's end. `triple`: three quotes open a
    string of several lines, if three close it.
    """
    unclosed = {"'": 0, '"': 0}  # quotes before these positions are not closed
    closed_later = {"'": triple, '"': triple}
    position = 0
    while found := _QUOTE.search(text, position):
        start, quote = found.start(), found[0]
        position = start + 1
        if closed_later[quote] and text.startswith(quote * 3, start):
            end = text.find(quote * 3, start + 3)
            if end >= 0:
                position = end + 3
                yield start, position
                continue
            closed_later[quote] = False
        if start < unclosed[quote]:
            continue
        body = _BODY[quote].match(text, start + 1)
        end = body.end() if body else start + 1
        if text.startswith(quote, end):
            position = end + 1
            yield start, position
        else:
            unclosed[quote] = end


def without_strings(text: str, *, triple: bool = True) -> str:
    """`text` with `""` for each string that is closed."""
    parts: list[str] = []
    position = 0
    for start, end in closed_strings(text, triple=triple):
        parts += text[position:start], '""'
        position = end
    return "".join((*parts, text[position:]))
