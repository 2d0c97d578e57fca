r"""Normalizer of numbered diffs that needs no file: blank lines, and a number without its space.

A blank line is no signed line; but it may stand for one whose sign and number were left out. It is dropped
where the numbers around it leave no room for that, and stays, to be refused, where they do: in `+3 a`, a
blank line, `+5 c` it may be `+4 `.
"""

import re
from collections.abc import Sequence

HEADER = "#"

_SIGNED = re.compile(r"([+-])([1-9][0-9]{0,8})(?: (.*))?", re.DOTALL)


def tidied(lines: Sequence[str]) -> tuple[Sequence[str], list[str]]:
    """The lines in the canonical form, and the names of the tolerances used; as they are if they are no diff
    or can be read in two ways."""
    result: list[str] = []
    names: dict[str, None] = {}
    numbers = _Numbers()
    for line in lines:
        if not line.strip():
            numbers.blanks += 1
        elif line.startswith(HEADER):
            numbers = _Numbers()
            result.append(line)
        else:
            signed = _SIGNED.fullmatch(line)
            if signed is None or numbers.has_room(signed[1], int(signed[2])):
                return lines, []
            if signed[3] is None:
                names["bare_number"] = None
            result.append(line if signed[3] is not None else f"{line} ")
    if not all(line.strip() for line in lines):
        names["blank_lines"] = None
    return result, list(names)


class _Numbers:
    """The numbers of the lines so far in one file, and the blank lines since the last one."""

    def __init__(self) -> None:
        self.blanks = 0
        self._dropped = 0
        self._last: tuple[str, int] | None = None
        self._added = self._removed = 0
        self._open: int | None = None
        """Where the first `+` after a blank line and a `-` must be, if no blank line stands for a `+`."""

    def has_room(self, sign: str, number: int) -> bool:
        """Whether the blank lines before this line can be what its number lacks."""
        room = False
        if self.blanks and self._last is not None:
            last_sign, last = self._last
            room = sign == last_sign and number - last - 1 == self.blanks
            self._dropped += self.blanks
            self._open = number + self._added - self._removed if sign == "-" else None
        elif sign == "+" and self._open is not None:
            room = 0 < number - self._open <= self._dropped
            self._open = None
        self.blanks = 0
        self._last = (sign, number)
        self._added += sign == "+"
        self._removed += sign == "-"
        return room
