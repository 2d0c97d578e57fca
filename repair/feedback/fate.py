"""Survival of an accepted fix: are its lines still there, changed, or taken back?

Three-way comparison by lines: the file before the fix, after it, and later. What else the user changed in
the meantime does not count.
"""

from collections.abc import Sequence
from enum import StrEnum

from repair.text import lcs
from repair.text.lcs import ChangedRange
from repair.text.lines import lines_of


class Fate(StrEnum):
    """What became of the lines of an accepted fix."""

    KEPT = "kept"
    EDITED = "edited"
    REVERTED = "reverted"  # the lines before the fix are back
    FILE_GONE = "file_gone"  # removed, or moved away


def fate_of(original: str, fixed: str, later: str) -> Fate:
    """The fate of the change from `original` to `fixed` in the text `later`; terminators do not count."""
    old, new, now = lines_of(original), lines_of(fixed), lines_of(later)
    if now == new:
        return Fate.KEPT
    if now == old:
        return Fate.REVERTED
    kept = _kept_lines(new, now)
    fates = {_of_hunk(_widened(change, old, new), old, new, now, kept) for change in lcs.changes(old, new)}
    return fates.pop() if len(fates) == 1 else Fate.EDITED


def contains_fix(original: str, fixed: str, text: str) -> bool:
    """Whether all lines of the fix are in `text`."""
    return fate_of(original, fixed, text) == Fate.KEPT


def _kept_lines(new: Sequence[str], now: Sequence[str]) -> dict[int, int]:
    """Index of each line of `new` that is still there -> its index in `now`."""
    kept: dict[int, int] = {}
    i, j = 0, 0
    for change in (*lcs.changes(new, now), ChangedRange(len(new), len(new), len(now), len(now))):
        kept |= dict(zip(range(i, change.old_start), range(j, change.new_start), strict=True))
        i, j = change.old_end, change.new_end
    return kept


def _widened(change: ChangedRange, old: Sequence[str], new: Sequence[str]) -> ChangedRange:
    """The change with the lines around it that equal one of its own: any of them may be meant."""
    old_start, old_end, new_start, new_end = change
    own = {*old[old_start:old_end], *new[new_start:new_end]}
    while old_start and new_start and old[old_start - 1] in own and old[old_start - 1] == new[new_start - 1]:
        old_start, new_start = old_start - 1, new_start - 1
    while old_end < len(old) and new_end < len(new) and old[old_end] in own and old[old_end] == new[new_end]:
        old_end, new_end = old_end + 1, new_end + 1
    return ChangedRange(old_start, old_end, new_start, new_end)


def _of_hunk(
    change: ChangedRange, old: Sequence[str], new: Sequence[str], now: Sequence[str], kept: dict[int, int]
) -> Fate:
    before = next((kept[i] for i in range(change.new_start - 1, -1, -1) if i in kept), -1)
    after = next((kept[i] for i in range(change.new_end, len(new)) if i in kept), len(now))
    place = now[before + 1 : after]
    wanted = {
        Fate.KEPT: new[change.new_start : change.new_end],
        Fate.REVERTED: old[change.old_start : change.old_end],
    }
    for fate, lines in wanted.items():
        if place == lines:
            return fate
    # beside other new lines; the longer one first, for it may hold the other
    for fate, lines in sorted(wanted.items(), key=lambda item: -len(item[1])):
        if lines and _holds(place, lines):
            return fate
    return Fate.EDITED if wanted[Fate.KEPT] else Fate.KEPT  # what was deleted is not back


def _holds(lines: Sequence[str], part: Sequence[str]) -> bool:
    return any(lines[at : at + len(part)] == part for at in range(len(lines) - len(part) + 1))
