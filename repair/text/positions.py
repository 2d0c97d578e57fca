"""Positions in a text: converts columns between code points and UTF-16 units."""

import re
from bisect import bisect_left

_BEYOND_THE_BASIC_PLANE = re.compile("[\U00010000-\U0010ffff]")


class LineOffsets:
    """Offset table of a line: where its characters of two UTF-16 units stand. A lookup is a binary search."""

    __slots__ = ("_characters", "_columns")

    def __init__(self, line: str) -> None:
        pairs = [] if line.isascii() else _BEYOND_THE_BASIC_PLANE.finditer(line)
        self._columns = [pair.start() for pair in pairs]
        self._characters = [column + before for before, column in enumerate(self._columns)]

    def to_character(self, column: int) -> int:
        """The UTF-16 offset of the code point offset `column`.

        A column beyond the end is as far beyond the end in the result.
        """
        return column + bisect_left(self._columns, column)

    def to_column(self, character: int) -> int:
        """The code point offset of the UTF-16 offset `character`.

        An offset inside a surrogate pair counts as the pair's start; one beyond the end is as far beyond the
        end in the result.
        """
        return character - bisect_left(self._characters, character)
