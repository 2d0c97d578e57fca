"""Mutable text with an incremental CRC-32: packets are applied in place.

Tested by `tests/repair/replay/test_editing_traces.py`.
"""

import zlib
from collections.abc import Iterable

from repair.ot.packets import BadUTF8, Delete, DeletePastEnd, Op, Skip, SkipPastEnd
from repair.replay import crc32

# One fixed-width encoding per width in bytes, so that a position is a product and an edit a splice.
_CODECS = {1: "ascii", 2: "utf-16-le", 4: "utf-32-le"}

# The checksum reads a window around the latest edits again, and only when an edit falls outside it
# the whole text. Larger margins: fewer moves, more bytes each time.
_MARGIN = 512
_LARGEST_WINDOW = 4096

_UNSHIFTED = crc32.tables(crc32.ONE)


def _width(text: str) -> int:
    if text.isascii():
        return 1
    return 2 if max(text) <= "\uffff" else 4


class TextBuffer:
    """A mutable text. Positions are code points.

    After an error of `apply` its content is undefined.
    """

    def __init__(self, text: str = "") -> None:
        """Raises BadUTF8 for a text with a lone surrogate."""
        self._width = _width(text)
        try:
            self._data = bytearray(text.encode(_CODECS[self._width]))
        except UnicodeEncodeError as error:
            raise BadUTF8(f"code point {error.start} of the text is a lone surrogate") from None
        self._text: str | None = text
        # The window, in code points: how many are before it and after it, and their checksums.
        self._before, self._before_crc = 0, 0
        self._behind, self._behind_crc, self._behind_shift = 0, 0, _UNSHIFTED
        # How many code points at both ends no edit has touched since the last checksum.
        self._same_before = self._same_behind = len(text)

    def __len__(self) -> int:
        return len(self._data) // self._width

    def text(self) -> str:
        """The text as it is now; costs nothing if it was not edited since the last call."""
        if self._text is None:
            self._text = self._data.decode(_CODECS[self._width])
        return self._text

    def apply(self, ops: Iterable[Op]) -> None:
        """Applies one packet's ops, as `repair.ot.packets.apply` does.

        Raises SkipPastEnd or DeletePastEnd.
        """
        cursor, length = 0, len(self)
        self._text = None
        for index, op in enumerate(ops):
            if isinstance(op, Skip):
                if op.count > length - cursor:
                    raise SkipPastEnd(index, op.count, length - cursor)
                cursor += op.count
                continue
            self._same_before = min(self._same_before, cursor)
            if isinstance(op, Delete):
                if op.count > length - cursor:
                    raise DeletePastEnd(index, op.count, length - cursor)
                del self._data[cursor * self._width : (cursor + op.count) * self._width]
                length -= op.count
            else:
                self._insert(cursor, op.text)
                cursor += len(op.text)
                length += len(op.text)
            self._same_behind = min(self._same_behind, length - cursor)

    def _insert(self, position: int, text: str) -> None:
        if self._width < 4 and not text.isascii():
            width = _width(text)
            if width > self._width:
                self._data = bytearray(self._data.decode(_CODECS[self._width]).encode(_CODECS[width]))
                self._width = width
        start = position * self._width
        self._data[start:start] = text.encode(_CODECS[self._width])

    def crc32(self) -> int:
        """zlib's CRC-32 of the UTF-8 bytes of the whole text."""
        length = len(self)
        if (
            self._same_before < self._before
            or self._same_behind < self._behind
            or length - self._before - self._behind > _LARGEST_WINDOW
        ):
            self._move_window(length)
        self._same_before = self._same_behind = length
        checksum = zlib.crc32(self._utf8(self._before, length - self._behind), self._before_crc)
        if not self._behind:
            return checksum
        return crc32.shifted(checksum, self._behind_shift) ^ self._behind_crc

    def _move_window(self, length: int) -> None:
        self._before = max(0, min(self._same_before, length) - _MARGIN)
        self._behind = max(0, min(self._same_behind, length - self._before) - _MARGIN)
        self._before_crc = zlib.crc32(self._utf8(0, self._before))
        behind = self._utf8(length - self._behind, length)
        self._behind_crc = zlib.crc32(behind)
        self._behind_shift = crc32.tables(crc32.shift(len(behind)))

    def _utf8(self, start: int, end: int) -> bytes | bytearray:
        part = self._data[start * self._width : end * self._width]
        return part if self._width == 1 else part.decode(_CODECS[self._width]).encode()
