"""The passages in which two texts differ, found fast enough for files of thousands of lines."""

from collections.abc import Iterator

from repair.text import lcs

# Above this many pairs of characters a changed passage is replaced whole: comparing it character by
# character costs more than the bytes it saves.
_COMPARED_PAIRS = 1_000_000

Edit = tuple[int, int, str]
"""Code points that stay, code points that go behind them, the text that comes in their place."""


def edits(before: str, after: str) -> Iterator[Edit]:
    """The edits that turn `before` into `after`, from left to right; none if they are equal.

    As many whole lines stay as can, and of a changed passage as many characters, unless it is long. Each
    edit deletes or inserts something, and all but the first keep something; what is behind the last stays.
    """
    done = 0
    for start, end, replacement in _replacements(before, after):
        yield start - done, end - start, replacement
        done = end


def _replacements(before: str, after: str) -> Iterator[tuple[int, int, str]]:
    """(start, end, what comes between them) in code points of `before`."""
    # How the texts are cut into lines matters only for how well they match.
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    place = done = 0
    for lines in lcs.changes(old, new):
        place += sum(map(len, old[done : lines.old_start]))
        one, other = (
            "".join(old[lines.old_start : lines.old_end]),
            "".join(new[lines.new_start : lines.new_end]),
        )
        head = _shared(one, other)
        tail = _shared(one[head:][::-1], other[head:][::-1])
        middle, replacement = one[head : len(one) - tail], other[head : len(other) - tail]
        start = place + head
        if len(middle) * len(replacement) > _COMPARED_PAIRS:
            yield start, start + len(middle), replacement
        else:
            for run in lcs.changes(middle, replacement):
                yield start + run.old_start, start + run.old_end, replacement[run.new_start : run.new_end]
        place += len(one)
        done = lines.old_end


def _shared(one: str, other: str) -> int:
    """How many characters at their beginning are the same."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (left, right) in pairs if left != right), min(len(one), len(other)))
