"""Fixes in git histories: the smallest part of a commit's change to a file that clears a diagnostic of it.

Each file is checked alone, so that imports of its own project are not resolved. Used by `bench/excerpts.py`
and `bench/shipped_model.py`.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from repair.diagnostics.diagnostic import Diagnostic
from repair.diagnostics.style import is_stylistic
from repair.language_servers import LanguageServers, Request
from repair.language_servers.scheduler import CheckCoroutine, run_stream
from repair.sources.git_repository import GitRepository
from repair.synthesis.history import MOST_SIGNED_LINES
from repair.verification.minimize import smallest_repair

MOST_BYTES = 200_000  # of a file


class Fix(NamedTuple):
    """A diagnostic and the diff that repairs it; `before`: all diagnostics of the file."""

    path: str
    text: str
    diagnostic: Diagnostic
    line_diff: str
    before: tuple[Diagnostic, ...] = ()


def of_repository(folder: Path, commits: int, servers: LanguageServers) -> Iterator[Fix]:
    """The fixes in the newest commits of a git history, each once."""
    with GitRepository(folder) as repository:
        checks = (_fixes(*change) for change in _changes(repository, commits))
        found = (fix for fixes in run_stream(checks, servers, at_once=32) for fix in fixes)
        yield from {(fix.path, fix.diagnostic.message, fix.line_diff): fix for fix in found}.values()


def _changes(repository: GitRepository, commits: int) -> Iterator[tuple[str, str, str]]:
    for commit in repository.history(["*.py"], commits):
        for change in commit.changes:
            if change.before is None or change.after is None or change.after.mode[:3] != "100":
                continue
            old, new = (repository.blob(entry.blob) for entry in (change.before, change.after))
            if old != new and max(len(old), len(new)) <= MOST_BYTES:
                yield "main.py", old.decode(errors="replace"), new.decode(errors="replace")


def _fixes(path: str, old: str, new: str) -> CheckCoroutine[list[Fix]]:
    before = yield Request({path: old}, edited=(path,))
    after = yield Request({path: new}, edited=(path,))
    left = Counter((diagnostic.code, diagnostic.message) for diagnostic in after)
    found: list[Fix] = []
    for diagnostic in before:
        key = diagnostic.code, diagnostic.message
        left[key] -= 1
        if left[key] >= 0 or diagnostic.has_code_action or is_stylistic(diagnostic.code):
            continue
        fixed = yield from smallest_repair({path: old}, diagnostic, new, before, {})
        line_diff = fixed.verdict.line_diff or ""
        if fixed.verdict.accepted and line_diff.count("\n") < MOST_SIGNED_LINES:
            found.append(Fix(path, old, diagnostic, line_diff, tuple(before)))
    return found
