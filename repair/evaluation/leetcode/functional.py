"""Functional correctness: a solution's unit tests, run in the sandbox and nowhere else.

Tested by `tests/repair/evaluation/leetcode/test_leetcode.py`.
"""

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from repair import sandbox
from repair.evaluation.leetcode.loader import Checks
from repair.ordered_map import ordered_map

LIMITS = sandbox.Limits(cpu_seconds=10, wall_seconds=60.0, memory_bytes=1 << 30)

_NODES = ("ListNode", "TreeNode")

# The solution is a module of its own: it must import what it uses, and the tests' names are not its own.
# Tests and mark come by the standard input, which is read to its end before the solution runs: they are in no
# file and no module. At the end nothing of the solution runs any more, so that it may print or fail there.
_LOADER = """\
import json, os, sys, types
def run(write=os.write, leave=os._exit):
    text, tests, mark = json.load(sys.stdin)
    tests = compile(tests, "tests.py", "exec")
    main = sys.modules["main"] = types.ModuleType("main")
    exec(compile(text, "main.py", "exec"), main.__dict__)
    exec(tests, {"__name__": "__main__"})
    write(1, mark.encode())
    leave(0)
run()
"""


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
    with ThreadPoolExecutor(workers, "judge") as pool:
        yield from ordered_map(pool, lambda pair: _passes(*pair), pairs, ahead=2 * workers)


def _passes(tests: str, text: str) -> bool:
    # a solution that leaves the program with exit(0) has passed nothing: the tests end with a random mark
    mark = secrets.token_hex(16)
    result = sandbox.run(_LOADER, stdin=json.dumps([text, tests, mark]), limits=LIMITS)
    return result.outcome == "ok" and mark in result.stdout
