"""Cheat rule for suppression comments, whatever they are called: the servers are asked without them.

A server obeys comments of many spellings, and gets new ones with each release. So no spelling is known here:
the comments that a diff adds are blanked, and what the servers report only then was suppressed by them. A
comment whose removal changes nothing is innocent.

A type comment (`# type: list[int]`) is an annotation in an older spelling, so it is kept, and treated as one
(`any_type`); `# type: ignore` and what follows a second `#` are blanked.

Taking a comment away can silence a server too (`# pyright: strict`, the end of a suppressed range): then the
diagnostic is gone as well from the original text without that comment.

Tested by `tests/repair/verification/cheats/test_cheat_set.py`.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from repair.diagnostics.diagnostic import Diagnostic, format_diagnostic
from repair.diagnostics.style import is_stylistic
from repair.line_diff.numbered import Hunk, LineDiff, hunks
from repair.text.lines import TERMINATOR, lines_of
from repair.text.paths import is_python
from repair.verification.cheats.change import Cheat, quote
from repair.verification.cheats.syntax import text as source_of
from repair.verification.cheats.syntax import tree_of

_TYPE_COMMENT = re.compile(r"#\s*type:\s*(?!ignore(?:\W|$))[^\s#][^#]*")
# What configures a checker has a name and a colon; other comments that were taken away need no check.
_CONFIGURING = re.compile(r"(?<!#)#++\s*+[\w-]++\s*:")

_Comments = dict[int, tuple[int, str]]  # by line (0-based): its column in code points, and its text


def without_added_comments(
    workspace: Mapping[str, str], repaired: Mapping[str, str], changes: Mapping[str, LineDiff]
) -> dict[str, str] | None:
    """`repaired` with the comments blanked that the diff added; None if it added none."""
    blanked: dict[str, str] = {}
    for path in filter(is_python, changes):
        if any("#" in line for _, line in changes[path].added):
            added = _changed_comments(workspace[path], repaired[path], added=True)
            if added and (result := _blanked(repaired[path], added)) != repaired[path]:
                blanked[path] = result
    return {**repaired, **blanked} if blanked else None


def without_removed_comments(
    workspace: Mapping[str, str],
    repaired: Mapping[str, str],
    changes: Mapping[str, LineDiff],
    *,
    configuring: bool,
) -> dict[str, str] | None:
    """`workspace` with the comments blanked that the diff took away; None if it took none away.

    `configuring`: only those that may configure a server.
    """
    blanked: dict[str, str] = {}
    for path in filter(is_python, changes):
        if any("#" in line for _, line in changes[path].removed):
            removed = _changed_comments(workspace[path], repaired[path], added=False)
            if configuring:
                removed = {row: found for row, found in removed.items() if _CONFIGURING.search(found[1])}
            if removed:
                blanked[path] = _blanked(workspace[path], removed)
    return {**workspace, **blanked} if blanked else None


def suppressed(
    after: Sequence[Diagnostic], blanked: Sequence[Diagnostic], known: Iterable[Diagnostic] = ()
) -> list[Diagnostic]:
    """What is reported only without the added comments, and was not suppressed before: `known`."""
    reported = Counter((_kind(found), found.start_line) for found in after)
    allowed = Counter(map(_kind, known))
    hidden: list[Diagnostic] = []
    for found in blanked:
        key = (_kind(found), found.start_line)
        if reported[key]:
            reported[key] -= 1
        elif allowed[_kind(found)]:
            allowed[_kind(found)] -= 1
        elif not is_stylistic(found.code):
            hidden.append(found)
    return hidden


def suppression(hidden: Sequence[Diagnostic]) -> Cheat:
    """The cheat of a diff whose comments suppress `hidden`."""
    return Cheat("suppression", f"without the added comments: {format_diagnostic(hidden[0])}")


def taken_away(workspace: Mapping[str, str], blanked: Mapping[str, str], target: Diagnostic) -> Cheat:
    """The cheat of a diff that takes away the comments of `workspace` that `blanked` lacks."""
    pairs = ((lines_of(workspace[path]), lines_of(blanked[path])) for path in workspace)
    lost = next(one for old, new in pairs for one, other in zip(old, new, strict=True) if one != other)
    return Cheat("suppression", f"without the comment of {quote(lost.strip())} {target.code} is not reported")


def _kind(found: Diagnostic) -> tuple[str, str, str]:
    return found.path, found.code, found.message


def _changed_comments(original: str, repaired: str, *, added: bool) -> _Comments:
    """The comments on added (or removed) lines, except those that stay at their place in a hunk."""
    old, new = _comments(original), _comments(repaired)
    changed: _Comments = {}
    for hunk in hunks(original, repaired):
        before, after = (
            _within(old, hunk.start - 1, len(hunk.removed)),
            _within(new, hunk.new_start - 1, len(hunk.added)),
        )
        own, other = (after, before) if added else (before, after)
        kept = _kept(own, other, hunk, added=added)
        first = (hunk.new_start if added else hunk.start) - 1
        changed |= {first + index: found for index, found in own.items() if index not in kept}
    return changed


def _within(comments: _Comments, first: int, count: int) -> _Comments:
    return {line - first: comments[line] for line in range(first, first + count) if line in comments}


def _kept(own: _Comments, other: _Comments, hunk: Hunk, *, added: bool) -> set[int]:
    """The lines whose comment the other side has at the same distance from the hunk's start or end."""
    longer = len(hunk.added) - len(hunk.removed)
    shift = -longer if added else longer
    return {
        index
        for index, (_, comment) in own.items()
        if any(at in other and other[at][1] == comment for at in (index, index + shift))
    }


def _comments(source: str) -> _Comments:
    rows = lines_of(source)
    found: _Comments = {}
    for node in tree_of("\n".join(rows)).of_type("comment"):
        line, column = node.start_point
        before = rows[line].encode(errors="replace")[:column].decode(errors="replace")
        found[line] = (len(before), source_of(node))
    return found


def _blanked(source: str, comments: _Comments) -> str:
    rows = lines_of(source)
    for line, (column, comment) in comments.items():
        kept = _TYPE_COMMENT.match(comment)
        rows[line] = (rows[line][:column] + (kept[0] if kept else "")).rstrip()
    return "".join(_joined(rows, TERMINATOR.findall(source)))


def _joined(rows: Sequence[str], terminators: Sequence[str]) -> Iterator[str]:
    for row, terminator in zip(rows, (*terminators, ""), strict=True):
        yield row + terminator
