"""Finding of a detector: a span of the text and its kind; and the text with its literals.

Tested by `tests/repair/curation/test_privacy.py`.
"""

import re
from dataclasses import dataclass
from functools import cached_property

from repair.curation.detectors.literals import Literals

_LONG_WORD = re.compile(r"(?<![A-Za-z0-9_.~+/=-])[A-Za-z0-9_.~+/=-]{20,}+")
_DIGIT = re.compile(r"[0-9]")
MARK = "REDACTED"
"""Part of every placeholder of a secret: what holds it is no secret."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A secret at `start` up to `end` (code points).

    `kind` selects the placeholder; None claims the span for no placeholder: no later detector looks there.
    `value`: what equal placeholders stand for, if it is not the span itself.
    """

    start: int
    end: int
    kind: str | None
    value: str | None = None


class Source:
    """A text under inspection. `python`: code outside its strings and comments may be expressions."""

    def __init__(self, text: str, *, python: bool) -> None:
        self.text = text
        self.python = python

    @cached_property
    def lowered(self) -> str:
        """The text in lower case, of the same length."""
        # The only letter that becomes longer in lower case.
        lowered = self.text.replace("İ", "I").lower()
        return lowered if len(lowered) == len(self.text) else self.text

    @cached_property
    def long_words(self) -> list[tuple[int, str]]:
        """Start and text of runs of 20 characters and more that may be of a token, a digit among them."""
        found = _LONG_WORD.finditer(self.text)
        return [(match.start(), match[0]) for match in found if _DIGIT.search(match[0])]

    @cached_property
    def literals(self) -> Literals:
        """Its strings and comments; tokenized at the first use: most texts need none."""
        return Literals(self.text)

    def is_inside(self, start: int, end: int) -> bool:
        """Whether a span lies in one string or comment. Text that is no program is all text."""
        return not self.python or self.literals.around(start, end) is not None

    def line_before(self, position: int, most: int = 120) -> str:
        """What stands before a position: its line, and the line that opens the bracket it stands in.

        At most `most` code points. The opening line is the nearest one that is indented less, looked for
        only where the line itself begins with a value.
        """
        window = self.text[max(0, position - most) : position]
        lines = window.split("\n")
        if len(lines) == 1 or (lines[-1].lstrip() or "'")[0] not in "'\"0123456789([{bfru":
            return lines[-1]
        indent = len(lines[-1]) - len(lines[-1].lstrip())
        for line in reversed(lines[:-1]):
            if line.strip() and len(line) - len(line.lstrip()) < indent:
                return f"{line} {lines[-1]}"
        return lines[-1]
