"""Two states of a workspace compared by their diagnostics: what stayed, what is new.

Each line of a file that changed between the two has a *place* that both states share: a kept line is its
own place, and all lines of one hunk, removed or added, are one place together. Diagnostics are the same if
path, code, message and place are the same; they are compared as multisets.
"""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from repair.diagnostics.codes import SYNTAX, server_and_rule, type_of_code
from repair.diagnostics.diagnostic import Diagnostic
from repair.line_diff.numbered import Hunk, hunks

# A line of a changed file: (number of kept lines before it, whether it is kept itself). Of any other file:
# its number.
Place = tuple[int, bool] | int
Key = tuple[str, str, str, Place]

# Some messages name a line ("Redefinition of unused `x` from line 3"), which moves as lines do.
_NAMED_LINE = re.compile(r"\bline \d+")

# "X" is not defined, of pyright, and Undefined name `X`, of ruff: the same finding
_UNDEFINED = {
    "pyright[reportUndefinedVariable]": re.compile(r'"(\w+)" is not defined'),
    "ruff[F821]": re.compile(r"Undefined name `(\w+)`"),
}


@dataclass(frozen=True, slots=True)
class _Side:
    """A changed file on one side of the diff: the 0-based numbers of the lines in no common line."""

    changed: Sequence[int]

    def place(self, line: int) -> tuple[int, bool]:
        before = bisect_left(self.changed, line)
        kept = before == len(self.changed) or self.changed[before] != line
        return line - before, kept


_Sides = Mapping[str, _Side]  # by path


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
        sides = {path: _sides(hunks(original[path], repaired[path])) for path in changed}
        self._old: _Sides = {path: old for path, (old, _) in sides.items()}
        self._new: _Sides = {path: new for path, (_, new) in sides.items()}
        self._before = before
        self._after = after

    def remaining(self, target: Diagnostic) -> list[Diagnostic]:
        """What of `target` is still there: itself, or another of its kind where there was none before.

        A diagnostic of the target's code and message on an added line of the hunk that removed the
        target's line is the target itself. One that appears anywhere else in the file is the target too:
        the faulty code has only moved.
        """
        kind = _kind(target)
        own_place = _place(target, self._old)
        alike_before = [diagnostic for diagnostic in self._before if _kind(diagnostic) == kind]
        alike_after = [diagnostic for diagnostic in self._after if _kind(diagnostic) == kind]
        same = [diagnostic for diagnostic in alike_after if _place(diagnostic, self._new) == own_place]
        return same or self._additional(alike_before, alike_after)

    def new_errors(self) -> list[Diagnostic]:
        """The errors of the whole workspace that were not there before. Weaker severities don't count.

        Of a file that does not parse ruff tells nothing but that, where pyright tells the rest as well. So
        an undefined name that ruff tells once the file parses is not new if pyright told it before.
        """
        additional = self._additional(_errors(self._before), _errors(self._after))
        silenced = {diagnostic.path for diagnostic in self._before if _is_ruffs_syntax_error(diagnostic)}
        if not silenced:
            return additional
        told = {
            _undefined_name(diagnostic, self._old)
            for diagnostic in self._before
            if diagnostic.path in silenced
        }
        told.discard(None)
        return [
            diagnostic
            for diagnostic in additional
            if diagnostic.code != "ruff[F821]" or _undefined_name(diagnostic, self._new) not in told
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


def stands_in(target: Diagnostic, diagnostics: Iterable[Diagnostic]) -> bool:
    """Whether `target` is among the diagnostics of the same state of a workspace."""
    return any(
        _kind(diagnostic) == _kind(target) and diagnostic.start_line == target.start_line
        for diagnostic in diagnostics
    )


def _kind(diagnostic: Diagnostic) -> tuple[str, str, str]:
    return diagnostic.path, diagnostic.code, _NAMED_LINE.sub("line", diagnostic.message)


def _key(diagnostic: Diagnostic, sides: _Sides) -> Key:
    return (*_kind(diagnostic), _place(diagnostic, sides))


def _place(diagnostic: Diagnostic, sides: _Sides) -> Place:
    side, line = sides.get(diagnostic.path), diagnostic.start_line
    return line if side is None else side.place(line)


def _undefined_name(diagnostic: Diagnostic, sides: _Sides) -> tuple[str, str, Place] | None:
    pattern = _UNDEFINED.get(diagnostic.code)
    found = pattern.fullmatch(diagnostic.message) if pattern else None
    return (diagnostic.path, found[1], _place(diagnostic, sides)) if found else None


def _errors(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    return [diagnostic for diagnostic in diagnostics if diagnostic.severity == "error"]


def _is_ruffs_syntax_error(diagnostic: Diagnostic) -> bool:
    server, _ = server_and_rule(diagnostic.code)
    return server == "ruff" and type_of_code(diagnostic.code) == SYNTAX


def _sides(changes: Iterable[Hunk]) -> tuple[_Side, _Side]:
    removed: list[int] = []
    added: list[int] = []
    for hunk in changes:
        removed.extend(range(hunk.start - 1, hunk.start - 1 + len(hunk.removed)))
        added.extend(range(hunk.new_start - 1, hunk.new_start - 1 + len(hunk.added)))
    return _Side(removed), _Side(added)
