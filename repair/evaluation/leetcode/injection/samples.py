"""Funnel of injected bugs to samples: each candidate of a mutator or a teacher is kept or has a reason.

A candidate is a sample under the conditions of `repair.evaluation.leetcode.samples`: the servers report an
error that is new, the correct version passes the tests and the buggy one fails. At most `PER_PROBLEM` of a
problem are kept of each origin, so that a teacher's samples leave the others as they are.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa

from repair.evaluation.benchmark import BENCHMARK_SAMPLES, INJECTED, INJECTED_CHOOSE
from repair.evaluation.leetcode import samples as published_samples
from repair.evaluation.leetcode.injection.bugs import (
    CHOOSE,
    TEACHER,
    InjectedBug,
    dated_problems,
    half_of,
    recent_problems,
)
from repair.evaluation.leetcode.injection.mutators import mutated
from repair.evaluation.leetcode.loader import PublishedBenchmark
from repair.evaluation.leetcode.samples import (
    Case,
    add_tests,
    case_of,
    find_diagnostics,
    outcome_of,
    run_tests,
)
from repair.evaluation.metrics import ast_match
from repair.language_servers.scheduler import Servers
from repair.line_diff.numbered import hunks
from repair.messages import printable
from repair.schema.outcomes import outcome_batch

INJECTED_SAMPLES = pa.schema(
    [
        *BENCHMARK_SAMPLES,
        ("origin", pa.string()),  # debugbench, mutator, teacher
        ("subtype", pa.string()),  # DebugBench's name of the bug; null for DebugBench's own samples
        ("half", pa.string()),  # choose, report: by problem; null for DebugBench's own samples
    ]
)

DEBUGBENCH = "debugbench"
"""The origin of the samples that are not injected."""

LICENCE = "MIT"
"""Of LeetCodeDataset, which the solutions and the tests are from."""

PER_PROBLEM = 2
CHANGED_LINES = 8
"""A bug that changes more is no longer a single one."""

REASONS = {
    "not_recent": "the problem is not newer than the cutoff: the base model may have seen it",
    "no_candidate": "the solution can't be parsed, or has nothing that a mutator could change",
    "unknown_problem": "the teacher's bug is of a problem, or a solution, that is no longer in the data",
    "equal": "both versions have the same syntax tree: there is no bug",
    "repeated_candidate": "an earlier candidate of the problem has the same text",
    "too_large": "more lines are changed than a single bug does",
    "tells": "a comment of the buggy version speaks of the bug",
    **{name: meaning for name, meaning in published_samples.REASONS.items() if name != "repeated_instance"},
    "problem_full": "the problem has its samples of this origin, or one of the subtype: not checked further",
}
"""Why a candidate is no sample, in the order in which it is decided: reject reason -> meaning."""

_TELLING = re.compile(
    r"\b(?:bugs?|buggy|errors?|mistakes?|wrong|incorrect|missing|undefined|illegal|unclosed|should)\b",
    re.IGNORECASE,
)


def injected_samples(
    published: PublishedBenchmark,
    servers: Servers,
    *,
    cutoff: str,
    taught: Sequence[InjectedBug] = (),
) -> pa.RecordBatch:
    """Outcomes of `INJECTED_SAMPLES`: one for each candidate of problems that are newer than `cutoff`.

    `taught` are a teacher's candidates, which come after those of the mutators. A dated problem that is older
    or gives no candidate is a reject of its own.
    """
    cases = list(_cases(published, cutoff, taught))
    add_tests(cases, published)
    _decide(cases, servers)
    return outcome_batch(map(outcome_of, cases), INJECTED_SAMPLES)


def candidates_of(published: PublishedBenchmark, cutoff: str, taught: Sequence[InjectedBug] = ()) -> int:
    """How many outcomes `injected_samples` has."""
    recent = dict(recent_problems(published, cutoff))
    mutants = sum(max(1, len(mutated(slug, correct))) for slug, correct in recent.items())
    return len(dated_problems(published)) - len(recent) + mutants + len(taught)


def _cases(published: PublishedBenchmark, cutoff: str, taught: Sequence[InjectedBug]) -> Iterator[Case]:
    recent = dict(recent_problems(published, cutoff))
    for slug, checks in dated_problems(published).items():
        if slug not in recent:
            yield _rejected(slug, "not_recent", f"published on {checks.date}, the cutoff is {cutoff}")
    seen: set[str] = set()
    for slug, correct in recent.items():
        candidates = mutated(slug, correct)
        if not candidates:
            yield _rejected(slug, "no_candidate", "no mutator applies to the solution")
        yield from (_case(bug, seen) for bug in candidates)
    for bug in taught:
        yield _case(bug, seen, known=recent.get(bug.slug) == bug.correct)


def _rejected(slug: str, reason: str, detail: str) -> Case:
    return Case({"project_id": slug, "path": published_samples.PATH}, "", "", (reason, detail))


def _case(bug: InjectedBug, seen: set[str], *, known: bool = True) -> Case:
    case = case_of(bug.slug, bug.correct, bug.buggy)
    half = half_of(bug.slug)
    case.row |= {
        "benchmark": INJECTED_CHOOSE if half == CHOOSE else INJECTED,
        "licence": LICENCE,
        "origin": bug.origin,
        "subtype": bug.subtype,
        "half": half,
    }
    if not known:
        case.reject = "unknown_problem", f"the solution of {bug.slug} is another, or not recent"
    elif _same_program(case.correct, case.buggy):
        case.reject = "equal", f"{bug.subtype}: the versions differ by layout and comments at most"
    elif case.row["sample_id"] in seen:
        case.reject = "repeated_candidate", f"{bug.subtype} of {bug.slug}"
    elif bug.origin == TEACHER:
        case.reject = _free_text_fault(case, bug.subtype)
    seen.add(case.row["sample_id"])
    return case


def _free_text_fault(case: Case, subtype: str) -> tuple[str, str] | None:
    """What is wrong with a buggy version that a model was free to write."""
    changed = list(hunks(case.correct, case.buggy))
    lines = sum(max(len(hunk.removed), len(hunk.added)) for hunk in changed)
    if lines > CHANGED_LINES:
        return "too_large", f"{subtype}: {lines} lines are changed, at most {CHANGED_LINES}"
    told = next((line for hunk in changed for line in hunk.added if _tells(line)), None)
    return ("tells", printable(told.strip())) if told is not None else None


def _same_program(correct: str, buggy: str) -> bool:
    return correct == buggy or ast_match(buggy, correct)


def _tells(line: str) -> bool:
    """Whether the comment of a line, by Python's mark or another's, speaks of the bug."""
    code = line.lstrip()
    mark = 0 if code.startswith(("//", "/*")) else code.find("#")
    return mark >= 0 and _TELLING.search(code, mark) is not None


def _decide(cases: Iterable[Case], servers: Servers) -> None:
    """Check and test cases until each problem and origin has its samples, or no more candidates.

    In rounds: the next candidates of all problems at once, as many as each still needs.
    """
    kept: dict[tuple[str, str], set[str]] = {}
    pending = [case for case in cases if not case.reject]
    while pending:
        selected: dict[tuple[str, str], list[Case]] = {}
        later: list[Case] = []
        for case in pending:
            group, subtype = (case.row["project_id"], case.row["origin"]), case.row["subtype"]
            have, now = kept.setdefault(group, set()), selected.setdefault(group, [])
            if len(have) >= PER_PROBLEM or subtype in have:
                case.reject = "problem_full", f"{subtype}: samples of {', '.join(sorted(have))} are there"
            elif len(have) + len(now) < PER_PROBLEM and subtype not in {one.row["subtype"] for one in now}:
                now.append(case)
            else:
                later.append(case)
        checked = [case for now in selected.values() for case in now]
        find_diagnostics(checked, servers)
        run_tests(checked)
        for group, now in selected.items():
            kept[group] |= {case.row["subtype"] for case in now if not case.reject}
        pending = later
