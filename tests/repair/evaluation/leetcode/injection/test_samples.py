"""The funnel of injected bugs: a candidate that becomes a sample, each reject reason, the two halves."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from repair.evaluation.leetcode import functional
from repair.evaluation.leetcode import samples as published_samples
from repair.evaluation.leetcode.injection.bugs import TEACHER, InjectedBug, half_of
from repair.evaluation.leetcode.injection.mutators import CANDIDATES, mutated
from repair.evaluation.leetcode.injection.samples import (
    INJECTED_SAMPLES,
    PER_PROBLEM,
    REASONS,
    candidates_of,
    injected_samples,
)
from repair.evaluation.leetcode.loader import PublishedBenchmark
from repair.language_servers import LanguageServers
from repair.language_servers import errors as server_errors
from repair.line_diff import numbered as line_diff
from repair.schema.outcomes import outcome_schema
from tests.published_benchmarks import ADD

pytestmark = pytest.mark.usefixtures("contained")

CORRECT = """\
class Solution:
    def add(self, items: List[int], more: int) -> int:
        total = sum(items)
        for item in []:
            total += item
        return total + more
"""
CUTOFF = "2024-01-31"
RECENT = replace(ADD, completion=CORRECT, date="2024-02-01")
PUBLISHED = PublishedBenchmark(
    (),
    {
        "add": RECENT,
        "day-of-the-cutoff": replace(RECENT, date=CUTOFF),
        "undated": replace(RECENT, date=""),
        "no-code": replace(RECENT, completion="def f(:"),
        "no-tests": replace(RECENT, code="def check(candidate):\n    pass\n"),
        "any-answer": replace(RECENT, description="Return any of them."),
        "wrong": replace(RECENT, completion=CORRECT.replace("+ more", "- more")),
    },
)


def taught(buggy: str, subtype: str = "undefined objects", slug: str = "add") -> InjectedBug:
    correct = CORRECT if slug == "unknown" else PUBLISHED.tests[slug].completion
    return InjectedBug(slug, subtype, TEACHER, correct, buggy)


def put(old: str, new: str, **known: str) -> InjectedBug:
    assert old in CORRECT
    return taught(CORRECT.replace(old, new), **known)


LONG = CORRECT.replace("total = sum(items)", "\n        ".join(f"t{n} = {n}" for n in range(9)))
# reject reason, a teacher's candidate; those of one problem are decided in this order
TAUGHT: list[tuple[str | None, InjectedBug]] = [
    ("no_new_error", put("+ more", "- more")),
    ("bug_passes", put("total += item", "total += itm")),
    (None, put("return total", "return totl")),
    ("repeated_candidate", put("return total", "return totl")),
    ("unknown_problem", put("return total", "return totl", slug="unknown")),
    ("unknown_problem", put("return total", "return totl", slug="day-of-the-cutoff")),
    ("unknown_problem", InjectedBug("add", "missing colons", TEACHER, CORRECT + "\n\n# other", "x")),
    ("equal", put("sum(items)", "sum( items )  # a comment")),
    ("equal", put("total", "total")),
    ("too_large", taught(LONG)),
    ("tells", put("return total", "return totl  # the bug")),
    ("tells", put("total = sum", "// wrong\n        total = sum", subtype="illegal comment")),
    ("problem_full", put("sum(items)", "sum(itms)")),  # a second one of the subtype
    (None, put("sum(items)", "sum(items", subtype="unclosed parentheses")),
    ("problem_full", put("total + more", "totals + mor", subtype="variable error")),
    ("no_tests", put("return total", "return totl", slug="no-tests")),
    ("several_answers", put("return total", "return totl", slug="any-answer")),
    ("oracle_fails", put("return total", "return totl", slug="wrong")),
]


@pytest.fixture(scope="module")
def rows(servers: LanguageServers) -> Iterator[list[dict[str, Any]]]:
    bugs = [bug for _, bug in TAUGHT]
    batch = injected_samples(PUBLISHED, servers, cutoff=CUTOFF, taught=bugs)
    assert batch.schema == outcome_schema(INJECTED_SAMPLES)
    assert batch.num_rows == candidates_of(PUBLISHED, CUTOFF, bugs)
    yield batch.to_pylist()


def test_each_reject_has_its_reason(rows: list[dict[str, Any]]) -> None:
    found = [row for row in rows if row["origin"] == TEACHER]
    reasons = [(row["project_id"], row["reason"]) for row in found]
    assert reasons == [(bug.slug, reason) for reason, bug in TAUGHT]
    assert all(row["detail"] for row in found if row["reason"])


def test_every_reason_has_a_case(rows: list[dict[str, Any]]) -> None:
    elsewhere = {*server_errors.REASONS, "malformed_prompt"}  # tested with those who decide them
    assert {row["reason"] for row in rows} - {None} == set(REASONS) - elsewhere
    assert set(published_samples.REASONS) - set(REASONS) == {"repeated_instance"}


def test_problems_without_a_candidate_are_accounted_for(rows: list[dict[str, Any]]) -> None:
    none = {row["project_id"]: row["reason"] for row in rows if row["origin"] is None}
    assert none == {"day-of-the-cutoff": "not_recent", "no-code": "no_candidate"}
    assert "undated" not in {row["project_id"] for row in rows}


def test_candidates_of_mutators_are_as_good(rows: list[dict[str, Any]]) -> None:
    own = [row for row in rows if (row["project_id"], row["origin"]) == ("add", "mutator")]
    assert [row["subtype"] for row in own] == [bug.subtype for bug in mutated("add", CORRECT)]
    assert len(own) == CANDIDATES
    kept = [row for row in own if row["reason"] is None]
    assert 0 < len(kept) <= PER_PROBLEM
    assert len({row["subtype"] for row in kept}) == len(kept)


def test_a_sample_is_as_those_of_the_published_benchmark(rows: list[dict[str, Any]]) -> None:
    samples = [row for row in rows if row["reason"] is None]
    assert len({row["sample_id"] for row in samples}) == len(samples) >= 3
    for row in samples:
        assert (row["project_id"], row["path"], row["licence"]) == ("add", "main.py", "MIT")
        [file] = row["files"]
        assert file["text"].startswith("from typing import List\n\n\n")
        assert row["target"] == f"from typing import List\n\n\n{CORRECT}"
        assert line_diff.apply(file["text"], line_diff.extract(row["reference"])) == row["target"]
        assert row["code"] == row["diagnostic"]["code"]
        assert row["diagnostic"] in row["before"]
    assert functional(samples[-1], samples[-1]["target"])
    assert not functional(samples[-1], samples[-1]["files"][0]["text"])


def test_the_half_is_that_of_the_problem_and_names_the_benchmark(rows: list[dict[str, Any]]) -> None:
    names = {"choose": "leetcode_injected_choose", "report": "leetcode_injected"}
    for row in rows:
        if row["origin"]:
            assert row["half"] == half_of(row["project_id"])
            assert row["benchmark"] == names[row["half"]]
    assert {row["half"] for row in rows} == {"choose", "report", None}
