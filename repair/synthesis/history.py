"""The teacher that costs nothing: the user's own later fix.

The first later state of the file in which the diagnostic is gone is put into the workspace of the error
state, judged as any diff is, and shrunk. A state that is called a cheat stands back behind one that is not.
It is shrunk as well, since the cheat may be in another part of it, and else proposed as it is, for
verification to reject and count it. Other files stay as they were: a row's later states are those of the
diagnostic's file, so that a fix which took another file as well is `no_later_fix`. Rejected here:

| reason | |
|---|---|
| `no_later_fix` | no later state of the partition repairs the diagnostic |
| `file_absent_later` | the file was removed before any did |
| `ghostwriter_fix` | only states do in which text of an AI took part |
| `fix_too_large` | shrunk, the fix still has more than 40 signed lines |
| `server_crashed`, `server_timeout` | the servers could not say |
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from repair.diagnostics import Diagnostic
from repair.line_diff import diff
from repair.outcomes import Reject
from repair.prompt import render_response
from repair.rounds import Checking, Servers, run
from repair.synthesis.shrink import shrink
from repair.synthesis.teacher import Proposal
from repair.verification import UNANSWERED, Verdict, examine, files_of

# A repair has about 31 tokens, two or three signed lines. Ten times that is a rewrite in which the repair
# can't be told from the rest, and a model that learns from it learns to rewrite.
MOST_SIGNED_LINES = 40

# Of a file that is edited all day; the fix of a diagnostic is nearly always among the first few.
MOST_STATES = 32


@dataclass(frozen=True, slots=True)
class HistoryTeacher:
    """Proposes what the user did, out of a row's `later_states`."""

    servers: Servers
    name: str = "history"
    rows_at_once: int = 64
    """Rows whose checks run together; bounds what is held in memory."""

    def propose(self, rows: Iterable[Mapping[str, Any]]) -> Iterator[Proposal | Reject]:
        """One outcome for each row, in order."""
        held: list[Mapping[str, Any]] = []
        for row in rows:
            held.append(row)
            if len(held) == self.rows_at_once:
                yield from run([_propose(each) for each in held], self.servers)
                held = []
        yield from run([_propose(each) for each in held], self.servers)


def _propose(row: Mapping[str, Any]) -> Checking[Proposal | Reject]:
    workspace = files_of(row)
    diagnostic = Diagnostic.from_row(row["diagnostic"])
    before = [Diagnostic.from_row(each) for each in row["before"]]
    states: Sequence[Mapping[str, Any]] = row["later_states"] or []
    original = workspace.get(diagnostic.path)
    if original is None:
        return Reject(row, "file_absent", f"{diagnostic.path} is not among the files of the workspace")
    own = [each["text"] for each in states if each["text"] is not None and not each["ghostwriter"]]
    assisted = [each["text"] for each in states if each["text"] is not None and each["ghostwriter"]]

    fixed = yield from _first_fix(workspace, diagnostic, before, own)
    if fixed.accepted or fixed.reason == "cheat":
        return (yield from _shrunk(row, workspace, diagnostic, before, fixed))
    if fixed.reason in UNANSWERED:
        return Reject(row, fixed.reason or "", fixed.evidence)
    if assisted and (yield from _first_fix(workspace, diagnostic, before, assisted)).accepted:
        return Reject(
            row, "ghostwriter_fix", f"{len(assisted)} of {len(states)} later states hold text of an AI"
        )
    if states and states[-1]["text"] is None:
        return Reject(row, "file_absent_later", f"removed by {states[-1]['timestamp']}")
    return Reject(row, "no_later_fix", f"{len(states)} later states; {fixed.evidence}")


def _first_fix(
    workspace: Mapping[str, str],
    diagnostic: Diagnostic,
    before: Sequence[Diagnostic],
    texts: Iterable[str],
) -> Checking[Verdict]:
    """The first accepted verdict, else the first cheat, else the last verdict."""
    original = workspace[diagnostic.path]
    verdict = Verdict(False, "no_change", "none differs from the error state")
    cheat: Verdict | None = None
    different = [text for text in dict.fromkeys(texts) if text != original]
    for text in different[:MOST_STATES]:
        verdict = yield from examine(workspace, diagnostic, diff(original, text), before)
        if verdict.accepted or verdict.reason in UNANSWERED:
            return verdict
        if verdict.reason == "cheat":
            cheat = cheat or verdict
    return cheat or verdict


def _shrunk(
    row: Mapping[str, Any],
    workspace: Mapping[str, str],
    diagnostic: Diagnostic,
    before: Sequence[Diagnostic],
    fixed: Verdict,
) -> Checking[Proposal | Reject]:
    smallest = yield from shrink(workspace, diagnostic, fixed, before)
    line_diff = smallest.verdict.line_diff or ""
    signed = line_diff.count("\n") + 1
    if signed > MOST_SIGNED_LINES:
        detail = (
            f"{signed} signed lines in {smallest.kept} of {smallest.hunks} hunks; at most {MOST_SIGNED_LINES}"
        )
        return Reject(row, "fix_too_large", detail)
    return Proposal(render_response(line_diff), shrunk=smallest.kept < smallest.hunks)
