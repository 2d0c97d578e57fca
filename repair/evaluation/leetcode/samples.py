"""Samples of the LeetCode benchmark: single bugs that the servers report and the tests catch.

An instance is a sample if pyright or ruff reports an error in the buggy version that it does not report in
the correct one, the correct version passes the tests, and the buggy one fails. The tests are those that were
published and the answers of correct versions to mutated inputs. Its diagnostic is the first
such error that is one of syntax, else the first of all: a syntax error has consequences further up, such as a
function that no longer returns. Rejected for the first of `REASONS` that holds.

Tested by `tests/repair/evaluation/leetcode/test_leetcode.py`.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from repair.diagnostics.codes import SYNTAX, type_of_code
from repair.diagnostics.diagnostic import Diagnostic
from repair.diagnostics.style import is_stylistic
from repair.evaluation.benchmark import BENCHMARK_SAMPLES, LEETCODE
from repair.evaluation.leetcode.expansion import expanded_by_problem
from repair.evaluation.leetcode.functional import judged
from repair.evaluation.leetcode.loader import BugInstance, PublishedBenchmark
from repair.evaluation.leetcode.prelude import file_of, prelude
from repair.language_servers import Request, Result, errors
from repair.language_servers.scheduler import Servers
from repair.line_diff import numbered as line_diff
from repair.prompt.rows import prompt_of
from repair.prompt.sentinels import PromptError, render_response
from repair.schema.outcomes import Reject, outcome_batch
from repair.verification.comparison import Comparison

PATH = "main.py"
LICENCE = "Apache-2.0 AND MIT"
"""Of DebugBench's solutions and of LeetCodeDataset's tests."""

REASONS = {
    "repeated_instance": "an earlier instance has the same two versions",
    "no_tests": "neither LeetCodeDataset nor the problem's page has a test that can be read",
    "several_answers": "the page takes any of several right answers, and the tests know one",
    **errors.REASONS,
    "no_new_error": "the servers report the same of both versions, or nothing as strong as an error",
    "oracle_fails": "the correct version fails the tests here: a module is missing, or the tests are wrong",
    "bug_passes": "the buggy version passes the tests: they don't reach the bug, or there is none",
    "malformed_prompt": "the row can't be written as a prompt and a response",
}
"""Why an instance is no sample, in the order in which it is decided: reject reason -> meaning."""


@dataclass(slots=True)
class _Case:
    """An instance and its row, or its reject."""

    row: dict[str, Any]
    correct: str
    buggy: str
    reject: tuple[str, str] | None = None


def leetcode_samples(published: PublishedBenchmark, servers: Servers) -> pa.RecordBatch:
    """The LeetCode benchmark: outcomes of `BENCHMARK_SAMPLES`, one for each instance, in order."""
    cases = list(_cases(published))
    _find_diagnostics(cases, servers)
    _run_tests(cases)
    return outcome_batch(map(_outcome, cases), BENCHMARK_SAMPLES)


def _cases(published: PublishedBenchmark) -> Iterator[_Case]:
    seen: set[str] = set()
    problems = expanded_by_problem(published, {instance.slug for instance in published.instances})
    columns = {slug: tests.to_json() for slug, tests in problems.items()}
    for instance in published.instances:
        above = prelude(instance.correct)
        correct, buggy = file_of(above, instance.correct), file_of(above, instance.buggy)
        case = _Case(_known(instance, correct, buggy), correct, buggy)
        tests = problems.get(instance.slug)
        if case.row["sample_id"] in seen:
            case.reject = "repeated_instance", f"{instance.bug} of {instance.slug}"
        elif tests is None:
            case.reject = "no_tests", f"nothing published tests the problem {instance.slug}"
        elif tests.several_answers:
            case.reject = "several_answers", f"the page of {instance.slug} takes any of several answers"
        else:
            case.row["tests"] = columns[instance.slug]
        seen.add(case.row["sample_id"])
        yield case


def _known(instance: BugInstance, correct: str, buggy: str) -> dict[str, Any]:
    content = "\0".join((instance.slug, correct, buggy))
    return {
        "sample_id": hashlib.sha256(content.encode()).hexdigest()[:32],
        "benchmark": LEETCODE,
        "project_id": instance.slug,
        "path": PATH,
        "files": [{"path": PATH, "text": buggy}],
        "target": correct,
        "target_files": [],
        "licence": LICENCE,
        "verified_by": None,
    }


def _find_diagnostics(cases: Sequence[_Case], servers: Servers) -> None:
    """Check both versions; the diagnostic is the first new error of the buggy one."""
    left = [case for case in cases if not case.reject]
    texts = (text for case in left for text in (case.correct, case.buggy))
    results = servers.check_many(Request({PATH: text}) for text in texts)
    for case, correct, buggy in zip(left, results, results, strict=True):
        error = correct.error or buggy.error
        if error:
            case.reject = error.reason, str(error)
        elif found := _new_errors(case, correct, buggy):
            case.row["diagnostic"] = found[0].as_row()
            case.row["code"] = found[0].code
            case.row["before"] = [diagnostic.as_row() for diagnostic in buggy.diagnostics]
        else:
            case.reject = "no_new_error", f"{len(buggy.diagnostics)} diagnostics, none of them a new error"


def _new_errors(case: _Case, correct: Result, buggy: Result) -> list[Diagnostic]:
    compared = Comparison({PATH: case.correct}, {PATH: case.buggy}, correct.diagnostics, buggy.diagnostics)
    found = [error for error in compared.new_errors() if not is_stylistic(error.code)]
    return sorted(found, key=lambda error: (type_of_code(error.code) != SYNTAX, error))


def _run_tests(cases: Sequence[_Case]) -> None:
    """Reject cases whose tests don't distinguish the two versions."""
    left = [case for case in cases if not case.reject]
    verdicts = judged(_pairs(left))
    for case, correct, buggy in zip(left, verdicts, verdicts, strict=True):
        if not correct:
            case.reject = "oracle_fails", "the correct version does not pass the tests"
        elif buggy:
            case.reject = "bug_passes", "the buggy version passes the tests"


def _pairs(cases: Iterable[_Case]) -> Iterator[tuple[str, str]]:
    for case in cases:
        yield from ((case.row["tests"], text) for text in (case.correct, case.buggy))


def _outcome(case: _Case) -> Mapping[str, Any] | Reject:
    if case.reject:
        return Reject(case.row, *case.reject)
    try:
        prompt_of(case.row)  # it must have one
        reference = render_response(line_diff.diff(case.buggy, case.correct))
    except PromptError as error:
        return Reject(case.row, error.reason, str(error))
    return {**case.row, "reference": reference}
