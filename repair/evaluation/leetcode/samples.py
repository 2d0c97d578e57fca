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
from repair.evaluation.leetcode.loader import PublishedBenchmark
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
class Case:
    """A correct and a buggy version with the row of the sample, as far as it is known, or its reject."""

    row: dict[str, Any]
    correct: str
    buggy: str
    reject: tuple[str, str] | None = None


def leetcode_samples(published: PublishedBenchmark, servers: Servers) -> pa.RecordBatch:
    """The LeetCode benchmark: outcomes of `BENCHMARK_SAMPLES`, one for each instance, in order."""
    cases = list(_cases(published))
    add_tests(cases, published)
    find_diagnostics(cases, servers)
    run_tests(cases)
    return outcome_batch(map(outcome_of, cases), BENCHMARK_SAMPLES)


def _cases(published: PublishedBenchmark) -> Iterator[Case]:
    seen: set[str] = set()
    for instance in published.instances:
        case = case_of(instance.slug, instance.correct, instance.buggy)
        if case.row["sample_id"] in seen:
            case.reject = "repeated_instance", f"{instance.bug} of {instance.slug}"
        seen.add(case.row["sample_id"])
        yield case


def case_of(slug: str, correct_code: str, buggy_code: str) -> Case:
    """The case of two versions of a solution of the problem `slug`, each with the prelude of the correct."""
    above = prelude(correct_code)
    correct, buggy = file_of(above, correct_code), file_of(above, buggy_code)
    content = "\0".join((slug, correct, buggy))
    row = {
        "sample_id": hashlib.sha256(content.encode()).hexdigest()[:32],
        "benchmark": LEETCODE,
        "project_id": slug,
        "path": PATH,
        "files": [{"path": PATH, "text": buggy}],
        "target": correct,
        "target_files": [],
        "licence": LICENCE,
        "verified_by": None,
    }
    return Case(row, correct, buggy)


def add_tests(cases: Iterable[Case], published: PublishedBenchmark) -> None:
    """Add the expanded tests of their problems; reject cases of problems that can't be judged."""
    left = [case for case in cases if not case.reject]
    problems = expanded_by_problem(published, {case.row["project_id"] for case in left})
    columns = {slug: tests.to_json() for slug, tests in problems.items()}
    for case in left:
        slug = case.row["project_id"]
        tests = problems.get(slug)
        if tests is None:
            case.reject = "no_tests", f"nothing published tests the problem {slug}"
        elif tests.several_answers:
            case.reject = "several_answers", f"the page of {slug} takes any of several answers"
        else:
            case.row["tests"] = columns[slug]


def find_diagnostics(cases: Sequence[Case], servers: Servers) -> None:
    """Check both versions; the diagnostic is the first new error of the buggy one."""
    left = [case for case in cases if not case.reject]
    texts = list(dict.fromkeys(text for case in left for text in (case.correct, case.buggy)))
    results = dict(zip(texts, servers.check_many(Request({PATH: text}) for text in texts), strict=True))
    for case in left:
        correct, buggy = results[case.correct], results[case.buggy]
        error = correct.error or buggy.error
        if error:
            case.reject = error.reason, str(error)
        elif found := _new_errors(case, correct, buggy):
            case.row["diagnostic"] = found[0].as_row()
            case.row["code"] = found[0].code
            case.row["before"] = [diagnostic.as_row() for diagnostic in buggy.diagnostics]
        else:
            case.reject = "no_new_error", f"{len(buggy.diagnostics)} diagnostics, none of them a new error"


def _new_errors(case: Case, correct: Result, buggy: Result) -> list[Diagnostic]:
    compared = Comparison({PATH: case.correct}, {PATH: case.buggy}, correct.diagnostics, buggy.diagnostics)
    found = [error for error in compared.new_errors() if not is_stylistic(error.code)]
    return sorted(found, key=lambda error: (type_of_code(error.code) != SYNTAX, error))


def run_tests(cases: Sequence[Case]) -> None:
    """Reject cases whose tests don't distinguish the two versions."""
    left = [case for case in cases if not case.reject]
    pairs = dict.fromkeys((case.row["tests"], text) for case in left for text in (case.correct, case.buggy))
    passes = dict(zip(pairs, judged(pairs), strict=True))
    for case in left:
        if not passes[case.row["tests"], case.correct]:
            case.reject = "oracle_fails", "the correct version does not pass the tests"
        elif passes[case.row["tests"], case.buggy]:
            case.reject = "bug_passes", "the buggy version passes the tests"


def outcome_of(case: Case) -> Mapping[str, Any] | Reject:
    """The sample of a case, with its reference, or its reject."""
    if case.reject:
        return Reject(case.row, *case.reject)
    try:
        prompt_of(case.row)  # it must have one
        reference = render_response(line_diff.diff(case.buggy, case.correct))
    except PromptError as error:
        return Reject(case.row, error.reason, str(error))
    return {**case.row, "reference": reference}
