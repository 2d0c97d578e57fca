r"""Unified diffs, computed and strictly applied: the format that numbered line diffs are compared with.

```
@@ -1,2 +1,2 @@
 import turtle
-screen = turtle.screen
+screen = turtle.Screen()
\ No newline at end of file
```

Lines are split as in `repair.line_diff.numbered`, but by the convention of this format a terminator belongs
to the line before it: a text that ends in one has no empty last line, and a last line without one is marked.
As there, a byte order mark is the file's and not its first line's, unless one of the two files has none.
A diff that does not apply exactly is refused with the errors of `repair.line_diff.numbered`, so that the
reject counts of the two formats can be compared: no fuzz, no offset, no missing leading space.
"""

import difflib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

from repair.line_diff.numbered import (
    ContentMismatchError,
    LineDiff,
    MalformedDiffError,
    NotRisingError,
    WrongLineError,
)
from repair.text.lines import commonest_terminator, lines_of, split_mark

_LINE = re.compile(r"([^\r\n]*)(\r\n|\r|\n|\Z)")
_HEADER = re.compile(
    r"@@ -([0-9]{1,9})(?:,([0-9]{1,9}))? \+([0-9]{1,9})(?:,([0-9]{1,9}))? @@(?: .*)?", re.DOTALL
)
_NO_NEWLINE = "\\ No newline at end of file"


@dataclass(frozen=True, slots=True)
class _Line:
    sign: str
    text: str
    ended: bool


@dataclass(frozen=True, slots=True)
class _Hunk:
    header: str
    old_start: int
    """0-based index of the first line of the hunk in the original file."""
    new_start: int
    lines: list[_Line]

    def names_first_line(self, text: str) -> bool:
        """Whether the hunk keeps or takes away `text` as the first line of the file."""
        first = next((line.text for line in self.lines if line.sign != "+"), None)
        return self.old_start == 0 and first == text


def diff(original: str, repaired: str, context: int = 3) -> str:
    """The unified diff of two texts, without file headers, with `context` lines around each change.

    Lines are joined by newlines, without one after the last. As with `repair.line_diff.numbered.diff`,
    `apply(original, diff(original, repaired))` is `repaired` where both have one and the same line ending and
    `original` contains it or it is a newline; otherwise the lines are equal.
    """
    (mark, text), (new_mark, new_text) = split_mark(original), split_mark(repaired)
    # Where only one has a mark it is part of the line, which a hunk has to name then.
    sides, context = ((text, new_text), context) if mark == new_mark else ((original, repaired), context or 1)
    old, new = ([text if end else f"{text}\n{_NO_NEWLINE}" for text, end in _split(side)] for side in sides)
    return "\n".join(list(difflib.unified_diff(old, new, n=context, lineterm=""))[2:])


def of_changes(original: str, change: LineDiff, shown: Collection[int], context: int = 3) -> str:
    """The unified diff of a numbered one, whose context has only lines with numbers in `shown`.

    The numbered diff applies, `original` ends in a newline, and the empty line behind that is not changed.
    Hunks are not merged: of the lines between two changes each is in the context of one of them.
    """
    lines = lines_of(split_mark(original)[1])
    removed, added = dict(change.removed), dict(change.added)
    hunks: list[str] = []
    old, new, used = 1, 1, 0  # the next line of each side; the last line of the original that a hunk has
    while removed or added:
        if old not in removed and new not in added:
            old, new = old + 1, new + 1
            continue
        start = old
        while start - 1 > used and old - start < context and start - 1 in shown:
            start -= 1
        body = [f" {lines[number - 1]}" for number in range(start, old)]
        new_start = new - len(body)
        while old in removed or new in added:
            while old in removed:
                body.append(f"-{removed.pop(old)}")
                old += 1
            while new in added:
                body.append(f"+{added.pop(new)}")
                new += 1
        used = old - 1
        while old in shown and old - used <= context and old not in removed and new not in added:
            body.append(f" {lines[old - 1]}")
            old, new = old + 1, new + 1
        used = old - 1
        sides = _side(start, old - start), _side(new_start, new - new_start)
        hunks += [f"@@ -{sides[0]} +{sides[1]} @@", *body]
    return "\n".join(hunks)


def _side(start: int, length: int) -> str:
    """The lines of one side of a hunk, as its header has them."""
    first = start if length else start - 1
    return str(first) if length == 1 else f"{first},{length}"


def apply(original: str, unified: str) -> str:
    r"""The text that `unified` makes of `original`.

    A pair of file headers above the first hunk is ignored. A kept line keeps its terminator; an added one
    gets `commonest_terminator(original)`. Only an empty line after `\r` gets `\r\n` instead of `\n`, which
    would merge with the `\r`.

    Raises:
        MalformedDiffError: not a unified diff, or a hunk's numbers do not fit its lines.
        NotRisingError: a hunk begins before the end of the one above it.
        WrongLineError: a hunk reaches beyond the end of the file, or its line number in the repaired file is
            wrong.
        ContentMismatchError: a kept or removed line is not the file's, or a line would follow one without a
            terminator.
    """
    hunks = _parse(unified)
    mark, text = split_mark(original)
    if mark and hunks and hunks[0].names_first_line(_split(original)[0][0]):
        mark, text = "", original
    return mark + _applied(text, hunks)


def _applied(original: str, hunks: Sequence[_Hunk]) -> str:
    old = _split(original)
    end_of_line = commonest_terminator(original)
    result: list[tuple[str, str]] = []
    used = 0
    for hunk in hunks:
        if hunk.old_start < used:
            raise NotRisingError(f"{hunk.header}: begins before the end of the hunk above it")
        result += old[used : hunk.old_start]
        used = hunk.old_start
        if used + sum(line.sign != "+" for line in hunk.lines) > len(old):
            raise WrongLineError(f"{hunk.header}: the file has {len(old)} lines")
        if hunk.new_start != len(result):
            raise WrongLineError(f"{hunk.header}: is at line {len(result) + 1} of the repaired file")
        for line in hunk.lines:
            if line.sign == "+":
                result.append((line.text, end_of_line if line.ended else ""))
                continue
            text, end = old[used]
            if (text, bool(end)) != (line.text, line.ended):
                raise ContentMismatchError(
                    f"{hunk.header}: line {used + 1} of the file is {text[:80]!r}"
                    f"{'' if end else ' without a newline'}, not {line.text[:80]!r}"
                    f"{'' if line.ended else ' without a newline'}"
                )
            used += 1
            if line.sign == " ":
                result.append((text, end))
    result += old[used:]
    if not all(end for _, end in result[:-1]):
        raise ContentMismatchError("a line would follow one that has no newline")
    # An empty line between a carriage return and a newline would vanish: the two would merge.
    for index, ((_, above), (text, end)) in enumerate(pairwise(result), 1):
        if (above, text, end) == ("\r", "", "\n"):
            result[index] = ("", "\r\n")
    return "".join(text + end for text, end in result)


def _split(text: str) -> list[tuple[str, str]]:
    """(line, terminator) pairs; only the last terminator may be empty, and then its line is not."""
    return [(line, end) for line, end in _LINE.findall(text) if line or end]


def _parse(unified: str) -> list[_Hunk]:
    lines = unified.replace("\r\n", "\n").removesuffix("\n").split("\n")
    if lines == [""]:
        return []
    if any("\r" in line for line in lines):
        raise MalformedDiffError("a line of the diff holds a carriage return")
    at = 2 if len(lines) > 1 and lines[0].startswith("--- ") and lines[1].startswith("+++ ") else 0
    if at == len(lines):
        raise MalformedDiffError("the diff has file headers and no hunk")
    hunks: list[_Hunk] = []
    while at < len(lines):
        hunk, at = _hunk(lines, at)
        hunks.append(hunk)
    return hunks


def _hunk(lines: list[str], at: int) -> tuple[_Hunk, int]:
    """The hunk whose header is `lines[at]`, and the index of the line after it."""
    header = lines[at]
    match = _HEADER.fullmatch(header)
    if match is None:
        raise MalformedDiffError(
            f"line {at + 1} of the diff is {header[:80]!r}: expected a hunk's header, @@ -a,b +c,d @@"
        )
    old_number, old_left, new_number, new_left = (
        1 if group is None else int(group) for group in match.groups()
    )
    # By the format's convention an empty side is numbered by the line before it.
    if (old_left and not old_number) or (new_left and not new_number):
        raise MalformedDiffError(f"{header}: lines are counted from 1")
    old_start, new_start = old_number - (old_left > 0), new_number - (new_left > 0)
    found: list[_Line] = []
    at += 1
    while old_left or new_left:
        if at == len(lines):
            raise MalformedDiffError(f"{header}: the diff ends before the hunk's lines do")
        sign, text = lines[at][:1], lines[at][1:]
        if sign not in {" ", "-", "+"}:
            raise MalformedDiffError(
                f"line {at + 1} of the diff is {lines[at][:80]!r}: expected a space, - or + before its text"
            )
        old_left -= sign != "+"
        new_left -= sign != "-"
        if old_left < 0 or new_left < 0:
            raise MalformedDiffError(f"{header}: the hunk has more lines than its header says")
        ended = lines[at + 1 : at + 2] != [_NO_NEWLINE]
        found.append(_Line(sign, text, ended))
        at += 1 if ended else 2
    if not found:
        raise MalformedDiffError(f"{header}: the hunk has no line")
    return _Hunk(header[:80], old_start, new_start, found), at
