"""History teacher: the user's own later fix, minimized to the hunks that repair the diagnostic.

It costs nothing. The proposal is the smallest part of the first later state of the file that holds a repair
(`repair.verification.minimize`): what else the user did in the meantime is left out, and so is the next error
that came with it. A state that counts as a cheat is used only if none repairs without cheating; it is
proposed as it is, so that verification rejects and counts it. A proposal that changes lines which the prompt
does not show can't be learned from, and is rejected here: `outside_excerpt`. Other files stay as they were: a
row's later states are those of the diagnostic's file, so that a fix which needs another file as well is
`no_later_fix`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from repair.diagnostics.diagnostic import Diagnostic
from repair.language_servers import errors
from repair.language_servers.scheduler import CheckCoroutine, Servers, run_stream
from repair.prompt.excerpt import OutsideExcerptError, check_inside
from repair.prompt.sentinels import render_response
from repair.schema.guards import guarded
from repair.schema.outcomes import Reject
from repair.schema.rows import LaterStateRow, RepairCandidateRow
from repair.synthesis.teacher import Proposal
from repair.text.files import files_of
from repair.unexpected import UNEXPECTED
from repair.verification.minimize import MinimizedFix, smallest_repair
from repair.verification.verifier import UNANSWERED, Verdict

REASONS = {
    "no_later_fix": "no later state of the partition repairs the diagnostic",
    "file_absent_later": "the file was removed before any later state repaired it",
    "ghostwriter_fix": "only states repair it in which text of an AI took part",
    "fix_too_large": "minimized, the fix still has more than 40 signed lines",
    OutsideExcerptError.reason: "the smallest part that repairs changes lines that the prompt does not show",
    "file_absent": "the diagnostic's file is not in the workspace",
    **errors.REASONS,
}

# A repair has about 31 tokens, two or three signed lines. Ten times that is a rewrite in which the repair
# can't be told from the rest, and a model that learns from it learns to rewrite.
MOST_SIGNED_LINES = 40

# A row is given up after this many checks without a repair, at the end of a state: of 151 repairs of
# simulated sessions 143 were found by the first check and 148 by the third, and rows without one cost most of
# the time.
MOST_TRIED = 3
MOST_TRIED_ASSISTED = 2  # where an AI took part: this only decides the reason of the reject


@dataclass(frozen=True, slots=True)
class HistoryTeacher:
    """Proposes the user's own fix, from a row's `later_states`."""

    servers: Servers
    name: str = "history"
    rows_at_once: int = 64
    """Rows whose checks run together; bounds the memory."""
    anywhere: bool = False
    """Whether a fix may change lines that the prompt does not show: to measure how many do."""

    def propose(self, rows: Iterable[RepairCandidateRow]) -> Iterator[Proposal | Reject]:
        """One outcome for each row, in order."""
        checks = (guarded(_propose(row, self.anywhere), partial(Reject, row, UNEXPECTED)) for row in rows)
        yield from run_stream(checks, self.servers, at_once=self.rows_at_once)


def _propose(row: RepairCandidateRow, anywhere: bool) -> CheckCoroutine[Proposal | Reject]:
    workspace = files_of(row)
    diagnostic = Diagnostic.from_row(row["diagnostic"])
    before = [Diagnostic.from_row(found) for found in row["before"]]
    states: Sequence[LaterStateRow] = row["later_states"] or []
    original = workspace.get(diagnostic.path)
    if original is None:
        return Reject(row, "file_absent", f"{diagnostic.path} is not among the files of the workspace")
    own = [state["text"] for state in states if state["text"] is not None and not state["ghostwriter"]]
    assisted = [state["text"] for state in states if state["text"] is not None and state["ghostwriter"]]

    fixed = yield from _first_fix(workspace, diagnostic, before, own)
    verdict = fixed.verdict
    if verdict.accepted or verdict.reason == "cheat":
        return _proposed(row, fixed, anywhere)
    if verdict.reason in UNANSWERED:
        return Reject(row, verdict.reason or "", verdict.evidence)
    if assisted:
        with_ai = yield from _first_fix(workspace, diagnostic, before, assisted, MOST_TRIED_ASSISTED)
        if with_ai.verdict.accepted:
            detail = f"{len(assisted)} of {len(states)} later states hold text of an AI"
            return Reject(row, "ghostwriter_fix", detail)
    if states and states[-1]["text"] is None:
        return Reject(row, "file_absent_later", f"removed by {states[-1]['timestamp']}")
    return Reject(row, "no_later_fix", f"{len(states)} later states; {verdict.evidence}")


def _first_fix(
    workspace: Mapping[str, str],
    diagnostic: Diagnostic,
    before: Sequence[Diagnostic],
    texts: Iterable[str],
    most_tried: int = MOST_TRIED,
) -> CheckCoroutine[MinimizedFix]:
    """The first accepted change, else the first cheat, else the last change."""
    original = workspace[diagnostic.path]
    result = MinimizedFix(Verdict(False, "no_change", "none differs from the error state"), 0, 0)
    cheat: MinimizedFix | None = None
    tried: dict[str, Verdict] = {}
    for text in dict.fromkeys(texts):
        if text == original:
            continue
        if len(tried) >= most_tried:
            break
        result = yield from smallest_repair(workspace, diagnostic, text, before, tried)
        if result.verdict.accepted or result.verdict.reason in UNANSWERED:
            return result
        if result.verdict.reason == "cheat":
            cheat = cheat or result
    return cheat or result


def _proposed(row: RepairCandidateRow, fixed: MinimizedFix, anywhere: bool) -> Proposal | Reject:
    line_diff = fixed.verdict.line_diff or ""
    signed = line_diff.count("\n") + 1
    if signed > MOST_SIGNED_LINES:
        detail = f"{signed} signed lines in {fixed.kept} of {fixed.hunks} hunks; at most {MOST_SIGNED_LINES}"
        return Reject(row, "fix_too_large", detail)
    try:
        if not anywhere:
            check_inside(files_of(row), Diagnostic.from_row(row["diagnostic"]), line_diff)
    except OutsideExcerptError as error:
        return Reject(row, error.reason, str(error))
    return Proposal(render_response(line_diff), minimized=fixed.kept < fixed.hunks)
