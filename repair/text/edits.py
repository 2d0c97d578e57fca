"""Text diff: the edits between two texts, by lines and then by characters, fast for thousands of lines.

Tested by `tests/repair/ot/test_packets.py`.
"""

from collections.abc import Iterator

from repair.text import lcs

# Above this many pairs of characters a changed passage is replaced whole: comparing it character by
# character costs more than the bytes it saves.
_COMPARED_PAIRS = 1_000_000

Edit = tuple[int, int, str]
"""Code points to keep, code points to delete after them, the text to insert there."""


def edits(before: str, after: str) -> Iterator[Edit]:
    """The edits that turn `before` into `after`, from left to right; none if they are equal.

    The most whole lines are kept, and in a changed passage the most characters, unless it is long. Each edit
    deletes or inserts something, and all but the first keep something; the text after the last one is kept.
    """
    done = 0
    for start, end, replacement in _replacements(before, after):
        yield start - done, end - start, replacement
        done = end


def _replacements(before: str, after: str) -> Iterator[tuple[int, int, str]]:
    """(start, end, the text that replaces it) in code points of `before`."""
    # How the texts are cut into lines matters only for how well they match.
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    offset = done = 0
    for lines in lcs.changes(old, new):
        offset += sum(map(len, old[done : lines.old_start]))
        one, other = (
            "".join(old[lines.old_start : lines.old_end]),
            "".join(new[lines.new_start : lines.new_end]),
        )
        head = _shared(one, other)
        tail = _shared(one[head:][::-1], other[head:][::-1])
        middle, replacement = one[head : len(one) - tail], other[head : len(other) - tail]
        start = offset + head
        if len(middle) * len(replacement) > _COMPARED_PAIRS:
            yield start, start + len(middle), replacement
        else:
            for run in lcs.changes(middle, replacement):
                yield start + run.old_start, start + run.old_end, replacement[run.new_start : run.new_end]
        offset += len(one)
        done = lines.old_end


def _shared(one: str, other: str) -> int:
    """The length of the common prefix."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((offset for offset, (left, right) in pairs if left != right), min(len(one), len(other)))
