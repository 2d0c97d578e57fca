"""Functional correctness: a solution's unit tests, run in the sandbox and nowhere else.

Tested by `tests/repair/evaluation/leetcode/test_leetcode.py`.
"""

import secrets
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from repair import sandbox
from repair.evaluation.leetcode.loader import Checks

LIMITS = sandbox.Limits(cpu_seconds=10, wall_seconds=60.0, memory_bytes=1 << 30)

_NODES = ("ListNode", "TreeNode")

# The solution is a module of its own: it must import what it uses, and the tests' names are not its own.
_LOADED = """\
import sys as _sys, types as _types
_main = _sys.modules["main"] = _types.ModuleType("main")
exec(compile({text!r}, "main.py", "exec"), _main.__dict__)
"""
# A solution that leaves the program with exit(0) has passed nothing: a random mark must end the output.
_END_MARK = "\n_sys.__stdout__.write({mark!r})\n"


def program(tests: Checks) -> str:
    """The test program of a sample: it imports `Solution` from the module `main` and exits 0 if it passes."""
    # the solution's own node classes, so that the objects that the tests build pass its `isinstance`
    nodes = "".join(
        f"{name} = getattr(_main, {name!r}, {name})\n" for name in _NODES if name in tests.prelude
    )
    # LeetCode calls by position: a solution may name its parameters as it likes
    candidate = f"lambda *args, **kwargs: {tests.entry_point}(*args, *kwargs.values())"
    return (
        f"{tests.prelude}\nimport main as _main\nfrom main import Solution\n{nodes}\n"
        f"{tests.code}\ncheck({candidate})\n"
    )


def functional(sample: Mapping[str, Any], repaired: str) -> bool:
    """Whether `repaired`, the text of the sample's file, passes the sample's `tests`."""
    return next(judged([(sample["tests"], repaired)], workers=1))


def judged(pairs: Iterable[tuple[str, str]], *, workers: int = 2) -> Iterator[bool]:
    """Whether each (tests, text) passes, in order."""
    marks: list[str] = []

    def sources() -> Iterator[str]:
        for tests, text in pairs:
            marks.append(secrets.token_hex(16))
            yield _LOADED.format(text=text) + tests + _END_MARK.format(mark=marks[-1])

    for number, result in enumerate(sandbox.run_many(sources(), limits=LIMITS, workers=workers)):
        yield result.outcome == "ok" and result.stdout.endswith(marks[number])
