"""Verification: does a diff repair its diagnostic, with no new error and no cheat?

A diff changes the diagnostic's file, or several files (`repair.line_diff.workspace`); the servers check the
whole workspace either way. The checks in order: the diff names no line that its prompt did not show
(`repair.prompt.excerpt`), it applies, it changes something, the language servers no longer report the
diagnostic and report no new error, and the diff is no cheat. The first check that fails gives the reason, one
of `REASONS`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from repair.diagnostics.codes import server_and_rule
from repair.diagnostics.diagnostic import HINT, Diagnostic, format_diagnostic, format_diagnostics
from repair.language_servers import (
    LanguageServerError,
    Request,
    ServerCrashError,
    ServerTimeoutError,
    errors,
)
from repair.language_servers.python_version import required_by_setup_py
from repair.language_servers.scheduler import CheckCoroutine, Servers, run_all
from repair.line_diff import workspace as workspace_diff
from repair.line_diff.numbered import LineDiffError
from repair.line_diff.tolerant import canonical
from repair.prompt.excerpt import OutsideExcerptError, check_inside
from repair.schema.guards import guarded
from repair.unexpected import UNEXPECTED
from repair.verification.cheats import (
    Cheat,
    CostlySyntaxError,
    WorkspaceChange,
    comments,
    unreadable,
)
from repair.verification.comparison import Comparison, is_present

UNANSWERED = frozenset({ServerCrashError.reason, ServerTimeoutError.reason, UNEXPECTED})
"""Reasons of a verdict that is not about the diff: the servers failed."""

REASONS = {
    **errors.REASONS,
    "no_diff": "the answer has no diff",
    "malformed": "a line of the diff is not signed and numbered",
    "not_rising": "the line numbers of the diff do not rise",
    "wrong_line": "the diff names a line that the file does not have",
    "content_mismatch": "the text of a removed line is not the file's",
    "outside_excerpt": "the diff changes lines that the prompt does not show",
    "unknown_file": "the diff names a file that the workspace does not have: a diff creates none",
    "no_change": "the diff applies and leaves every line as it was",
    "diagnostic_absent": "there was nothing to repair: the diagnostic is not in the workspace",
    "diagnostic_remains": "the servers still report it, on its line, in its hunk, or moved in the file",
    "new_error": "the servers report an error (no weaker severity counts) that was not there, in any file",
    "cheat": "the diff silences the diagnostic, and repairs nothing; the detail begins with the kind",
    "file_absent": "the diagnostic's file is not in the workspace",
}
"""Why a diff is no repair, or could not be checked: reject reason -> meaning."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of verification: accepted, or the reason why not.

    `evidence` says what was found, in words. `line_diff` is the change in the fewest signed lines, which may
    be fewer than those of the given diff; `repaired` the text of the diagnostic's file after it, and
    `repaired_files` those of the other changed files; `after` all diagnostics of the repaired workspace.
    Fields of checks that were not reached are not set. `tolerated` names the tolerances with which the diff
    was read (`repair.line_diff.tolerant`).
    """

    accepted: bool
    reason: str | None
    evidence: str
    line_diff: str | None = None
    repaired: str | None = None
    repaired_files: Mapping[str, str] = field(default_factory=dict[str, str])
    after: tuple[Diagnostic, ...] = ()
    tolerated: tuple[str, ...] = ()

    def changed(self, path: str) -> dict[str, str]:
        """The files that the diff changes, after it; `path` is the diagnostic's."""
        own = {} if self.repaired is None else {path: self.repaired}
        return {**own, **self.repaired_files}


def verify(
    workspace: Mapping[str, str],
    diagnostic: Diagnostic,
    line_diff: str,
    servers: Servers,
    *,
    before: Sequence[Diagnostic] | None = None,
    anywhere: bool = False,
) -> Verdict:
    """Verifies a diff on `workspace` (path -> text); its lines before any header are of `diagnostic.path`.
    `anywhere`: it may change lines that the prompt does not show, as a person's may, who sees the file.

    `before` are the diagnostics of the unchanged workspace, of all files that an edit of that file may reach;
    if it is not given, the servers compute it.
    """
    return run_all([examine(workspace, diagnostic, line_diff, before, anywhere=anywhere)], servers)[0]


def examine(
    workspace: Mapping[str, str],
    diagnostic: Diagnostic,
    line_diff: str,
    before: Sequence[Diagnostic] | None = None,
    *,
    anywhere: bool = False,
) -> CheckCoroutine[Verdict]:
    """`verify` as a check coroutine, for the scheduler. An error that no step foresaw is a verdict."""
    return guarded(_examine(workspace, diagnostic, line_diff, before, anywhere), _unexpected)


def _unexpected(detail: str) -> Verdict:
    return Verdict(False, UNEXPECTED, detail)


def _examine(
    workspace: Mapping[str, str],
    diagnostic: Diagnostic,
    line_diff: str,
    before: Sequence[Diagnostic] | None,
    anywhere: bool,
) -> CheckCoroutine[Verdict]:
    path = diagnostic.path
    if path not in workspace:
        return Verdict(
            False, "file_absent", f"{path} is not among the {len(workspace)} files of the workspace"
        )
    try:
        line_diff = canonical(line_diff, workspace, path).line_diff
        if not anywhere:
            check_inside(workspace, diagnostic, line_diff)
        changed = workspace_diff.apply(workspace, line_diff, path)
        fewest = fewest_lines(workspace, changed, diagnostic, line_diff)
    except LineDiffError as error:
        return Verdict(False, error.reason, str(error))
    if not fewest:
        return Verdict(False, "no_change", "the diff leaves every line as it was")
    # Verify the text that is stored: the longer diff may have changed a line's terminator.
    repaired = workspace_diff.apply(workspace, fewest, path)
    changes = workspace_diff.parse(fewest, path)
    others = {name: repaired[name] for name in changes if name != path}
    edited = (path, *others)
    try:
        # `before` covers only the files that an edit of the diagnostic's file may reach.
        if before is None or others:
            before = yield Request(workspace, edited=edited)
        if not is_present(diagnostic, before):
            evidence = f"before the diff: no {format_diagnostic(diagnostic)}"
            return Verdict(False, "diagnostic_absent", evidence, fewest, repaired[path], others)
        reported = yield Request(repaired, edited=edited, hints=True)
        after = [found for found in reported if found.severity != HINT]
        reason, evidence = _compared(Comparison(workspace, repaired, before, after), diagnostic)
        if reason is None:
            change = WorkspaceChange(workspace, repaired, diagnostic, changes)
            try:
                found = yield from _cheat(change, before, reported, edited)
            except CostlySyntaxError as error:
                found = unreadable(error)
            reason, evidence = ("cheat", str(found)) if found else (reason, evidence)
    except LanguageServerError as error:
        return Verdict(False, error.reason, str(error), fewest, repaired[path], others)
    return Verdict(reason is None, reason, evidence, fewest, repaired[path], others, tuple(after))


def _cheat(
    change: WorkspaceChange,
    before: Sequence[Diagnostic],
    after: Sequence[Diagnostic],
    edited: tuple[str, ...],
) -> CheckCoroutine[Cheat | None]:
    """The cheat in a diff that the servers are content with; what they know about it is asked of them."""
    if found := change.static_cheat():
        return found
    if _requires_other_python(change.workspace, change.repaired):
        return Cheat("settings", "setup.py: the project requires another version of Python")
    bare = change.without_added_comments()
    if bare is not None:
        revealed = yield Request(bare, edited=edited, hints=True)
        hidden = comments.suppressed(after, revealed)
        old = change.without_removed_comments(configuring=False) if hidden else None
        if old is not None:
            uncovered = yield Request(old, edited=edited)
            hidden = comments.suppressed(after, revealed, comments.suppressed(before, uncovered))
        if hidden:
            return comments.suppression(hidden)
        after = revealed
    old = change.without_removed_comments(configuring=True)
    if old is not None and not is_present(change.diagnostic, (yield Request(old, edited=edited))):
        return comments.taken_away(change.workspace, old, change.diagnostic)
    found = change.unreachable(after)
    if found and server_and_rule(change.diagnostic.code)[0] != "pyright":
        # pyright reports nothing of its own in unreachable code: another server's may always have been there
        hints = yield Request(change.workspace, edited=edited, hints=True)
        return None if change.was_unreachable(hints) else found
    return found


def _requires_other_python(workspace: Mapping[str, str], repaired: Mapping[str, str]) -> bool:
    old, new = (required_by_setup_py(files.get("setup.py", "")) for files in (workspace, repaired))
    return old != new


def _compared(comparison: Comparison, diagnostic: Diagnostic) -> tuple[str | None, str]:
    if remaining := comparison.remaining(diagnostic):
        return "diagnostic_remains", f"after the diff: {format_diagnostics(remaining)}"
    if new_errors := comparison.new_errors():
        return "new_error", f"after the diff, not before: {format_diagnostics(new_errors)}"
    return None, f"gone: {format_diagnostic(diagnostic)}"


def fewest_lines(
    workspace: Mapping[str, str], changed: Mapping[str, str], diagnostic: Diagnostic, line_diff: str
) -> str:
    """The change in the fewest signed lines; `line_diff`, which makes it too, where only that is inside of
    the excerpt: of equal lines at its edge the fewest may be other ones."""
    fewest = workspace_diff.diff(workspace, changed, diagnostic.path)
    if fewest == line_diff:
        return fewest
    try:
        check_inside(workspace, diagnostic, fewest)
    except OutsideExcerptError:
        try:
            check_inside(workspace, diagnostic, line_diff)
        except OutsideExcerptError:
            return fewest
        return line_diff
    return fewest
