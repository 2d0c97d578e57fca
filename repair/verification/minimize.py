"""Delta debugging of a user's fix: finds the few hunks that the diagnostic needs.

Between an error and its fix a user also makes other changes, and the next error. Zeller's ddmin over whole
hunks (as PyTy uses it on commits) finds a small part that clears the diagnostic and adds no error. The hunk
nearest to the error is tried first, even before the whole: most of the time it is the result.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from repair.diagnostics.diagnostic import Diagnostic
from repair.language_servers.scheduler import CheckCoroutine
from repair.line_diff.numbered import Hunk, apply_hunks, diff, hunks
from repair.verification.verifier import UNANSWERED, Verdict, examine

# A check costs 20 to 60 ms of a server. Of n hunks ddmin needs about 2 log2 n checks where one hunk is
# enough, so this suffices for a fix of some dozens of hunks; at the limit, the smallest part so far is the
# result.
MAX_CHECKS = 24

# For a change that as a whole adds an error or is a cheat; the first parts are the likeliest to repair.
MAX_CHECKS_OF_FAILED = 2


@dataclass(frozen=True, slots=True)
class MinimizedFix:
    """The smallest accepted part of a change that was found: `kept` of its `hunks` hunks."""

    verdict: Verdict
    kept: int
    hunks: int


def smallest_repair(
    workspace: Mapping[str, str],
    diagnostic: Diagnostic,
    text: str,
    before: Sequence[Diagnostic],
    cache: dict[str, Verdict],
) -> CheckCoroutine[MinimizedFix]:
    """A small part of the change to `text` that repairs, or the verdict on the whole.

    `text` is a later state of the diagnostic's file. `cache` has the known verdicts by line diff; new ones
    are added to it.
    """
    original = workspace[diagnostic.path]
    found = hunks(original, text)
    if len(found) > 1:
        alone = apply_hunks(original, text, _nearest(found, diagnostic)[:1])
        near = yield from _examine(workspace, diagnostic, diff(original, alone), before, cache)
        if near.accepted or near.reason in UNANSWERED:
            return MinimizedFix(near, 1, len(found))
    whole = yield from _examine(workspace, diagnostic, diff(original, text), before, cache)
    if whole.accepted:
        return (yield from minimize(workspace, diagnostic, whole, before, cache=cache))
    if whole.reason in ("cheat", "new_error"):
        return (yield from minimize(workspace, diagnostic, whole, before, MAX_CHECKS_OF_FAILED, cache=cache))
    return MinimizedFix(whole, len(found), len(found))


def minimize(
    workspace: Mapping[str, str],
    diagnostic: Diagnostic,
    fixed: Verdict,
    before: Sequence[Diagnostic],
    max_checks: int = MAX_CHECKS,
    *,
    cache: dict[str, Verdict] | None = None,
) -> CheckCoroutine[MinimizedFix]:
    """Minimizes `fixed` with at most `max_checks` checks; diffs whose verdict is in `cache` cost none.

    `fixed` clears the diagnostic. If neither it nor any part of it is accepted, the result is `fixed`.
    """
    known = {} if cache is None else cache
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
                    if checks == max_checks:
                        break
                    checks += 1
                verdicts[part] = yield from _examine(workspace, diagnostic, line_diff, before, known)
            if verdicts[part].accepted:
                kept = part
            part = search.send(verdicts[part].accepted)
    except StopIteration:
        pass
    return MinimizedFix(verdicts[kept], len(kept), len(found))


def _examine(
    workspace: Mapping[str, str],
    diagnostic: Diagnostic,
    line_diff: str,
    before: Sequence[Diagnostic],
    cache: dict[str, Verdict],
) -> CheckCoroutine[Verdict]:
    if line_diff not in cache:
        cache[line_diff] = yield from examine(workspace, diagnostic, line_diff, before, anywhere=True)
    return cache[line_diff]


def _nearest(found: Sequence[Hunk], diagnostic: Diagnostic) -> list[int]:
    """The indices of the hunks, sorted by their distance to the diagnostic."""
    return sorted(range(len(found)), key=lambda index: _distance(found[index], diagnostic.start_line))


def _search(nearest: Sequence[int]) -> Generator[frozenset[int], bool, None]:
    """The search of ddmin: yields parts and is sent whether each repairs; accepted parts are nested."""
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
            for chunk in reversed(chunks):  # the farthest hunks are dropped first
                dropped = frozenset(chunk)
                rest = [index for index in current if index not in dropped]
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
