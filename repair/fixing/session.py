"""Fixes the diagnostics of a file one after another, each on the workspace that the fixes before it left.

Syntax errors come first. The first answers of a pass are decoded together, for the file as it is then; those
of later diagnostics are rebased on the fixes before them (`repair.fixing.rebase`), and asked for again where
that does not verify. What fixes bring to light is the next pass.

Where the project's own tests are run, a fix that they can't tell of waits until a pass has no other: they may
tell when what they failed of is repaired.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from repair.diagnostics.codes import SYNTAX, type_of_code
from repair.diagnostics.diagnostic import Diagnostic
from repair.fixing.fix import Attempt, Fix, Task
from repair.fixing.fixer import Fixer, Proposal
from repair.fixing.own_tests import OwnTests
from repair.fixing.rebase import rebased
from repair.fixing.targets import Triage, triage
from repair.language_servers import Request
from repair.language_servers.scheduler import Servers
from repair.line_diff.numbered import LineDiffError, diff, parse

MOST_PASSES = 10


class Outcome(StrEnum):
    """What came of a diagnostic."""

    FIXED = "fixed"
    NO_FIX = "no_fix"
    CODE_ACTION = "code_action"
    SAME_FAULT = "same_fault"
    GONE = "gone"  # an earlier fix removed it


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a diagnostic, whose position is that in the file before any fix, if it was there.

    `before` and `after`: the changed files around its own fix, which stands on those before it. `twin`: the
    diagnostic of the same fault.
    """

    diagnostic: Diagnostic
    outcome: Outcome
    before: Mapping[str, str]
    after: Mapping[str, str]
    fix: Fix | None = None
    twin: Diagnostic | None = None


class Session:
    """A workspace (path -> text) while its files are fixed; `files` is its state."""

    def __init__(
        self,
        files: Mapping[str, str],
        fixer: Fixer,
        servers: Servers,
        *,
        k: int,
        unsure: bool = False,
        tests: OwnTests | None = None,
    ) -> None:
        self.files = dict(files)
        self.style = 0
        """Diagnostics that were left out because their rules are stylistic."""
        self.handled = 0
        """... and because the program expects what they predict."""
        self._fixer, self._servers = fixer, servers
        self._k, self._unsure, self._tests = k, unsure, tests

    def fix_file(self, path: str) -> Iterator[Report]:
        """What came of each diagnostic of the file, as soon as it is known; `files` has the fixes.

        Raises:
            LanguageServerError: the workspace can't be checked.
        """
        known = self._check(path)
        found = triage(_of(path, known), self.files[path])
        self.style += len(found.style)
        self.handled += len(found.handled)
        for diagnostic in found.code_actions:
            yield Report(diagnostic, Outcome.CODE_ACTION, {}, {})
        origins = {diagnostic: diagnostic for diagnostic in (*found.targets, *found.same_faults)}
        given_up: list[Diagnostic] = []
        waited = False
        for _ in range(MOST_PASSES):
            pending = [target for target in found.targets if target not in given_up]
            if not pending:
                return
            base = self.files[path]
            chosen = _first(pending, found)
            waits = self._tests is not None and not waited and len(chosen.targets) > 1
            waiting: list[Diagnostic] = []
            for report in self._pass(path, chosen, known, waiting if waits else None):
                yield replace(report, diagnostic=origins.get(report.diagnostic, report.diagnostic))
            chosen = chosen.without(waiting)
            given_up += chosen.targets
            waited = bool(waiting) and self.files[path] == base
            if self.files[path] == base:
                continue
            known = self._check(path)
            moves = _Moves(base, self.files[path])
            given_up = [now for old in given_up if (now := moves.find(old, known))]
            found = triage(_of(path, known), self.files[path])
            left = [old for old in origins if old not in chosen.targets and old not in chosen.same_faults]
            moved = {old: moves.find(old, known) for old in left}
            for old, now in moved.items():
                if now is None:
                    yield Report(origins[old], Outcome.GONE, {}, {})
            origins = {now: origins[old] for old, now in moved.items() if now is not None}
            self.handled += sum(now in origins for now in found.handled)  # known since the file parses
        for target in found.targets:
            if target not in given_up:
                yield Report(origins.get(target, target), Outcome.NO_FIX, {}, {})

    def _pass(
        self, path: str, found: Triage, known: Sequence[Diagnostic], waiting: list[Diagnostic] | None
    ) -> Iterator[Report]:
        """What came of each target. `waiting`: gets those that the tests can't tell of; None: none waits."""
        base = dict(self.files)
        tasks = [Task(base, target, known, self._k, self._unsure, self._tests) for target in found.targets]
        firsts = self._fixer.first_answers(tasks)
        for first, proposals in zip(tasks, firsts, strict=True):
            target = first.diagnostic
            now: Diagnostic | None = target
            if self.files[path] != base[path]:
                now = _Moves(base[path], self.files[path]).find(target, known)
            if now is None:
                yield Report(target, Outcome.GONE, {}, {})
                continue
            task = replace(first, files=dict(self.files), diagnostic=now, before=known)
            fix = self._fixed(task, base, proposals)
            if fix.found and fix.tested is None and waiting is not None:
                waiting.append(target)
            elif not fix.found:
                yield Report(target, Outcome.NO_FIX, {}, {}, fix)
            else:
                before = {name: self.files[name] for name in fix.changed}
                self.files.update(fix.changed)
                known = self._check(path)
                yield Report(target, Outcome.FIXED, before, fix.changed, fix)
        for diagnostic, twin in found.without(waiting or ()).same_faults.items():
            moved = _Moves(base[path], self.files[path])
            gone = moved.find(diagnostic, known) is None
            yield Report(diagnostic, Outcome.GONE if gone else Outcome.SAME_FAULT, {}, {}, twin=twin)

    def _fixed(self, task: Task, base: Mapping[str, str], proposals: Sequence[Proposal]) -> Fix:
        """The fix of a task on the workspace as it is; `proposals` were written for that of `base`."""
        moved = [self._rebased(task, base, proposal) for proposal in proposals]
        known = [proposal for proposal in moved if proposal is not None]
        [fix] = self._fixer.verified([task], [known])
        if not fix.found and base[task.path] != task.files[task.path]:
            [fix] = self._fixer.verified([task], self._fixer.first_answers([task]))
        [(_, settled)] = self._fixer.after([task], [fix])
        return settled

    @staticmethod
    def _rebased(task: Task, base: Mapping[str, str], proposal: Proposal) -> Proposal | None:
        if isinstance(proposal, Attempt) or base[task.path] == task.files[task.path]:
            return proposal
        try:
            line_diff = rebased(base, task.files, proposal.line_diff, task.path)
        except LineDiffError as error:
            return Attempt(error.reason, str(error))
        return None if line_diff is None else replace(proposal, line_diff=line_diff)

    def _check(self, path: str) -> Sequence[Diagnostic]:
        [result] = self._servers.check_many([Request(self.files, edited=(path,))])
        if result.error:
            raise result.error
        return result.diagnostics


def _first(pending: Sequence[Diagnostic], found: Triage) -> Triage:
    """What of `pending` is next: syntax errors, since little else is known of a file that does not parse."""
    targets = [target for target in pending if type_of_code(target.code) == SYNTAX] or list(pending)
    twins = {twin: target for twin, target in found.same_faults.items() if target in targets}
    return Triage(targets=targets, same_faults=twins)


class _Moves:
    """Follows diagnostics of a text into the text that fixes made of it."""

    def __init__(self, before: str, after: str) -> None:
        self._diff = parse(diff(before, after))
        self._added = {number for number, _ in self._diff.added}

    def find(self, old: Diagnostic, known: Sequence[Diagnostic]) -> Diagnostic | None:
        """`old` among the diagnostics of the text after: on its line, or on a new one if that was changed."""
        number = self._diff.map_line(old.start_line + 1)
        lines = self._added if number is None else {number}
        same = [
            diagnostic
            for diagnostic in known
            if (diagnostic.path, diagnostic.code, diagnostic.message) == (old.path, old.code, old.message)
            and diagnostic.start_line + 1 in lines
        ]
        return min(same, key=lambda one: abs(one.start_column - old.start_column), default=None)


def _of(path: str, diagnostics: Sequence[Diagnostic]) -> list[Diagnostic]:
    return [diagnostic for diagnostic in diagnostics if diagnostic.path == path]
