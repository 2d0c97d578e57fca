"""Compares the diagnostics of a workspace before and after a diff: which remain, which are new.

Lines of a changed file are aligned through the diff: a kept line corresponds to itself, and all lines of one
hunk, removed or added, share one *aligned line*. Diagnostics are the same if path, code, message and aligned
line are the same; they are compared as multisets. What both servers report
(`repair.diagnostics.equal_findings`) remains as long as one of them reports it.

Tested by `tests/repair/verification/test_verifier.py`.
"""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from repair.diagnostics.codes import SYNTAX, server_and_rule, type_of_code
from repair.diagnostics.diagnostic import Diagnostic
from repair.diagnostics.equal_findings import equal_findings, is_undefined_name, same_subject, subject
from repair.line_diff.numbered import Hunk, hunks

# Of a changed file: (number of kept lines before the line, whether it is kept itself). Of another file: the
# line's number.
AlignedLine = tuple[int, bool] | int
Key = tuple[str, str, str, AlignedLine]

# Some messages name a line ("Redefinition of unused `x` from line 3"), which moves as lines do.
_NAMED_LINE = re.compile(r"\bline \d+")

_FROM_STAR_IMPORTS = "ruff[F405]"


@dataclass(frozen=True, slots=True)
class _ChangedLines:
    """A changed file on one side of the diff: the 0-based numbers of its removed or added lines."""

    changed: Sequence[int]

    def align(self, line: int) -> tuple[int, bool]:
        before = bisect_left(self.changed, line)
        kept = before == len(self.changed) or self.changed[before] != line
        return line - before, kept


_ChangedByPath = Mapping[str, _ChangedLines]  # by path


class Comparison:
    """The diagnostics of a workspace before and after `original` (path -> text) became `repaired`."""

    def __init__(
        self,
        original: Mapping[str, str],
        repaired: Mapping[str, str],
        before: Sequence[Diagnostic],
        after: Sequence[Diagnostic],
    ) -> None:
        changed = [path for path, text in original.items() if repaired.get(path, text) != text]
        self._changed = frozenset(changed)
        sides = {path: _changed_lines(hunks(original[path], repaired[path])) for path in changed}
        self._old: _ChangedByPath = {path: old for path, (old, _) in sides.items()}
        self._new: _ChangedByPath = {path: new for path, (_, new) in sides.items()}
        self._before = before
        self._after = after

    def remaining(self, target: Diagnostic) -> list[Diagnostic]:
        """The diagnostics that show that `target` remains: itself, or an additional one of its kind.

        A diagnostic of the target's code and message on an added line of the hunk that removed the target's
        line is the target itself. So is one that appears anywhere else in the file: the faulty code was only
        moved.
        """
        kind = _kind(target)
        own_line = _aligned_line(target, self._old)
        alike_before = [diagnostic for diagnostic in self._before if _kind(diagnostic) == kind]
        alike_after = [diagnostic for diagnostic in self._after if _kind(diagnostic) == kind]
        same = [diagnostic for diagnostic in alike_after if _aligned_line(diagnostic, self._new) == own_line]
        return same or self._additional(alike_before, alike_after) or self._other_servers(target)

    def _other_servers(self, target: Diagnostic) -> list[Diagnostic]:
        """What the other server still reports of the same fault: at its place, or moved."""
        equal = {_key(known, self._old) for known in self._before if equal_findings(known, target)}
        own_line = _aligned_line(target, self._old)
        remaining = [
            diagnostic
            for diagnostic in self._after
            if (
                _key(diagnostic, self._new) in equal
                or (same_subject(diagnostic, target) and _aligned_line(diagnostic, self._new) == own_line)
            )
            and not self._may_be_imported(diagnostic)
        ]
        if remaining:
            return remaining
        before = [known for known in self._before if same_subject(known, target)]
        after = [diagnostic for diagnostic in self._after if same_subject(diagnostic, target)]
        return [
            diagnostic
            for diagnostic in self._additional(before, after)
            if diagnostic.code != _FROM_STAR_IMPORTS
        ]

    def _may_be_imported(self, diagnostic: Diagnostic) -> bool:
        """Whether a star import may define the name now: pyright looks into the module, ruff does not."""
        if diagnostic.code != _FROM_STAR_IMPORTS:
            return False
        new_message = _kind(diagnostic) not in {_kind(known) for known in self._before}
        return new_message or any(path != diagnostic.path for path in self._changed)

    def new_errors(self) -> list[Diagnostic]:
        """The errors of the whole workspace that were not there before. Weaker severities don't count.

        For a file that does not parse, ruff reports only that, while pyright also reports the rest. So an
        undefined name that ruff reports once the file parses is not new if pyright reported it before.
        """
        additional = self._additional(_errors(self._before), _errors(self._after))
        silenced = {diagnostic.path for diagnostic in self._before if _is_ruffs_syntax_error(diagnostic)}
        if not silenced:
            return additional
        known_names = {
            _name_at(diagnostic, self._old)
            for diagnostic in self._before
            if diagnostic.path in silenced and is_undefined_name(diagnostic)
        }
        return [
            diagnostic
            for diagnostic in additional
            if diagnostic.code != "ruff[F821]" or _name_at(diagnostic, self._new) not in known_names
        ]

    def _additional(self, before: Iterable[Diagnostic], after: Iterable[Diagnostic]) -> list[Diagnostic]:
        known = Counter(_key(diagnostic, self._old) for diagnostic in before)
        additional: list[Diagnostic] = []
        for diagnostic in after:
            key = _key(diagnostic, self._new)
            if known[key]:
                known[key] -= 1
            else:
                additional.append(diagnostic)
        return additional


def is_present(target: Diagnostic, diagnostics: Iterable[Diagnostic]) -> bool:
    """Whether `target` is among `diagnostics` of the same workspace, by path, code, message and line."""
    return any(
        _kind(diagnostic) == _kind(target) and diagnostic.start_line == target.start_line
        for diagnostic in diagnostics
    )


def _kind(diagnostic: Diagnostic) -> tuple[str, str, str]:
    return diagnostic.path, diagnostic.code, _NAMED_LINE.sub("line", diagnostic.message)


def _key(diagnostic: Diagnostic, sides: _ChangedByPath) -> Key:
    return (*_kind(diagnostic), _aligned_line(diagnostic, sides))


def _aligned_line(diagnostic: Diagnostic, sides: _ChangedByPath) -> AlignedLine:
    side, line = sides.get(diagnostic.path), diagnostic.start_line
    return line if side is None else side.align(line)


def _name_at(diagnostic: Diagnostic, sides: _ChangedByPath) -> tuple[str, str, AlignedLine]:
    return diagnostic.path, subject(diagnostic), _aligned_line(diagnostic, sides)


def _errors(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    return [diagnostic for diagnostic in diagnostics if diagnostic.is_error]


def _is_ruffs_syntax_error(diagnostic: Diagnostic) -> bool:
    server, _ = server_and_rule(diagnostic.code)
    return server == "ruff" and type_of_code(diagnostic.code) == SYNTAX


def _changed_lines(changes: Iterable[Hunk]) -> tuple[_ChangedLines, _ChangedLines]:
    removed: list[int] = []
    added: list[int] = []
    for hunk in changes:
        removed.extend(range(hunk.start - 1, hunk.start - 1 + len(hunk.removed)))
        added.extend(range(hunk.new_start - 1, hunk.new_start - 1 + len(hunk.added)))
    return _ChangedLines(removed), _ChangedLines(added)
