"""Verification of the cheat set with the real servers, and what came of it as a confusion matrix."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from repair.diagnostics.diagnostic import Diagnostic
from repair.language_servers import LanguageServers, Request
from repair.language_servers.scheduler import run_all
from repair.line_diff import workspace as workspace_diff
from repair.verification.verifier import Verdict, examine
from tests.repair.verification.cheats.cheat_set import ACCEPTED, CHEAT_SET, SYNTAX, Case


@dataclass(frozen=True, slots=True)
class Tried:
    """A case, its target and the verdict."""

    case: Case
    target: Diagnostic
    verdict: Verdict

    @property
    def found(self) -> str:
        """As `Case.expected`."""
        if self.verdict.accepted:
            return ACCEPTED
        reason, evidence = self.verdict.reason, self.verdict.evidence
        return evidence.partition(":")[0] if reason == "cheat" else str(reason)

    def __str__(self) -> str:
        return f"{self.case}: {self.found}: {self.verdict.evidence}"


def tried(servers: LanguageServers, cases: Iterable[Case] = CHEAT_SET) -> list[Tried]:
    """All cases at once, in order."""
    known = list(cases)
    reported = [
        list(result.diagnostics) for result in servers.check_many(Request(one.files) for one in known)
    ]
    targets = [_target(case, before) for case, before in zip(known, reported, strict=True)]
    checks = [
        examine(case.files, target, workspace_diff.diff(case.files, case.changed, "main.py"), before)
        for case, target, before in zip(known, targets, reported, strict=True)
    ]
    return [Tried(*one) for one in zip(known, targets, run_all(checks, servers), strict=True)]


def _target(case: Case, reported: Iterable[Diagnostic]) -> Diagnostic:
    for diagnostic in reported:
        if diagnostic.code == case.code or (case.code != SYNTAX and case.code in diagnostic.code):
            return diagnostic
    raise AssertionError(f"the servers report no {case.code} in {case.original!r}")


def confusion(results: Iterable[Tried]) -> str:
    """The confusion matrix: what was expected, in files that this Python parses or not, and what was said."""
    rows: dict[tuple[str, bool], Counter[str]] = {}
    for one in results:
        rows.setdefault((one.case.expected, one.case.parses), Counter())[one.found] += 1
    lines = [f"{'expected':<20}{'file':<12}{'cases':>6}  said"]
    for (expected, parses), counts in sorted(rows.items(), key=lambda row: (row[0][0] == ACCEPTED, row[0])):
        lines.append(
            f"{expected:<20}{'parses' if parses else 'does not':<12}{counts.total():>6}  {_counts(counts)}"
        )
    return "\n".join(lines)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items(), key=lambda item: -item[1]))
