r"""Search/replace blocks, computed and strictly applied: a format that numbered line diffs are compared with.

```
<<<<<<< SEARCH
screen = turtle.screen
=======
screen = turtle.Screen()
>>>>>>> REPLACE
```

The lines between the first two markers stand in the file once, as they are, and become those between the
last two. All blocks are looked for in the original file and overlap nowhere, so that their order says
nothing. Lines are split as in `repair.line_diff.numbered`; a line of a block that reads as a marker, or as
one that was escaped, is written as a JSON string.

What is refused has the errors of `repair.line_diff.numbered`, so that the reject counts of the formats can be
compared: text that is not in the file is `content_mismatch`, text that stands in several places, or of which
another block takes a part, is `wrong_line`.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice

from repair.line_diff.numbered import (
    ContentMismatchError,
    LineDiff,
    MalformedDiffError,
    NumberedLine,
    WrongLineError,
    apply_parsed,
    hunks,
    lines_of_diff,
    quoted,
)
from repair.text.escaping import LineEscaping
from repair.text.lines import lines_of, split_mark

SEARCH, DIVIDER, REPLACE = MARKERS = ("<<<<<<< SEARCH", "=======", ">>>>>>> REPLACE")
_ESCAPING = LineEscaping(MARKERS.__contains__)


def diff(original: str, repaired: str, shown: Collection[int] | None = None) -> str:
    """The blocks that make `repaired` of `original`: each change, with the lines that tell its place.

    Those are added one above, one below, until the text stands in the file once; only lines with numbers
    (1-based) in `shown`, if it is given. Text that can't be told apart so is written all the same, and
    refused by `apply`. Terminators are as in `repair.line_diff.numbered.diff`.
    """
    same_mark = split_mark(original)[0] == split_mark(repaired)[0]
    old, new = (lines_of(split_mark(text)[1] if same_mark else text) for text in (original, repaired))
    edits = hunks(original, repaired)
    shifts = [0, *accumulate(len(edit.added) - len(edit.removed) for edit in edits)]
    found: list[_Range] = []
    while (first := found[-1].last + 1 if found else 0) < len(edits):
        start, end, last = edits[first].start - 1, edits[first].start - 1 + len(edits[first].removed), first
        upwards = True
        while start == end or len(_places(old, old[start:end])) > 1:
            above = start > 0 and (shown is None or start in shown)
            below = end < len(old) and (shown is None or end + 1 in shown)
            if not above and not below:
                # at the last, the empty line behind the last newline, which nobody shows
                above, below = start == end > 0, end == len(old) - 1 and not old[end]
                if not above and not below:
                    break
            if above and (upwards or not below):
                start -= 1
            else:
                end += 1
            upwards = not upwards
            while found and found[-1].end > start:
                before = found.pop()
                start, first = before.start, before.first
            while last + 1 < len(edits) and edits[last + 1].start - 1 < end:
                last += 1
                end = max(end, edits[last].start - 1 + len(edits[last].removed))
        found.append(_Range(start, end, first, last))
    return "\n".join(
        _written(
            old[block.start : block.end],
            new[block.start + shifts[block.first] : block.end + shifts[block.last + 1]],
        )
        for block in found
    )


def apply(original: str, blocks: str) -> str:
    """The text that the blocks make of `original`.

    Raises:
        MalformedDiffError: a line stands where a marker has to be, or a block searches for nothing.
        ContentMismatchError: what a block searches for is not in the file.
        WrongLineError: it stands in the file more than once, or another block has lines of it.
    """
    found = _parse(blocks)
    mark, text = split_mark(original)
    if mark and any(lines_of(original)[0] in search for search, _ in found):  # the mark itself is changed
        mark, text = "", original
    old = lines_of(text)
    places = sorted((_place(old, search), search, replace) for search, replace in found)
    removed: list[NumberedLine] = []
    added: list[NumberedLine] = []
    end = 0
    for start, search, replace in places:
        if start < end:
            raise WrongLineError(f"line {start + 1} of the file is of two blocks")
        end = start + len(search)
        kept = _common(search, replace)
        tail = _common(search[kept:][::-1], replace[kept:][::-1])
        shift = len(added) - len(removed)
        removed += enumerate(search[kept : len(search) - tail], start + kept + 1)
        added += enumerate(replace[kept : len(replace) - tail], start + kept + shift + 1)
    return mark + apply_parsed(text, LineDiff(tuple(removed), tuple(added)))


@dataclass(frozen=True, slots=True)
class _Range:
    """Lines `start` up to `end` (0-based) of the original file, with the changes `first` to `last`."""

    start: int
    end: int
    first: int
    last: int


def _places(lines: Sequence[str], searched: Sequence[str]) -> list[int]:
    """The first two indices at which `searched` stands among `lines`."""
    length = len(searched)
    starts = (
        at
        for at in range(len(lines) - length + 1)
        if lines[at] == searched[0] and lines[at : at + length] == searched
    )
    return list(islice(starts, 2))


def _place(lines: Sequence[str], searched: Sequence[str]) -> int:
    found = _places(lines, searched)
    if len(found) == 1:
        return found[0]
    said = f"the {len(searched)} lines from {quoted(searched[0])} on"
    if not found:
        raise ContentMismatchError(f"{said} do not stand in the file as they are")
    raise WrongLineError(f"{said} stand in the file from lines {found[0] + 1} and {found[1] + 1} on")


def _common(left: Sequence[str], right: Sequence[str]) -> int:
    """How many lines at the beginning are the same."""
    return next(
        (at for at, pair in enumerate(zip(left, right, strict=False)) if pair[0] != pair[1]),
        min(len(left), len(right)),
    )


def _written(search: Sequence[str], replace: Sequence[str]) -> str:
    before, after = (map(_ESCAPING.escaped, lines) for lines in (search, replace))
    return "\n".join((SEARCH, *before, DIVIDER, *after, REPLACE))


def _parse(blocks: str) -> list[tuple[list[str], list[str]]]:
    found: list[tuple[list[str], list[str]]] = []
    wanted, search, replace = SEARCH, list[str](), list[str]()
    for position, line in enumerate(lines_of_diff(blocks), 1):
        if "\r" in line:
            raise MalformedDiffError(f"line {position} of the diff holds a carriage return")
        if line in MARKERS:
            if line != wanted:
                raise MalformedDiffError(f"line {position} of the diff is {line!r}: expected {wanted!r}")
            wanted = MARKERS[(MARKERS.index(line) + 1) % len(MARKERS)]
            if line == DIVIDER and not search:
                raise MalformedDiffError(f"line {position} of the diff ends a search for nothing")
            if line == REPLACE:
                found.append((search, replace))
                search, replace = [], []
        elif wanted != SEARCH:
            (search if wanted == DIVIDER else replace).append(_ESCAPING.unescaped(line))
        elif line.strip():
            raise MalformedDiffError(f"line {position} of the diff is {quoted(line)}: expected {SEARCH!r}")
    if wanted != SEARCH:
        raise MalformedDiffError(f"the diff ends where {wanted!r} has to be")
    return found
