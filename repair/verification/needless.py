"""Needless changes: which changes of a verified repair can be taken back, one at a time.

A repair that also changes what nobody complained about is the likelier wrong one. A change is a span, a run
of changed tokens in whichever file, or two brackets that are put around something; the repair without it is
verified like any other. Each change of a repair of two or more costs a check of the servers, but those
without which a file that parses would not.
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


_CLOSER = {"(": ")", "[": "]", "{": "}"}
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


def changes(original: str, repaired: str) -> list[tuple[Span, ...]]:
    """The changed spans, one by one; but brackets that are put around something are one change."""
    found: list[tuple[Span, ...]] = []
    opened: list[tuple[str, int]] = []  # what closes it, and where it is among those found
    for span in changed_spans(original, repaired):
        text = "" if span.old.strip() else repaired[span.start : span.end].strip()
        if opened and text == opened[-1][0]:
            _, at = opened.pop()
            found[at] = (*found[at], span)
            continue
        if text in _CLOSER:
            opened.append((_CLOSER[text], len(found)))
        found.append((span,))
    return found


def without(repaired: str, *spans: Span) -> str:
    """The repaired text with some of its spans, which are in their order, as they were."""
    for span in reversed(spans):
        repaired = repaired[: span.start] + span.old + repaired[span.end :]
    return repaired


def needless_changes(
    workspace: Mapping[str, str],
    diagnostic: Diagnostic,
    repaired: Mapping[str, str],
    before: Sequence[Diagnostic],
    *,
    max_checks: int = MAX_CHECKS,
) -> CheckCoroutine[int]:
    """How many of the changes of a verified repair are needless; `repaired` are the changed files.

    A repair of one change has none. Of one with more than `max_checks` changes the first ones are tried.

    Raises:
        UnansweredError: the servers failed, so that it is not known.
    """
    changed = {**workspace, **repaired}
    single = [(path, spans) for path, text in repaired.items() for spans in changes(workspace[path], text)]
    needless = 0
    parsing = {path for path, text in repaired.items() if tree_of(text) is not None}
    for path, spans in single[:max_checks] if len(single) > 1 else ():
        left = without(changed[path], *spans)
        if path in parsing and tree_of(left) is None:
            continue  # the servers would say so
        line_diff = diff(workspace, {**changed, path: left}, diagnostic.path)
        if not line_diff:
            continue
        verdict = yield from examine(workspace, diagnostic, line_diff, before, anywhere=True)
        if verdict.reason in UNANSWERED:
            raise UnansweredError(verdict)
        needless += verdict.accepted
    return needless


def _is_spacing(old: Sequence[str], new: Sequence[str], run: lcs.ChangedRange) -> bool:
    """Whether a run changes only the blanks within a line, which mean nothing, or writes the indentation of
    one otherwise: a tab goes to the next multiple of eight columns."""
    before, after = old[run.old_start : run.old_end], new[run.new_start : run.new_end]
    if any(not part.isspace() or part == "\n" for part in (*before, *after)):
        return False
    if _begins_line(old, run.old_start) or _begins_line(new, run.new_start):
        return "".join(before).expandtabs(8) == "".join(after).expandtabs(8)
    return True


def _begins_line(tokens: Sequence[str], index: int) -> bool:
    return index == 0 or tokens[index - 1] == "\n"
