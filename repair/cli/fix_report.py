"""What `repair fix` prints: a line and a diff for each diagnostic, or one JSON document.

Tested by `tests/repair/cli/test_fix.py`.
"""

import json
import os
import sys
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import click

from repair.cli.local_files import LocalWorkspace
from repair.diagnostics.diagnostic import Diagnostic
from repair.fixing.fix import MODEL, REASONS, STAR_IMPORT, UNMEASURED, Fix
from repair.fixing.fixer import FixModels
from repair.fixing.own_tests import Transition
from repair.fixing.patch import text_edits, unified_patch
from repair.fixing.session import Outcome, Report
from repair.language_servers.environment import NONE
from repair.messages import printable

_LONGEST = 300  # characters of a detail on the screen
_CLEAR = ("no_change", UNMEASURED)  # the reason says it all
_UNASKED = {
    UNMEASURED: "whose repairs were never measured (--unsure asks)",
    STAR_IMPORT: "whose names a star import may bring (--python names its environment)",
}
_OF_PACKAGES = ("pyright[reportMissingImports]", "pyright[reportMissingModuleSource]")
_TESTED = {
    Transition.FAIL_TO_PASS: "the tests failed and pass with it",
    Transition.PASS_TO_PASS: "the tests pass with and without it",
}
_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


class Reporter(ABC):
    """Counts what came of the diagnostics, and prints it.

    `style`: diagnostics of stylistic rules; `handled`: those whose absence the program expects.
    """

    def __init__(self, *, applies: bool) -> None:
        self.applies = applies
        self.style = 0
        self.handled = 0
        self.failed = False
        """A server failed on a file."""
        self.counts: Counter[Outcome] = Counter()
        self.refused: dict[str, str] = {}
        self.tests: dict[str, str | None] = {}
        """Project -> how its own tests fail with all fixes; None: they pass."""
        self._missing_imports = 0
        self._unsure = 0
        self._unasked: Counter[str] = Counter()
        self._note: Callable[[str], None] = lambda text: None

    @property
    def remain(self) -> bool:
        """Whether the files still have diagnostics, or the tests fail."""
        left = sum(self.counts.values()) - self.counts[Outcome.GONE]
        fixed = self.counts[Outcome.FIXED] if self.applies else 0
        return left > fixed or bool(self.refused) or any(self.tests.values())

    def add(self, report: Report, workspace: LocalWorkspace) -> None:
        """Count and print a report."""
        self.counts[report.outcome] += 1
        self._missing_imports += report.diagnostic.code in _OF_PACKAGES
        if (fix := report.fix) and not fix.found:
            self._unsure += fix.withheld is not None
            self._unasked.update(reason for reason in _UNASKED if reason in fix.reasons)
        self.show(report, workspace)

    def refuse(self, path: str, message: str) -> None:
        """A file that was not fixed or not written."""
        self.refused[path] = message
        click.echo(printable(message), err=True)

    def tested(self, workspace: LocalWorkspace, failure: str | None) -> None:
        """What the project's own tests say of all fixes."""
        self.tests[workspace.shown(".")] = failure

    def note(self, text: str) -> None:
        """What is done now, for a person who waits."""
        self._note(text)

    @contextmanager
    def working(self, text: str) -> Generator[Callable[[str], None]]:
        """Shows on a terminal's standard error what is done now."""
        if not sys.stderr.isatty():
            yield self.note
            return
        from rich.console import Console
        from rich.text import Text

        with Console(stderr=True).status(Text(text)) as status:
            self._note = lambda text: status.update(Text(printable(text)))
            yield self.note
        self._note = lambda text: None

    @abstractmethod
    def show(self, report: Report, workspace: LocalWorkspace) -> None:
        """Print a report, or keep it for the end."""

    @abstractmethod
    def end(self, models: FixModels, versions: Mapping[str, str], *, k: int) -> None:
        """Print what is said last."""


class TextReporter(Reporter):
    """For people: text of strangers is escaped, so that a terminal shows what is there."""

    def show(self, report: Report, workspace: LocalWorkspace) -> None:
        found = report.diagnostic
        place = f"{workspace.shown(found.path)}:{found.start_line + 1}:{found.start_column + 1}"
        message = "\n    ".join(found.message_lines)
        if report.outcome == Outcome.GONE:
            return
        _echo(f"{place}: {found.code}: {message}", bold=True)
        if report.outcome == Outcome.FIXED:
            for line in _shown_patch(report, workspace).rstrip("\n").split("\n"):
                _echo(line, fg=_COLOURS.get(line[:1]), bold=line.startswith(("---", "+++")) or None)
            if report.fix and (told := _what_is_known(report.fix)):
                _echo(f"  {told}", fg="yellow")
        elif report.outcome == Outcome.CODE_ACTION:
            _echo("  ruff fixes this itself: ruff check --fix", fg="yellow")
        elif report.outcome == Outcome.SAME_FAULT and report.twin:
            _echo(f"  the same fault as {report.twin.code} in line {report.twin.start_line + 1}", fg="yellow")
        else:
            why = (
                why_not(report.fix) if report.fix else "not asked about: there were too many fixes before it"
            )
            _echo(f"  {why}", fg="yellow")

    def end(self, models: FixModels, versions: Mapping[str, str], *, k: int) -> None:
        counts = self.counts
        fixed = counts[Outcome.FIXED] + counts[Outcome.GONE]
        if not counts:
            text = "nothing was fixed" if self.refused else "no diagnostics"
        else:
            text = f"{fixed} of {sum(counts.values())} diagnostics fixed"
            text += "" if self.applies or not fixed else ", not applied (--apply writes the files)"
        if counts[Outcome.CODE_ACTION]:
            text += f"; {counts[Outcome.CODE_ACTION]} for ruff check --fix"
        if self._unsure:
            text += f"; {self._unsure} verified and not shown, for they may be wrong (--unsure shows them)"
        for reason, count in self._unasked.items():
            text += f"; {count} not asked about, {_UNASKED[reason]}"
        if self.style:
            text += f"; {self.style} of style left out"
        if self.handled:
            text += f"; {self.handled} left out whose absence the program expects"
        click.echo(f"{text}; model {printable(models.name)}, k = {k}", err=True)
        for folder, failure in self.tests.items():
            told = "pass" if failure is None else f"fail: {failure}"
            click.echo(printable(f"with these fixes the tests of {folder} {told}"), err=True)
        if self._missing_imports and versions["environment"] == NONE:
            click.echo(
                "third-party packages are not seen; name their environment: --python .venv/bin/python",
                err=True,
            )


class JsonReporter(Reporter):
    """For programs: one document at the end, in ASCII."""

    def __init__(self, *, applies: bool) -> None:
        super().__init__(applies=applies)
        self._rows: list[dict[str, Any]] = []

    def show(self, report: Report, workspace: LocalWorkspace) -> None:
        self._rows.append(as_json(report, workspace.shown))

    def end(self, models: FixModels, versions: Mapping[str, str], *, k: int) -> None:
        counts = {outcome.value: self.counts[outcome] for outcome in Outcome}
        document = {
            "diagnostics": self._rows,
            "summary": {**counts, "style": self.style, "handled": self.handled},
            "applied": self.applies,
            "refused": self.refused,
            "tests": self.tests,
            "k": k,
            "versions": {**models.versions, **versions},
        }
        click.echo(json.dumps(document, indent=2))


def as_json(report: Report, shown: Callable[[str], str]) -> dict[str, Any]:
    """A report for programs; lines and columns count from 1, those of `edits` are LSP's."""
    found, fix = report.diagnostic, report.fix
    nearest = fix.nearest if fix else None
    before, after = _by_shown_path(report, shown)
    return {
        **_place(replace(found, path=shown(found.path))),
        "outcome": report.outcome.value,
        "reason": nearest.reason if nearest else None,
        "detail": nearest.detail if nearest else None,
        "rejected": fix.reasons if fix else {},
        "confidence": fix.confidence if fix else None,
        "author": fix.author if fix and fix.found else None,
        "tests": fix.tested if fix and fix.found else None,
        "same_fault_as": report.twin.code if report.twin else None,
        "diff": unified_patch(before, after) or None,
        "edits": text_edits(before, after),
    }


def why_not(fix: Fix) -> str:
    """Why nothing is shown, on one line."""
    counts = fix.reasons
    nearest = fix.nearest
    if nearest is None:
        return "no fix: no answer"
    number = sum(counts.values())
    told = ", ".join(f"{count} {reason}" for reason, count in counts.items()) if number > 1 else ""
    meaning = REASONS.get(nearest.reason, nearest.reason).partition(";")[0]
    detail = "" if nearest.reason in _CLEAR else " ".join(nearest.detail.split())
    detail = detail if len(detail) <= _LONGEST else f"{detail[:_LONGEST]}..."
    return f"no fix{f' in {number} answers ({told})' if told else ''}: {meaning}{detail and f': {detail}'}"


def _what_is_known(fix: Fix) -> str:
    """Of a fix that is shown: how likely it is right, who but the model gave it, and what the tests say."""
    confidence = "" if fix.confidence is None else f"confidence {fix.confidence:.2f}"
    told = [known for known in (fix.doubts or confidence,) if known]
    told += [] if fix.author == MODEL else [f"by {fix.author}"]
    return ", ".join([*told, _TESTED[fix.tested]] if fix.tested else told)


def _place(found: Diagnostic) -> dict[str, Any]:
    return {
        "path": found.path,
        "line": found.start_line + 1,
        "column": found.start_column + 1,
        "end_line": found.end_line + 1,
        "end_column": found.end_column + 1,
        "code": found.code,
        "severity": found.severity,
        "message": found.message,
    }


def _by_shown_path(report: Report, shown: Callable[[str], str]) -> tuple[dict[str, str], dict[str, str]]:
    """The files before and after a fix."""
    before, after = (
        {shown(path): text for path, text in files.items()} for files in (report.before, report.after)
    )
    return before, after


def _shown_patch(report: Report, workspace: LocalWorkspace) -> str:
    """The patch for a screen: without carriage returns, and tabs as they are."""
    patch = unified_patch(*_by_shown_path(report, workspace.shown))
    return "\n".join(row.removesuffix("\r") for row in patch.split("\n"))


def _echo(text: str, **style: Any) -> None:
    plain = "\t".join(printable(part) for part in text.split("\t"))
    colour = False if os.environ.get("NO_COLOR") else None
    click.echo(click.style(plain, **style), color=colour)
