"""Line splitting as an editor does it: `\\r\\n`, `\\r` and `\\n` end a line, nothing else does.

Tested by `tests/repair/text/test_positions.py`.
"""

import re
from collections import Counter


def lines_of(text: str) -> list[str]:
    r"""The lines of `text` without their terminators, as an editor counts them.

    `\r\n`, `\r` and `\n` end a line, nothing else does (form feed and U+2028 do not). There is always at
    least one line, and a text that ends in a terminator has an empty last one.
    """
    return TERMINATOR.split(text) if "\r" in text else text.split("\n")


BYTE_ORDER_MARK = "\ufeff"


def split_mark(text: str) -> tuple[str, str]:
    """The byte order mark at the beginning of a file's text, or the empty string; and the text after it."""
    after = text.removeprefix(BYTE_ORDER_MARK)
    return text[: len(text) - len(after)], after


TERMINATOR = re.compile(r"\r\n|\r|\n")


def commonest_terminator(text: str) -> str:
    r"""What ends most lines of `text`; `\n` if nothing does or two are equally common."""
    ranked = Counter(TERMINATOR.findall(text)).most_common(2)
    if not ranked or (len(ranked) == 2 and ranked[0][1] == ranked[1][1]):
        return "\n"
    return ranked[0][0]
