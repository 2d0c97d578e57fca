"""A user's fix, shrunk to the hunks that the diagnostic needs.

Between an error and its fix a user does other things too, and makes the next error. Delta debugging over
whole hunks (Zeller's ddmin, as PyTy uses it on commits) looks for a small part that clears the diagnostic and
adds no error. The hunk nearest to the error is tried alone first, before the whole: it is the answer most of
the time.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from repair.diagnostics.diagnostic import Diagnostic
from repair.language_servers.scheduler import CheckCoroutine
from repair.line_diff.numbered import Hunk, apply_hunks, diff, hunks
from repair.verification.verifier import UNANSWERED, Verdict, examine

# A check costs 20 to 60 ms of a server. Of n hunks ddmin needs about 2 log2 n where one is enough, so this
# is plenty for a fix of some dozens of hunks; beyond it, what has been found so far is the answer.
MOST_CHECKS = 24

# Of a change that as a whole brings an error or a cheat; the first parts are the likeliest to repair.
FEW_CHECKS = 2


@dataclass(frozen=True, slots=True)
class Shrunk:
    """The smallest accepted change that was found; `kept` of the `hunks` there were."""

    verdict: Verdict
    kept: int
    hunks: int


def smallest_repair(
    workspace: Mapping[str, str],
    diagnostic: Diagnostic,
    text: str,
    before: Sequence[Diagnostic],
    tried: dict[str, Verdict],
) -> CheckCoroutine[Shrunk]:
    """A small part of the change to `text` that repairs, or the verdict on the whole.

    `text` is a later one of the diagnostic's file. `tried` are the verdicts that are known, by line diff;
    more are added.
    """
    original = workspace[diagnostic.path]
    found = hunks(original, text)
    if len(found) > 1:
        alone = apply_hunks(original, text, _nearest(found, diagnostic)[:1])
        near = yield from _examine(workspace, diagnostic, diff(original, alone), before, tried)
        if near.accepted or near.reason in UNANSWERED:
            return Shrunk(near, 1, len(found))
    whole = yield from _examine(workspace, diagnostic, diff(original, text), before, tried)
    if whole.accepted:
        return (yield from shrink(workspace, diagnostic, whole, before, tried=tried))
    if whole.reason in ("cheat", "new_error"):
        return (yield from shrink(workspace, diagnostic, whole, before, FEW_CHECKS, tried=tried))
    return Shrunk(whole, len(found), len(found))


def shrink(
    workspace: Mapping[str, str],
    diagnostic: Diagnostic,
    fixed: Verdict,
    before: Sequence[Diagnostic],
    most_checks: int = MOST_CHECKS,
    *,
    tried: dict[str, Verdict] | None = None,
) -> CheckCoroutine[Shrunk]:
    """Shrink `fixed`, with at most `most_checks` further checks; what was `tried` before costs none.

    `fixed` clears the diagnostic. If it is no accepted verdict and no part of it is, it stays whole.
    """
    known = {} if tried is None else tried
    path = diagnostic.path
    original, repaired = workspace[path], fixed.repaired or ""
    found = hunks(original, repaired)
    nearest = _nearest(found, diagnostic)
    search = _search(nearest)
    verdicts: dict[frozenset[int], Verdict] = {frozenset(nearest): fixed}
    checks = 0
    kept = frozenset(nearest)
    try:
        part = next(search)
        while True:
            if part not in verdicts:
                line_diff = diff(original, apply_hunks(original, repaired, part))
                if line_diff not in known:
                    if checks == most_checks:
                        break
                    checks += 1
                verdicts[part] = yield from _examine(workspace, diagnostic, line_diff, before, known)
            if verdicts[part].accepted:
                kept = part
            part = search.send(verdicts[part].accepted)
    except StopIteration:
        pass
    return Shrunk(verdicts[kept], len(kept), len(found))


def _examine(
    workspace: Mapping[str, str],
    diagnostic: Diagnostic,
    line_diff: str,
    before: Sequence[Diagnostic],
    tried: dict[str, Verdict],
) -> CheckCoroutine[Verdict]:
    if line_diff not in tried:
        tried[line_diff] = yield from examine(workspace, diagnostic, line_diff, before)
    return tried[line_diff]


def _nearest(found: Sequence[Hunk], diagnostic: Diagnostic) -> list[int]:
    """The numbers of the hunks, those nearest to the diagnostic first."""
    return sorted(range(len(found)), key=lambda index: _distance(found[index], diagnostic.start_line))


def _search(nearest: Sequence[int]) -> Generator[frozenset[int], bool, None]:
    """Parts to try, each answered by whether it repairs; every accepted part lies within the one before."""
    if len(nearest) < 2 or (yield frozenset(nearest[:1])):
        return
    current, pieces = list(nearest), 2
    while len(current) >= 2:
        chunks = _chunks(current, pieces)
        for chunk in chunks:
            if (yield frozenset(chunk)):
                current, pieces = chunk, 2
                break
        else:
            for chunk in reversed(chunks):  # the farthest hunks are the first to go
                rest = [index for index in current if index not in chunk]
                if len(chunks) > 2 and (yield frozenset(rest)):
                    current, pieces = rest, max(pieces - 1, 2)
                    break
            else:
                if pieces >= len(current):
                    return
                pieces = min(2 * pieces, len(current))


def _chunks(items: Sequence[int], pieces: int) -> list[list[int]]:
    """`items` cut into `pieces` runs whose lengths differ by at most one."""
    bounds = [len(items) * index // pieces for index in range(pieces + 1)]
    return [list(items[start:end]) for start, end in pairwise(bounds)]


def _distance(hunk: Hunk, line: int) -> int:
    """Lines between a hunk of the original file and the 0-based `line`; 0 if it touches it."""
    first, last = hunk.start - 1, hunk.start - 1 + max(len(hunk.removed) - 1, 0)
    return max(first - line, line - last, 0)
