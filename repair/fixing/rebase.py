"""Rebase of a diff on a text that was changed since it was written: three-way merge by hunks."""

from collections.abc import Mapping

from repair.line_diff import workspace as workspace_diff
from repair.line_diff.numbered import Hunk, apply, hunks


def rebased(base: Mapping[str, str], current: Mapping[str, str], line_diff: str, path: str) -> str | None:
    """`line_diff`, written for the files `base`, for those of `current`; None where the changes meet.

    Both have the same paths. Raises LineDiffError if it does not apply to `base`.
    """
    changed = workspace_diff.apply(base, line_diff, path)
    result = dict(current)
    for name, text in changed.items():
        if text == base[name]:
            continue
        merged = text if base[name] == current[name] else merge(base[name], current[name], text)
        if merged is None:
            return None
        result[name] = merged
    return workspace_diff.diff(current, result, path)


def merge(base: str, ours: str, theirs: str) -> str | None:
    """`ours` with the changes that made `theirs` of `base`; None where they touch a line of ours."""
    own = hunks(base, ours)
    signed: list[str] = []
    grown = 0  # lines that the hunks so far have added
    for hunk in hunks(base, theirs):
        if any(_meet(hunk, other) for other in own):
            return None
        shift = sum(len(other.added) - len(other.removed) for other in own if other.start < hunk.start)
        start = hunk.start + shift
        signed += [f"-{number} {text}" for number, text in enumerate(hunk.removed, start)]
        signed += [f"+{number} {text}" for number, text in enumerate(hunk.added, start + grown)]
        grown += len(hunk.added) - len(hunk.removed)
    return apply(ours, "\n".join(signed))


def _meet(one: Hunk, other: Hunk) -> bool:
    """Whether they change a line both, or one inserts at an edge of the other."""
    end, other_end = one.start + len(one.removed), other.start + len(other.removed)
    if one.removed and other.removed:
        return one.start < other_end and other.start < end
    return one.start <= other_end and other.start <= end
