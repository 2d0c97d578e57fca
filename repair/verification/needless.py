"""Needless changes: which changed spans of a verified repair can be taken back, one at a time.

A repair that also changes what nobody complained about is the likelier wrong one. A span is a run of changed
tokens, in whichever file; the repair without it is verified like any other. Each span of a repair of two or
more costs a check of the servers, but those without which a file that parses would not.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from repair.diagnostics.diagnostic import Diagnostic
from repair.errors import RepairError
from repair.language_servers.scheduler import CheckCoroutine
from repair.line_diff.workspace import diff
from repair.text import lcs
from repair.text.python_syntax import tree_of
from repair.verification.verifier import UNANSWERED, Verdict, examine

MAX_CHECKS = 6


class UnansweredError(RepairError):
    """The servers failed on a repair without one of its spans, and that is its verdict."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(f"{verdict.reason}: {verdict.evidence}")
        self.verdict = verdict


_TOKEN = re.compile(r"\w+|[^\S\n]+|\n|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Span:
    """`new[start:end]` stands where `old` stood."""

    old: str
    start: int
    end: int


def changed_spans(original: str, repaired: str) -> list[Span]:
    """The runs of tokens that differ, without those that only space tokens of one line apart."""
    old, new = _TOKEN.findall(original), _TOKEN.findall(repaired)
    offsets = [0]
    for token in new:
        offsets.append(offsets[-1] + len(token))
    return [
        Span("".join(old[run.old_start : run.old_end]), offsets[run.new_start], offsets[run.new_end])
        for run in lcs.changes(old, new)
        if not _is_spacing(old, new, run)
    ]


def without(repaired: str, span: Span) -> str:
    """The repaired text with one span as it was."""
    return repaired[: span.start] + span.old + repaired[span.end :]


def needless_changes(
    workspace: Mapping[str, str],
    diagnostic: Diagnostic,
    repaired: Mapping[str, str],
    before: Sequence[Diagnostic],
    *,
    max_checks: int = MAX_CHECKS,
) -> CheckCoroutine[int]:
    """How many of the changed spans of a verified repair are needless; `repaired` are the changed files.

    A repair of one span has none. Of one with more than `max_checks` spans the first ones are tried.

    Raises:
        UnansweredError: the servers failed, so that it is not known.
    """
    changed = {**workspace, **repaired}
    spans = [(path, span) for path, text in repaired.items() for span in changed_spans(workspace[path], text)]
    needless = 0
    parsing = {path for path, text in repaired.items() if tree_of(text) is not None}
    for path, span in spans[:max_checks] if len(spans) > 1 else ():
        if path in parsing and tree_of(without(changed[path], span)) is None:
            continue  # as one of the two changed brackets of a call: the servers would say so
        line_diff = diff(workspace, {**changed, path: without(changed[path], span)}, diagnostic.path)
        if not line_diff:
            continue
        verdict = yield from examine(workspace, diagnostic, line_diff, before, anywhere=True)
        if verdict.reason in UNANSWERED:
            raise UnansweredError(verdict)
        needless += verdict.accepted
    return needless


def _is_spacing(old: Sequence[str], new: Sequence[str], run: lcs.ChangedRange) -> bool:
    """Whether a run changes only the blanks within a line, which mean nothing."""
    changed = [*old[run.old_start : run.old_end], *new[run.new_start : run.new_end]]
    if any(not part.isspace() or part == "\n" for part in changed):
        return False
    return not (_begins_line(old, run.old_start) or _begins_line(new, run.new_start))


def _begins_line(tokens: Sequence[str], index: int) -> bool:
    return index == 0 or tokens[index - 1] == "\n"
