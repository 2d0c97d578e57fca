"""Size of an edit against the reference's, and how much of it survives in the reference's result.

All of them compare file sets (path -> text) before and after; a file that one of the two lacks is empty
there. Lines are those of `repair.text.lines`, compared without their terminators.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from repair.evaluation.token_match import tokens
from repair.text import lcs
from repair.text.lines import lines_of

Files = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class EditSize:
    """How much an edit changes. A replaced line or token counts once."""

    lines: int
    tokens: int
    """Of `repair.evaluation.token_match`: an edit of layout and comments has 0."""


def edit_size(before: Files, after: Files) -> EditSize:
    """The size of the edit that makes `after` of `before`, with the most lines (tokens) kept.

    Of each range in which the two differ the longer side counts: `max(old, new)`.
    """
    changed = sum(_size(tokens(old), tokens(new)) for old, new in _changed(before, after))
    return EditSize(changed_lines(before, after), changed)


def changed_lines(before: Files, after: Files) -> int:
    """The lines of `edit_size`, without its tokens."""
    return sum(_size(lines_of(old), lines_of(new)) for old, new in _changed(before, after))


def size_ratio(edit: int, reference: int) -> float | None:
    """The size of an edit over that of the reference, in lines or tokens: 1 is as large, 2 twice as large.

    None if the reference has none of that unit: a repair by an indent alone has tokens, one by a comment has
    not.
    """
    return edit / reference if reference else None


def kept_lines(original: Files, suggestion: Files, settled: Files) -> float | None:
    """Kept lines: the share of a suggestion that survives in the text that was settled on.

    A suggestion consists of the lines that it adds and those that it removes. An added line survives if a
    longest common subsequence of the two results has it, and `settled` adds it to the original too; a removed
    one if `settled` lacks it as well. None if the suggestion changes no line.

    Source: the kept rate of editors that predict edits, as Zed's; the settled text is the reference's here.
    """
    suggested = survived = 0
    for path in sorted(original.keys() | suggestion.keys()):
        texts = (files.get(path, "") for files in (original, suggestion, settled))
        old, new, final = map(lines_of, texts)
        removed, added = _differing(old, new)
        suggested += len(removed) + len(added)
        if removed or added:
            also_removed, also_added = _differing(old, final)
            survived += len(removed & also_removed)
            survived += sum(one in added and other in also_added for one, other in _common(new, final))
    return survived / suggested if suggested else None


def _changed(before: Files, after: Files) -> Iterator[tuple[str, str]]:
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path, ""), after.get(path, "")
        if old != new:
            yield old, new


def _size(old: Sequence[str], new: Sequence[str]) -> int:
    return sum(max(run.old_end - run.old_start, run.new_end - run.new_start) for run in lcs.changes(old, new))


def _common(one: Sequence[str], other: Sequence[str]) -> Iterator[tuple[int, int]]:
    """The indices of the lines that both have, in each."""
    start = other_start = 0
    for run in (*lcs.changes(one, other), lcs.ChangedRange(len(one), 0, len(other), 0)):
        yield from zip(range(start, run.old_start), range(other_start, run.new_start), strict=True)
        start, other_start = run.old_end, run.new_end


def _differing(old: Sequence[str], new: Sequence[str]) -> tuple[set[int], set[int]]:
    """The indices of the lines of each that the other lacks."""
    removed: set[int] = set()
    added: set[int] = set()
    for run in lcs.changes(old, new):
        removed.update(range(run.old_start, run.old_end))
        added.update(range(run.new_start, run.new_end))
    return removed, added
