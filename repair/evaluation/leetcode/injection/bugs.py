"""Injected bugs: DebugBench's subtypes, the candidates, and the recent problems that they are put into.

Tested by `tests/repair/evaluation/leetcode/injection/test_mutators.py`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from repair.evaluation.leetcode.loader import Checks, PublishedBenchmark
from repair.text.stable_hash import fraction

CUTOFF = "2024-01-31"
"""Problems are recent after this day. The paper of the recipe's base model, DeepSeek-Coder, is of January
2024 (arXiv 2401.14196): what is newer can't be in what it was trained on."""

SEED = 17
_PART = re.compile(r"-[iv]+$")
MUTATOR, TEACHER = "mutator", "teacher"
CHOOSE, REPORT = "choose", "report"

SUBTYPES = {
    "misused == or =": "an assignment where a comparison belongs, or a comparison where an assignment does",
    "missing colons": "the colon after the head of a compound statement is missing",
    "unclosed parentheses": "a parenthesis, bracket or brace is not closed",
    "illegal indentation": "a statement or a method is indented more or less than Python allows there",
    "unclosed string": "a string is not closed",
    "illegal comment": "code is commented out, or a comment is marked as other languages do",
    "faulty indexing": "an index where none can be, of the wrong form or one too many",
    "undefined objects": "a name that is defined nowhere",
    "undefined methods": "a method or function that does not exist",
    "illegal keywords": "a keyword, constant or function of another programming language",
    "operation error": "a wrong arithmetic operator",
    "variable error": "a variable in the place of another",
    "other error": "a missing argument, or a value of the wrong form",
}
"""DebugBench's names of the subtypes -> what such a bug is. The last three are bugs of logic there: a server
reports some of them."""


@dataclass(frozen=True, slots=True)
class InjectedBug:
    """A candidate: a correct solution of the problem `slug`, and the same with a bug of one subtype."""

    slug: str
    subtype: str
    origin: str
    """`MUTATOR` or `TEACHER`."""
    correct: str
    buggy: str


def dated_problems(published: PublishedBenchmark) -> dict[str, Checks]:
    """The problems whose date of publication is known: those of LeetCodeDataset's later file."""
    return {slug: checks for slug, checks in sorted(published.tests.items()) if checks.date}


def recent_problems(published: PublishedBenchmark, cutoff: str) -> Iterator[tuple[str, str]]:
    """The slug and the correct solution of each problem that was published after the day `cutoff`."""
    for slug, checks in dated_problems(published).items():
        if checks.date > cutoff:
            yield slug, solution_text(checks)


def solution_text(checks: Checks) -> str:
    """The correct solution with line feeds, as the mutators and the samples have it."""
    return checks.completion.replace("\r\n", "\n").strip("\n") + "\n"


def half_of(slug: str) -> str:
    """The half that all samples of a problem are in: thresholds are chosen on one, the other is reported.

    The parts of a series (`peaks-i`, `peaks-ii`) are in one: their solutions resemble each other.
    """
    return CHOOSE if fraction(SEED, "half", _PART.sub("", slug)) < 0.5 else REPORT
