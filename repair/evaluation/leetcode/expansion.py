"""Expansion of a problem's tests: the answers of its correct solutions to mutated inputs are expected.

An input is dropped if a solution that is known to be correct fails on it, takes long, or answers differently
from another or from itself with other random numbers. Where the page says something that is not understood,
inputs count only if several independent solutions agree.

Tested by `tests/repair/evaluation/leetcode/test_leetcode.py`.
"""

import ast
import json
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from repair.evaluation.leetcode.functional import correct, measured
from repair.evaluation.leetcode.inputs.mutation import Mutator
from repair.evaluation.leetcode.loader import Checks, Problem, PublishedBenchmark
from repair.evaluation.leetcode.problem_tests import Case, ProblemTests, read_tests
from repair.ordered_map import ordered_map

INPUTS = 100
"""Mutated inputs of a problem, at most."""
SECONDS = 0.05
"""Processor time of a correct solution for one input; what takes longer is dropped."""
MOST_SOLUTIONS = 6
CAREFUL_SOLUTIONS = 2
"""So many independent solutions must agree where a constraint is not understood, one more for a promise."""


def expanded_by_problem(published: PublishedBenchmark, slugs: Iterable[str]) -> dict[str, ProblemTests]:
    """The expanded tests of each problem that has some."""

    def tests(slug: str) -> ProblemTests | None:
        checks, problem = published.tests.get(slug), published.problems.get(slug)
        found = read_tests(checks, problem)
        return expanded(found, checks, problem) if found else None

    ordered = sorted(slugs)
    with ThreadPoolExecutor(2, "expansion") as pool:
        found = ordered_map(pool, tests, ordered, ahead=4)
        return {slug: known for slug, known in zip(ordered, found, strict=True) if known}


def expanded(tests: ProblemTests, checks: Checks | None, problem: Problem | None) -> ProblemTests:
    """The tests with the answers to mutated inputs; `tests` themselves if no solution can tell them."""
    constraints, description = (
        (problem.constraints, problem.description) if problem else _page(checks.description if checks else "")
    )
    solutions = independent([*(problem.correct if problem else ()), *([checks.completion] if checks else ())])
    passing = [text for text in solutions if _passes(tests, text)][:MOST_SOLUTIONS]
    mutator = Mutator(
        tests, constraints, description, seed=tests.class_name + str(tests.method) + description
    )
    needed = CAREFUL_SOLUTIONS + mutator.promised if mutator.careful else 1
    if len(passing) < needed or tests.several_answers:
        return tests
    inputs = list(mutator.inputs(INPUTS))
    answers = [measured(tests, text, inputs) for text in passing]
    answers.append(measured(tests, passing[0], inputs, seed=1))
    cases = [
        Case(given, column[0][0])
        for given, every in zip(inputs, _columns(answers, len(inputs)), strict=True)
        if (column := [answer for answer in every if answer is not None])
        and len(column) == len(answers)
        and _agree(tests, column)
    ]
    return replace(tests, cases=[*tests.cases, *cases])


def independent(texts: Iterable[str]) -> list[str]:
    """The texts that differ by more than their layout."""
    found: dict[str, str] = {}
    for text in texts:
        try:
            found.setdefault(ast.dump(ast.parse(text)), text)
        except (SyntaxError, ValueError, RecursionError):
            continue
    return list(found.values())


def _page(text: str) -> tuple[str, str]:
    """The constraints of a page that is one text, and what stands before them."""
    before, _, after = text.partition("Constraints:")
    return re.split(r"\n\s*(?:###|Follow-?\s?up|Please complete)", after)[0], before


def _passes(tests: ProblemTests, text: str) -> bool:
    answers = measured(tests, text, [case.inputs for case in tests.cases])
    return len(answers) == len(tests.cases) and all(
        answer is not None and correct(tests, case.expected, answer[0])
        for case, answer in zip(tests.cases, answers, strict=True)
    )


def _columns(
    answers: Sequence[Sequence[tuple[Any, float] | None]], count: int
) -> list[list[tuple[Any, float] | None]]:
    """By input, the answer of each solution; None where a program ended before."""
    return [[row[place] if place < len(row) else None for row in answers] for place in range(count)]


def _agree(tests: ProblemTests, column: Sequence[tuple[Any, float]]) -> bool:
    expected = column[0][0]
    if type(expected) not in {type(case.expected) for case in tests.cases}:
        return False  # no example has such an answer
    if len(json.dumps(expected)) > 2000 or (isinstance(expected, int) and abs(expected) >= 2**31):
        return False
    return all(correct(tests, expected, answer) and seconds < SECONDS for answer, seconds in column)
