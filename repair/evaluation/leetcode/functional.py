"""Functional correctness: a solution answers the tests' inputs in the sandbox, and is compared out here.

Expected values never enter the sandbox, so whatever a program does to its own process, it can only claim
values, and must claim the right ones.

Tested by `tests/repair/evaluation/leetcode/test_functional.py`.
"""

import inspect
import json
import marshal
import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import sortedcontainers
from sortedcontainers import sorteddict, sortedlist, sortedset

from repair import sandbox
from repair.evaluation.leetcode import driver
from repair.evaluation.leetcode.comparison import equal
from repair.evaluation.leetcode.loader import Checks
from repair.evaluation.leetcode.problem_tests import ProblemTests, read_tests
from repair.ordered_map import ordered_map

LIMITS = sandbox.Limits(cpu_seconds=20, wall_seconds=120.0, memory_bytes=1 << 30, output_bytes=4 << 20)
"""Processor time decides, here and for one input by the driver's timer. The wall time is for programs that
sleep, and is long because machines are busy."""

_SORTED = re.compile(r"\bSorted(?:Key)?(?:List|Dict|Set)|\bsortedcontainers")


def program(checks: Checks) -> str:
    """The column `tests` of a sample whose problem has only the tests of LeetCodeDataset."""
    tests = read_tests(checks, None)
    if tests is None:
        raise ValueError("the tests are no asserts that compare calls with values")
    return tests.to_json()


def functional(sample: Mapping[str, Any], repaired: str) -> bool:
    """Whether `repaired`, the text of the sample's file, passes the sample's `tests` as LeetCode runs it.

    LeetCode imports for everybody, so a name that the file does not import may still be there.
    """
    return next(judged([(sample["tests"], repaired)], workers=1))


def functional_strict(sample: Mapping[str, Any], repaired: str) -> bool:
    """`functional`, for the file as it is: what it does not import or define is not there."""
    return next(judged_strictly([(sample["tests"], repaired)], workers=1))


def judged(pairs: Iterable[tuple[str, str]], *, workers: int = 2, implicit: bool = True) -> Iterator[bool]:
    """Whether each (tests, text) passes, in order."""
    sandbox.require()

    def judge(pair: tuple[str, str]) -> bool:
        tests = parsed(pair[0])
        lines = _lines(tests, pair[1], implicit)
        answers = [_read(line) for line in lines.splitlines()]
        return len(answers) == len(tests.cases) and all(
            answer is not None and correct(tests, case.expected, answer[0])
            for case, answer in zip(tests.cases, answers, strict=True)
        )

    with ThreadPoolExecutor(workers, "judge") as pool:
        yield from ordered_map(pool, judge, pairs, ahead=2 * workers)


def judged_strictly(pairs: Iterable[tuple[str, str]], *, workers: int = 2) -> Iterator[bool]:
    """`judged`, for the files as they are: what they do not import or define is not there."""
    return judged(pairs, workers=workers, implicit=False)


def measured(
    tests: ProblemTests, text: str, inputs: Iterable[list[Any]], seed: int = 0
) -> list[tuple[Any, float] | None]:
    """The answer of `text` to each of `inputs` and its processor seconds; None where it failed.

    Shorter than `inputs` if the program ended before.
    """
    request = _request(tests, text, list(inputs), measure=True, seed=seed)
    found = sandbox.run(_driver(), stdin=request, limits=LIMITS, hash_seed=seed)
    read = [_read(line) for line in found.stdout.splitlines()]
    return [(answer[0], float(answer[1])) if answer and len(answer) == 2 else None for answer in read]


def correct(tests: ProblemTests, expected: Any, answer: Any) -> bool:
    """Whether an answer is the expected one, by the problem's rules."""
    try:
        return equal(expected, answer, any_order=tests.any_order, nodes=tests.nodes)
    except (TypeError, RecursionError):  # a claim that can't be compared is not right
        return False


@cache
def parsed(tests: str) -> ProblemTests:
    return ProblemTests.from_json(tests)


@cache
def _driver() -> str:
    """The program: the driver, compiled here once. The interpreter inside is of the same version."""
    source = inspect.getsource(inspect.getmodule(driver.main) or driver)
    code = marshal.dumps(compile(source, "driver.py", "exec", optimize=2))
    return f"import marshal\nexec(marshal.loads({code!r}))\n"


@cache
def _sources() -> dict[str, str]:
    names = dict.fromkeys(sortedcontainers.__all__, sortedcontainers.__name__)
    return {**names, **driver.sources_of_names()}


@cache
def _sorted_containers() -> dict[str, str]:
    """The sources of sortedcontainers, which LeetCode has and the sandbox has not; the package comes last."""
    modules = (sortedlist, sortedset, sorteddict, sortedcontainers)
    return {module.__name__: inspect.getsource(module) for module in modules}


def _lines(tests: ProblemTests, text: str, implicit: bool) -> str:
    request = _request(tests, text, [case.inputs for case in tests.cases], implicit=implicit)
    result = sandbox.run(_driver(), stdin=request, limits=LIMITS, hash_seed=0)
    return result.stdout if result.outcome == "ok" else ""


def _request(
    tests: ProblemTests,
    text: str,
    inputs: list[list[Any]],
    *,
    implicit: bool = True,
    measure: bool = False,
    seed: int = 0,
) -> str:
    request = marshal.dumps(
        {
            "text": text,
            "class": tests.class_name,
            "method": tests.method,
            "kinds": tests.kinds,
            "result": tests.result,
            "inputs": inputs,
            "sources": _sources() if implicit else {},
            "modules": _sorted_containers() if _SORTED.search(text) else {},
            "measure": measure,
            "seed": seed,
        }
    )
    return request.decode("latin-1")  # text, as the standard input is


def _read(line: str) -> list[Any] | None:
    try:
        read = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, list) and read else None
