"""The judge: what LeetCode accepts and refuses, and what does not deceive it. All runs in the sandbox."""

import pytest

from repair.evaluation.leetcode import functional, functional_strict
from repair.evaluation.leetcode.comparison import equal
from repair.evaluation.leetcode.functional import judged, measured
from repair.evaluation.leetcode.problem_tests import Case, ProblemTests

pytestmark = pytest.mark.usefixtures("contained")


def column(*cases: tuple[list[object], object], kinds: tuple[str, ...] = ("value",), **more: object) -> str:
    known = [Case(list(inputs), expected) for inputs, expected in cases]
    given = {"class_name": "Solution", "method": "f", "kinds": list(kinds), "cases": known, **more}
    return ProblemTests(**given).to_json()  # type: ignore[arg-type]


def method(body: str, above: str = "", signature: str = "x") -> str:
    lines = "".join(f"        {line}\n" for line in body.splitlines())
    return f"{above}\nclass Solution:\n    def f(self, {signature}):\n{lines}"


def passes(tests: str, text: str) -> bool:
    return next(judged([(tests, text)], workers=1))


DOUBLE = column(([[1, 2]], [2, 4]), ([[3]], [6]))
RIGHT = "return [2 * i for i in x]"


@pytest.mark.parametrize(
    "text",
    [
        method(RIGHT),
        method("return tuple(2 * i for i in x)"),
        method("return (2 * i for i in x)"),
        method("return map(lambda i: 2 * i, x)"),
        method("return deque(2 * i for i in x)"),
        method("return {2 * i: 0 for i in x}.keys()"),
        method("return [2.0 * i for i in x]"),
        method("for i in x:\n    yield 2 * i"),
        method(RIGHT, "import atexit\natexit.register(print, 'bye')"),
        method(RIGHT, "import atexit\natexit.register(lambda: 1 / 0)"),
        method(RIGHT, "import sys\nsys.stdout = sys.stderr = None"),
        method(f"print('[[2, 4]]')\n{RIGHT}"),
        method(RIGHT, "if __name__ == '__main__':\n    raise SystemExit"),
        method(RIGHT, "import threading\nthreading.Thread(target=print).start()"),
        method(RIGHT).replace("\n", "\r\n"),
        method(RIGHT, "from dataclasses import dataclass\n@dataclass\nclass Node:\n    a: int = 0"),
    ],
)
def test_a_right_solution_is_right_however_it_answers_or_prints(text: str):
    assert passes(DOUBLE, text)


CLAIM = """\
import os
for number in range(3, 64):
    try:
        os.write(number, b'{}')
    except OSError:
        pass
"""


@pytest.mark.parametrize(
    "text",
    [
        method("return x"),
        method("return 6"),
        method("return None"),
        method("return [str(2 * i) for i in x]"),
        # objects that are equal to everything
        method("return Any_()", "class Any_:\n    def __eq__(self, other):\n        return True"),
        method("return Any_([0])", "class Any_(list):\n    def __eq__(self, other):\n        return True"),
        method("return [Any_(0)]", "class Any_(int):\n    def __eq__(self, other):\n        return True"),
        # what it prints is no result
        method("print('[[2, 4]]\\n[[6]]')\nraise ValueError"),
        method("return x", "print('[[2, 4]]\\n[[6]]')"),
        # nor is leaving
        method("raise SystemExit(0)"),
        method(f"if len(x) == 1:\n    raise SystemExit(0)\n{RIGHT}"),
        "import os\nos._exit(0)\n",
        "import sys\nsys.exit(0)\n",
        # replaced machinery
        method("return x", "import json\njson.dumps = lambda *a, **k: '[[2, 4]]'"),
        method("return x", "import builtins\nbuiltins.all = lambda *a: True"),
        # expected values are in no frame, file, module or stream
        method(
            "found = sys._getframe()\nwhile found:\n"
            "    if '[2, ' + '4]' in repr((found.f_locals, found.f_globals)):\n"
            "        return [2 * i for i in x]\n    found = found.f_back\nreturn x"
        ),
        method("return eval(open(sys.argv[0]).read())"),
        method("return eval(sys.stdin.read() or '0')"),
        # lookalike lines to every descriptor: the claim is not what is expected
        method("return x", CLAIM.format("[[1, 2]]\\n[[3]]\\n")),
        method("return x", CLAIM.format("[true]\\n")),
        method("return x", CLAIM.format("{\\n" * 9)),
        method("return x", CLAIM.format("[" * 9999)),
        method("while True:\n    pass"),
        method("return self.f(x)"),
        method("return bytearray(1 << 40)"),
        method("print('x' * (1 << 24))\n" + RIGHT),
        method("x.append(x)\nreturn x"),
        "def f(:",
        "",
    ],
)
def test_a_wrong_solution_is_wrong_whatever_it_does(text: str):
    assert not passes(DOUBLE, text)


@pytest.mark.parametrize(
    ("cases", "text", "right"),
    [
        # LeetCode's recursion limit
        ((([3000], 3000),), "return 0 if x == 0 else 1 + self.f(x - 1)", True),
        ((([60000], 60000),), "return 0 if x == 0 else 1 + self.f(x - 1)", True),
        ((([5000], 0),), "g = lru_cache(None)(lambda i: 0 if i == 0 else g(i - 1))\nreturn g(x)", True),
        ((([1], 0.3),), "return 0.1 * 3", True),
        ((([1], 0.3),), "return 0.31", False),
        ((([1], []),), "return None", True),
        ((([1], 0),), "return None", False),
        ((([1], "a"),), "return ['a']", False),
        ((([1], None),), "return 0", False),
        ((([1], 10**400),), "return 10**400", True),
        ((([1], 1.5),), "return 10**400", False),
        ((([2], True),), "return x == 2", True),
    ],
)
def test_values_are_compared_as_leetcode_does(
    cases: tuple[tuple[list[object], object]], text: str, right: bool
):
    assert passes(column(*cases), method(text)) is right


def test_an_order_that_does_not_matter():
    tests = column(([0], [["a", "b"], ["c"]]), any_order=True)
    assert passes(tests, method("return {('c',), ('b', 'a')}"))
    assert not passes(tests, method("return [['c'], ['a']]"))
    assert equal([[2, 1], [1, 2]], [[1, 2], [2, 1]], any_order=True)
    assert not equal([[2, 1], [1, 2]], [[2, 1], [2, 1]], any_order=True), "paths, not sets"
    assert not equal([1, 2], [2, 1])


def test_lists_and_trees():
    same = column(([list(range(1500))], list(range(1500))), ([[]], []), kinds=("list",), nodes=True)
    assert passes(same, method("return x"))
    assert not passes(same, method("return x and x.next"))
    assert not passes(same, method("if x:\n    x.next = x\nreturn x"))
    tree = column(([[1, None, 2, 3]], [1, None, 2, 3]), ([[]], []), kinds=("tree",), nodes=True)
    assert passes(tree, method("return x"))
    assert passes(tree, method("assert x is None or isinstance(x, TreeNode)\nreturn x"))
    own = (
        "class TreeNode:\n    def __init__(self, x):\n        self.val, self.left, self.right = x, None, None"
    )
    assert passes(
        tree, method("assert x is None or type(x).__init__.__code__.co_argcount == 2\nreturn x", own)
    )
    lists = column(([[[1, 4], [2]]], [1, 4, 2]), kinds=("lists",), nodes=True)
    assert passes(lists, method("x[0].next.next = x[1]\nreturn x[0]"))
    cycle = column(([[3, 2], 0], True), ([[3, 2], -1], False), kinds=("list", "cycle"))
    assert passes(
        cycle,
        method(
            "slow = fast = x\nwhile fast and fast.next:\n    slow, fast = slow.next, "
            "fast.next.next\n    if slow is fast:\n        return True\nreturn False"
        ),
    )
    node = column(([[3, 5, 1], 5], 3), kinds=("tree", "node"), result="node")
    assert passes(node, method("return x if x.left is y else None", signature="x, y"))


def test_what_is_judged_may_be_the_argument_after_the_call():
    sort = column(([[2, 1]], [1, 2]), result="argument")
    assert passes(sort, method("x.sort()"))
    assert not passes(sort, method("return sorted(x)"))
    prefix = column(([[1, 1, 2]], [2, [1, 2]]), result="prefix")
    assert passes(prefix, method("x[:] = [1, 2, 9]\nreturn 2"))
    assert not passes(prefix, method("return 2"))


def test_a_design_problem():
    calls = [["Stack", "push", "pop"], [[], [5], []]]
    tests = column((calls, [None, None, 5]), kinds=("value", "value"), class_name="Stack", method=None)
    right = """\
class Stack:
    def __init__(self):
        self.items = []
    def push(self, x):
        self.items.append(x)
"""
    assert passes(tests, right + "    def pop(self):\n        return self.items.pop()\n")
    assert not passes(tests, right + "    def pop(self):\n        return len(self.items)\n")


@pytest.mark.parametrize(
    "body",
    [
        "return len(Counter(x)) and inf > gcd(4, 6) and bisect_left([], 0) == 0",
        "return bool(bisect.bisect([], 0) == 0 and math.pi and defaultdict(list) == {})",
        "return randint(1, 1) == 1 and datetime.date.min < datetime.date.max",
        "return heappop([reduce(xor, [1, 0])]) == 1 and re.sub('a', '', 'a') == '' and pow(2, 3, 5) == 3",
        "return list(SortedList([2, 1])) == [1, 2] and list(SortedDict(b=1, a=2)) == ['a', 'b']",
        "a: Optional[List[int]] = None\nreturn ascii_lowercase[0] == 'a' and cache and maxsize > 0",
    ],
)
def test_leetcode_imports_for_everybody_and_the_strict_file_has_its_own(body: str):
    tests = {"tests": column(([[1]], True))}
    text = method(body)
    assert functional(tests, text)
    assert not functional_strict(tests, text)
    assert not functional(tests, method("return no_such_name"))
    assert functional_strict(tests, method("return True"))


def test_verdicts_do_not_depend_on_order_workers_or_the_run():
    texts = [
        method(RIGHT),
        method("return x"),
        method("shuffle(x)\nreturn sorted(2 * i for i in x)"),
        method("return list({2 * i for i in x})"),
        method("return [i * choice([1, 2, 3]) for i in x]"),
        method("return [2 * i for i in x][: len({str(i) for i in x})]"),
    ]
    pairs = [(DOUBLE, text) for text in texts]
    first = list(judged(pairs, workers=1))
    assert first[:3] == [True, False, True]
    assert list(judged(pairs, workers=2)) == first
    assert list(judged(pairs[::-1], workers=2)) == first[::-1]


def test_sorted_containers_can_be_imported():
    tests = {"tests": column(([[2, 1]], [1, 2]))}
    text = method("return SortedSet(x)", "from sortedcontainers import SortedSet")
    assert functional(tests, text)
    assert functional_strict(tests, text)


def test_the_order_of_a_set_of_strings_is_the_same_in_every_run():
    tests = ProblemTests.from_json(column(([0], [])))
    text = method("return list({str(i) for i in range(20)})")
    answers = [measured(tests, text, [[0]], seed) for seed in (0, 0, 1)]
    first, second, other = (answer[0] and answer[0][0] for answer in answers)
    assert first == second != other
    assert sorted(first or []) == sorted(map(str, range(20)))


def test_measured_answers_go_on_after_a_failure():
    tests = ProblemTests.from_json(DOUBLE)
    answers = measured(tests, method("return 1 // x"), [[1], [0], [2]])
    assert [answer and answer[0] for answer in answers] == [1, None, 0]
