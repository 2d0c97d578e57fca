"""Rule-based teacher: candidate fixes from the server's message and the names in the file.

It is free, needs no later state and no model, and proposes nothing where it has no rule. Its proposals were
verified by the servers. It repairs slips that a program can name, so its diffs are easier than what people
and models are asked: use them to test a pipeline and to fill a demo, and report no result on data made by it.

The proposal is the first of at most four candidates that the servers accept.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType

from repair.diagnostics.codes import SYNTAX, type_of_code
from repair.diagnostics.diagnostic import Diagnostic
from repair.language_servers import errors
from repair.language_servers.scheduler import CheckCoroutine, Servers, run_stream
from repair.line_diff.numbered import diff
from repair.prompt.sentinels import render_response
from repair.schema.guards import guarded
from repair.schema.outcomes import Reject
from repair.schema.rows import RepairCandidateRow
from repair.synthesis.rules import names, syntax
from repair.synthesis.teacher import Proposal
from repair.text.files import files_of
from repair.text.lines import lines_of, split_mark
from repair.text.python_syntax import first_error
from repair.unexpected import UNEXPECTED
from repair.verification.verifier import UNANSWERED, examine

RULES = "rules"
MOST_CANDIDATES = 4

REASONS = {
    "no_rule": "no rule knows an answer to this diagnostic",
    "no_candidate_verifies": "no candidate of the rules repairs it; the detail says why each does not",
    "file_absent": "the diagnostic's file is not in the workspace",
    **errors.REASONS,
}


@dataclass(frozen=True, slots=True)
class RulesTeacher:
    """Proposes the first candidate of a rule that verifies."""

    servers: Servers
    name: str = RULES
    rows_at_once: int = 64
    """Rows whose checks run together; bounds the memory."""

    def propose(self, rows: Iterable[RepairCandidateRow]) -> Iterator[Proposal | Reject]:
        """One outcome for each row, in order."""
        yield from run_stream(map(_guarded, rows), self.servers, at_once=self.rows_at_once)


def candidates(
    text: str, diagnostic: Diagnostic, workspace: Mapping[str, str] = MappingProxyType({})
) -> list[str]:
    """Numbered line diffs of `text` that may repair `diagnostic`, the likeliest first; at most four.

    `workspace`: path -> text, of the files that the project's own names are looked for in.
    """
    mark, body = split_mark(text)
    rows = lines_of(body)
    if mark:  # columns of the first line count it, and the row does not have it
        diagnostic = replace(
            diagnostic,
            start_column=max(0, diagnostic.start_column - (diagnostic.start_line == 0)),
            end_column=max(0, diagnostic.end_column - (diagnostic.end_line == 0)),
        )
    if type_of_code(diagnostic.code) != SYNTAX:
        suggested = names.suggestions(rows, diagnostic, workspace)
    else:  # each is parsed: that costs far less than to ask the servers
        suggested = sorted(
            syntax.suggestions(rows, diagnostic),
            key=lambda found: first_error("\n".join(found)),
            reverse=True,
        )
    found: dict[str, None] = {}
    for suggestion in suggested:
        if suggestion != rows:
            found[diff(text, mark + "\n".join(suggestion))] = None
        if len(found) == MOST_CANDIDATES:
            break
    return list(found)


def _guarded(row: RepairCandidateRow) -> CheckCoroutine[Proposal | Reject]:
    return guarded(_propose(row), partial(Reject, row, UNEXPECTED))


def _propose(row: RepairCandidateRow) -> CheckCoroutine[Proposal | Reject]:
    workspace = files_of(row)
    diagnostic = Diagnostic.from_row(row["diagnostic"])
    before: Sequence[Diagnostic] = [Diagnostic.from_row(found) for found in row["before"]]
    original = workspace.get(diagnostic.path)
    if original is None:
        return Reject(row, "file_absent", f"{diagnostic.path} is not among the files of the workspace")
    failed: list[str] = []
    for line_diff in candidates(original, diagnostic, workspace):
        verdict = yield from examine(workspace, diagnostic, line_diff, before)
        if verdict.accepted:
            return Proposal(render_response(line_diff))
        if verdict.reason in UNANSWERED:
            return Reject(row, verdict.reason or "", verdict.evidence)
        failed.append(f"{line_diff!r}: {verdict.reason}, {verdict.evidence}")
    if failed:
        return Reject(row, "no_candidate_verifies", "; ".join(failed))
    return Reject(row, "no_rule", f"{diagnostic.code}: {diagnostic.message}")
