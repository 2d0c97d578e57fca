"""Numbered line diffs: computes, parses and applies them, and extracts one from a model's answer.

```
-3 screen = turtle.screen
+3 screen = turtle.Screen()
```

Each line is a sign, a line number (1-based), one space and the text of a line, which may be empty. `-N`
counts the lines of the original file and `+N` those of the repaired one; numbers rise strictly within each
sign, and the two signs may interleave in any way. The empty text is the diff that changes nothing.
`repair.line_diff.workspace` combines such diffs of several files.

A byte order mark at the beginning of a file is the file's, not its first line's: nobody sees it, so no text
of a diff has it, and the repaired file keeps it. Only where one of two files has a mark and the other has
none is it part of the line: a `-1` whose text is the first line with its mark takes the mark out too.

To apply: remove every `-` line, whose text must be the file's, then insert each `+N` in rising order so that
it becomes line N. There is one result or a `LineDiffError` (`repair.line_diff.errors`).
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest

from repair.line_diff.answer_block import CLOSING, OPENING, find_block
from repair.line_diff.errors import (
    ContentMismatchError,
    LineDiffError,
    MalformedDiffError,
    NoDiffError,
    NotRisingError,
    WrongLineError,
)
from repair.line_diff.tidy import tidied
from repair.text.lcs import changes
from repair.text.lines import TERMINATOR, commonest_terminator, lines_of, split_mark

__all__ = [
    "CLOSING",
    "OPENING",
    "ContentMismatchError",
    "Hunk",
    "LineDiff",
    "LineDiffError",
    "MalformedDiffError",
    "NoDiffError",
    "NotRisingError",
    "WrongLineError",
    "apply",
    "apply_hunks",
    "apply_parsed",
    "diff",
    "extract",
    "hunks",
    "lines_of_diff",
    "parse",
    "parse_lines",
    "quoted",
]

_SIGNED_LINE = re.compile(r"([+-])([1-9][0-9]*) (.*)", re.DOTALL)
_MOST_DIGITS = 9  # no file has a thousand million lines, and int() refuses very long numbers

NumberedLine = tuple[int, str]


@dataclass(frozen=True, slots=True)
class LineDiff:
    """A parsed diff: (number, text) of each removed and each added line; numbers rise from 1."""

    removed: tuple[NumberedLine, ...] = ()
    added: tuple[NumberedLine, ...] = ()

    def map_line(self, number: int) -> int | None:
        """The number of line `number` of the original file in the repaired one, or None if it is removed.

        Both are 1-based. The diff does not know the length of the file: a line after its end is mapped as if
        it existed.
        """
        if number < 1:
            raise ValueError(f"line {number}: lines are counted from 1")
        new_number = number
        for removed, _ in self.removed:
            if removed == number:
                return None
            new_number -= removed < number
        for added, _ in self.added:
            if added > new_number:
                break
            new_number += 1
        return new_number


@dataclass(frozen=True, slots=True)
class Hunk:
    """A run of removed and added lines, with no kept line among them.

    `start` is the number (1-based, in the original file) of the first removed line, or, if none is removed,
    of the line before which `added` is inserted; `new_start` is the number of the first added line in the
    repaired file.
    """

    start: int
    new_start: int
    removed: tuple[str, ...]
    added: tuple[str, ...]


def hunks(original: str, repaired: str) -> list[Hunk]:
    """The hunks between two texts, with the fewest removed and added lines; terminators are not compared."""
    (mark, text), (new_mark, new_text) = split_mark(original), split_mark(repaired)
    if mark == new_mark:
        return _hunks(lines_of(text), lines_of(new_text), lines_of(text))
    old = lines_of(original)
    # The line that loses its mark equals no line, not even one in which the character stands further down.
    compared = [old[0] + "\n", *old[1:]] if mark else old
    return _hunks(compared, lines_of(repaired), old)


def _hunks(compared: Sequence[str], new: Sequence[str], old: Sequence[str]) -> list[Hunk]:
    return [
        Hunk(
            change.old_start + 1,
            change.new_start + 1,
            tuple(old[change.old_start : change.old_end]),
            tuple(new[change.new_start : change.new_end]),
        )
        for change in changes(compared, new)
    ]


def diff(original: str, repaired: str) -> str:
    """The numbered line diff of two texts: the fewest signed lines, hunk by hunk, `-` before `+`.

    Signed lines are joined by newlines, without one after the last. Where both texts have one and the same
    line ending (and `original` contains it, or it is a newline), `apply(original, diff(original, repaired))`
    is `repaired`. Otherwise the lines of the two are equal, and terminators follow the rule of `apply`.
    """
    signed: list[str] = []
    for hunk in hunks(original, repaired):
        signed.extend(f"-{number} {text}" for number, text in enumerate(hunk.removed, hunk.start))
        signed.extend(f"+{number} {text}" for number, text in enumerate(hunk.added, hunk.new_start))
    return "\n".join(signed)


def apply_hunks(original: str, repaired: str, keep: Collection[int]) -> str:
    """`original` after those of `hunks(original, repaired)` whose indices (0-based) are in `keep`."""
    found = hunks(original, repaired)
    wanted = set(keep)
    if unknown := wanted.difference(range(len(found))):
        raise ValueError(f"hunk {min(unknown)} does not exist: there are {len(found)}, counted from 0")
    removed: list[NumberedLine] = []
    added: list[NumberedLine] = []
    for index in sorted(wanted):
        hunk = found[index]
        new_start = hunk.start + len(added) - len(removed)
        removed.extend(enumerate(hunk.removed, hunk.start))
        added.extend(enumerate(hunk.added, new_start))
    return apply_parsed(original, LineDiff(tuple(removed), tuple(added)))


def parse(line_diff: str) -> LineDiff:
    r"""Parses a numbered line diff; its lines may be separated by `\n` or `\r\n`, and one more may end it.

    Raises:
        MalformedDiffError: a line is not sign, number, space and text.
        NotRisingError: a number does not exceed the one before it with its sign.
        WrongLineError: a number has so many digits that no file has the line.
    """
    return parse_lines(lines_of_diff(line_diff))


def lines_of_diff(text: str) -> list[str]:
    r"""The lines of a diff, which `\n` or `\r\n` separates and one more may end; the empty text has none."""
    text = text.replace("\r\n", "\n") if "\r" in text else text
    text = text.removesuffix("\n")
    return text.split("\n") if text else []


def parse_lines(signed: Sequence[str], first: int = 1) -> LineDiff:
    """`parse` for a list of signed lines; errors count them from `first`."""
    removed: list[NumberedLine] = []
    added: list[NumberedLine] = []
    for position, line in enumerate(signed, first):
        match = _SIGNED_LINE.fullmatch(line)
        if match is None or "\r" in line:
            raise MalformedDiffError(
                f"line {position} of the diff is {quoted(line)}: expected sign, line number, space and text"
            )
        sign, digits, content = match.groups()
        if len(digits) > _MOST_DIGITS:
            raise WrongLineError(f"line {position} of the diff names a line number of {len(digits)} digits")
        number = int(digits)
        same_sign = added if sign == "+" else removed
        if same_sign and number <= same_sign[-1][0]:
            raise NotRisingError(
                f"line {position} of the diff: {sign}{number} comes after {sign}{same_sign[-1][0]},"
                " and numbers must rise within a sign"
            )
        same_sign.append((number, content))
    return LineDiff(tuple(removed), tuple(added))


def apply(original: str, line_diff: str) -> str:
    r"""The text that `line_diff` makes of `original`.

    A terminator between two lines that were neighbours before stays as it was; a new one is
    `commonest_terminator(original)`. Where that would put `\r` and `\n` around an empty line, and so merge
    them into one terminator, the new one of the two is `\r\n`: the lines are always those of the diff. A diff
    that removes every line leaves the empty text.

    Raises:
        LineDiffError: any subclass but `NoDiffError`.
    """
    return apply_parsed(original, parse(line_diff))


def extract(answer: str) -> str:
    r"""The text of the last complete `<diff>` block of a model's answer, as `parse` reads it.

    `repair.line_diff.answer_block` says where a block begins and ends, `repair.line_diff.tidy` which lines
    are written in the canonical form. The content of the block is not checked otherwise; an empty block is
    the empty diff.

    Raises:
        NoDiffError: no block is complete.
    """
    return "\n".join(tidied(find_block(answer).lines)[0])


def apply_parsed(original: str, change: LineDiff) -> str:
    """`apply` for a parsed diff."""
    mark, text = split_mark(original)
    if mark and change.removed[:1] == ((1, lines_of(original)[0]),):  # the diff takes the mark out
        mark, text = "", original
    return mark + _applied(text, change)


def _applied(original: str, change: LineDiff) -> str:
    old = lines_of(original)
    for number, text in change.removed:
        if number > len(old):
            raise WrongLineError(f"-{number}: the file has {len(old)} lines")
        if old[number - 1] != text:
            raise ContentMismatchError(
                f"-{number}: the file's line is {quoted(old[number - 1])}, not {quoted(text)}"
            )
    kept: list[int] = []
    start = 0
    for number, _ in change.removed:
        kept.extend(range(start, number - 1))
        start = number
    kept.extend(range(start, len(old)))

    result: list[str] = []
    sources: list[int | None] = []  # index in the original file of each line of `result`; None: added
    used = 0
    for number, text in change.added:
        upto = used + number - 1 - len(result)
        if upto > len(kept):
            reached = len(result) + len(kept) - used
            raise WrongLineError(f"+{number}: the file has only {reached} lines when this one is inserted")
        result.extend([old[index] for index in kept[used:upto]])
        sources.extend(kept[used:upto])
        used = upto
        result.append(text)
        sources.append(None)
    result.extend([old[index] for index in kept[used:]])
    sources.extend(kept[used:])
    return _joined(original, result, sources)


def _joined(original: str, result: Sequence[str], sources: Sequence[int | None]) -> str:
    if "\r" not in original:
        return "\n".join(result)
    terminators: list[str] = TERMINATOR.findall(original)
    stays = [before is not None and after == before + 1 for before, after in pairwise(sources)]
    new = commonest_terminator(original)
    ends = [
        terminators[source] if kept and source is not None else new
        for kept, source in zip(stays, sources, strict=False)
    ]
    for index in range(1, len(ends)):
        if ends[index - 1] == "\r" and not result[index] and ends[index] == "\n":  # they would merge
            ends[index - stays[index]] = "\r\n"
    return "".join(line + end for line, end in zip_longest(result, ends, fillvalue=""))


def quoted(text: str) -> str:
    """A line for an error message, shortened."""
    return repr(text if len(text) <= 80 else f"{text[:77]}...")
