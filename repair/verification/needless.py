"""Needless changes: which changed spans of a verified repair can be taken back, one at a time.

A repair that also changes what nobody complained about is the likelier wrong one. A span is a run of changed
tokens; the repair without it is verified like any other. Each span costs a check of the servers.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from repair.diagnostics.diagnostic import Diagnostic
from repair.language_servers.scheduler import CheckCoroutine
from repair.line_diff.numbered import diff
from repair.text import lcs
from repair.verification.verifier import examine

MAX_CHECKS = 6

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
    repaired: str,
    before: Sequence[Diagnostic],
    *,
    max_checks: int = MAX_CHECKS,
) -> CheckCoroutine[int]:
    """How many of the changed spans of a verified repair of the diagnostic's file are needless.

    A repair of one span has none. Of one with more than `max_checks` spans the first ones are tried.
    """
    original = workspace[diagnostic.path]
    spans = changed_spans(original, repaired)
    needless = 0
    for span in spans[:max_checks] if len(spans) > 1 else ():
        line_diff = diff(original, without(repaired, span))
        if not line_diff:
            continue
        verdict = yield from examine(workspace, diagnostic, line_diff, before, anywhere=True)
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
