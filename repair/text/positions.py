"""Positions in a text: converts columns between code points and UTF-16 units."""

import re

_BEYOND_THE_BASIC_PLANE = re.compile("[\U00010000-\U0010ffff]")


def utf16_length(text: str) -> int:
    """The number of UTF-16 code units of `text`. A lone surrogate counts one, as it does in UTF-16."""
    return len(text) if text.isascii() else len(text) + len(_BEYOND_THE_BASIC_PLANE.findall(text))


def to_character(line: str, column: int) -> int:
    """The UTF-16 offset of the code point offset `column` in `line`.

    A column beyond the end is as far beyond the end in the result.
    """
    if line.isascii():
        return column
    return utf16_length(line[:column]) + max(0, column - len(line))


def to_column(line: str, character: int) -> int:
    """The code point offset of the UTF-16 offset `character` in `line`.

    An offset inside a surrogate pair counts as the pair's start; one beyond the end is as far beyond the end
    in the result.
    """
    if line.isascii():
        return character
    units = 0
    for column, point in enumerate(line):
        units += 2 if point > "\uffff" else 1
        if units > character:
            return column
    return len(line) + character - units
