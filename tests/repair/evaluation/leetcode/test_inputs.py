"""Mutated inputs: the same every time, and none of them against what the page says."""

from typing import Any

import pytest

from repair.evaluation.leetcode.inputs.constraints import read_constraints
from repair.evaluation.leetcode.inputs.drawing import search_tree
from repair.evaluation.leetcode.inputs.invariants import alphabet_of, read_invariants
from repair.evaluation.leetcode.inputs.mutation import Mutator
from repair.evaluation.leetcode.inputs.properties import CHECKS, is_acyclic, is_connected, is_tree
from repair.evaluation.leetcode.problem_tests import Case, ProblemTests


def mutator(
    given_names: str, *examples: list[Any], constraints: str, description: str = "", **more: Any
) -> Mutator:
    given = given_names.split()
    known: dict[str, Any] = {
        "kinds": ["value"] * len(given),
        "names": [[name] for name in given],
        "method": "f",
        **more,
    }
    tests = ProblemTests("Solution", cases=[Case(example, 0) for example in examples], **known)
    return Mutator(tests, constraints, description, "seed")


@pytest.mark.parametrize(
    ("line", "known", "holds"),
    [
        ("1 <= nums.length <= 105", {"nums": [1] * 101}, True),
        ("1 <= nums.length <= 105", {"nums": []}, False),
        ("-104 < nums[i], k < 104", {"nums": [1, -10_000], "k": 0}, False),
        ("-104 < nums[i], k < 104", {"nums": [1, -9_999], "k": 0}, True),
        ("1 <= nums[i] <= 231 - 1", {"nums": [2**31]}, False),
        ("n == grid.length == grid[i].length", {"grid": [[1, 2], [3, 4]]}, True),
        ("m == grid.length\nn == grid[i].length\n4 <= m * n <= 9", {"grid": [[1]]}, False),
        ("1 <= grid[i][j] <= 9", {"grid": [[1, 2], [3, 0]]}, False),
        ("edges[i] = [ai, bi]\n0 <= ai, bi < n\nai != bi", {"edges": [[0, 1]], "n": 2}, True),
        ("edges[i] = [ai, bi]\n0 <= ai, bi < n\nai != bi", {"edges": [[1, 1]], "n": 2}, False),
        ("edges[i] = [ai, bi]\n0 <= ai, bi < n\nai != bi", {"edges": [[0, 2]], "n": 2}, False),
        ("roads.length == n - 1\n2 <= n <= 3", {"roads": [[0, 1]] * 3}, False),
        ("edges[i] != i", {"edges": [1, 1]}, False),
        ("1 <= k <= nums.length", {"k": 3, "nums": [1, 2]}, False),
        ("0 <= e.length <= min(2, n * (n - 1) / 2)", {"e": [1, 2, 3], "n": 9}, False),
        ("The number of nodes in the tree is in the range [1, 2].", {"nodes": 3}, False),
        ("-9 <= Node.val <= 9", {"Node": [10]}, False),
    ],
)
def test_comparisons(line: str, known: dict[str, Any], holds: bool):
    read = read_constraints(line, "", [[name] for name in known])
    assert read.unread == []
    assert read.hold(known) is holds


@pytest.mark.parametrize(
    "line", ["1 <= nums[i] <= __import__('os').getpid()", "1 <= nums.pop() <= 2", "nums[i] < f(nums)"]
)
def test_what_is_no_arithmetic_is_not_evaluated(line: str):
    read = read_constraints(line, "", [["nums"]])
    assert read.comparisons == [] and read.unread == [line]


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("lowercase English letters.", "abcdefghijklmnopqrstuvwxyz"),
        ("'(', ')' or '*'.", "()*"),
        ("digits.", "0123456789"),
        ("a digit from '1' to '3'.", "123"),
        ("'A' and '.' only.", ".A"),
    ],
)
def test_alphabets(text: str, letters: str):
    assert alphabet_of(text) == letters


@pytest.mark.parametrize(
    ("sentence", "examples", "right", "wrong"),
    [
        ("nums is sorted in ascending order.", [[[1, 2]], [[2, 2, 3]]], [[1, 1, 4]], [[2, 1]]),
        ("All the integers in nums are unique.", [[[1, 2]], [[5, 3]]], [[3, 1]], [[2, 2]]),
        ("roads represents a valid tree.", [[[[0, 1], [0, 2]]]], [[[1, 0], [2, 1]]], [[[0, 1], [1, 0]]]),
        ("The graph is acyclic.", [[[[0, 1], [0, 2]]]], [[[1, 2], [0, 1]]], [[[0, 1], [1, 0]]]),
        ("nums is a permutation of [0, n - 1].", [[[1, 0, 2]]], [[0, 1]], [[1, 3]]),
        ("digits does not contain any leading 0's.", [[[1, 0]]], [[0]], [[0, 1]]),
        ("n is even.", [[2]], [4], [3]),
        ("n + 1 is a power of 2.", [[3], [7]], [15], [4]),
        ("s consists of '(' and ')'.", [["()"]], ["(("], ["a"]),
        ("target is in nums.", [[1, [1, 2]], [5, [5]]], [2, [2]], [3, [2]]),
        ("nums[i] is a prime number.", [[[2, 3]]], [[5, 7]], [[4, 5]]),
    ],
)
def test_sentences_keep_what_all_examples_have(sentence: str, examples: list[Any], right: Any, wrong: Any):
    names = {"nums": ["nums"], "digits": ["digits"], "roads": ["roads"], "s": ["s"], "n": ["n"]}
    first = next((word for word in names if word in sentence.split("[", maxsplit=1)[0].split()), "nums")
    known = [["target"], ["nums"]] if len(right) == 2 and "target" in sentence else [names[first]]
    read = read_invariants([sentence], "", known, examples)
    assert read.unread == []
    assert read.hold(right)
    assert not read.hold(wrong)


def test_a_sentence_that_nobody_understands_is_handed_on():
    read = read_invariants(["The input is generated such that it can be won."], "", [["n"]], [[1]])
    assert read.unread == ["The input is generated such that it can be won."]


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_a_property_of_any_value_is_told_without_an_error(name: str):
    from repair.evaluation.leetcode.inputs.properties import of_any_form

    applies, holds, repaired = CHECKS[name]
    for value in (
        None,
        0,
        -1,
        2.5,
        "",
        "ab",
        [],
        [1, 2],
        [2, None],
        [[1, 0], [0, 1]],
        [[], [1]],
        [["a"], "b"],
        True,
    ):
        if of_any_form(applies)(value) and not of_any_form(holds)(value):
            repaired(value)


def test_graphs():
    assert (
        is_tree([[0, 1], [2, 1]]) and not is_tree([[0, 1], [2, 3]]) and not is_tree([[0, 1], [1, 2], [2, 0]])
    )
    assert is_acyclic([[0, 1], [1, 2], [0, 2]]) and not is_acyclic([[0, 1], [1, 2], [2, 0]])
    assert is_connected([[0, 1], [2, 1]]) and not is_connected([[0, 1], [2, 3]])
    assert search_tree([2, 1, 3, 4]) == [2, 1, 3, None, None, None, 4]


PROBLEMS = {
    "numbers": mutator(
        "nums k", [[1, 2, 3], 2], [[4, 1], 1],
        constraints="1 <= nums.length <= 9\n-5 <= nums[i] <= 5\n1 <= k <= nums.length",
    ),
    "text": mutator("s", ["ab"], ["ba"],
                    constraints="1 <= s.length <= 7\ns consists of lowercase English letters."),
    "grid": mutator("grid", [[[1, 2], [3, 4]]], [[[1]]],
                    constraints="n == grid.length == grid[i].length\n0 <= grid[i][j] <= 4"),
    "tree": mutator(
        "n edges", [3, [[0, 1], [1, 2]]], [2, [[0, 1]]],
        constraints="2 <= n <= 9\nedges.length == n - 1\nedges[i] = [ai, bi]\n0 <= ai, bi < n\n"
        "edges represents a valid tree.",
    ),
    "nodes": mutator(
        "root", [[2, 1, 3]], [[4, 2, None, 1]], kinds=["tree"],
        description="Given a binary search tree root.",
        constraints="The number of nodes in the tree is in the range [1, 9].\n0 <= Node.val <= 50",
    ),
    "list": mutator(
        "head", [[1, 2]], [[]], kinds=["list"],
        constraints="The number of nodes in the list is in the range [0, 9].\n0 <= Node.val <= 5",
    ),
    "equal": mutator("a b", [[1, 2], "xy"], [[3], "z"],
                     constraints="n == a.length == b.length\n1 <= n <= 9\n0 <= a[i] <= 9\n"
                     "b consists of lowercase English letters."),
}  # fmt: skip
HOLD = {
    "numbers": lambda nums, k: 1 <= k <= len(nums) <= 9 and all(-5 <= n <= 5 for n in nums),
    "text": lambda s: 1 <= len(s) <= 7 and s.isalpha() and s.islower(),
    "grid": lambda grid: (
        grid and all(len(row) == len(grid) and all(0 <= n <= 4 for n in row) for row in grid)
    ),
    "tree": lambda n, edges: len(edges) == n - 1 and is_tree(edges) and max(map(max, edges)) < n,
    "nodes": lambda root: (
        CHECKS["search tree"][1](root) and root[-1] is not None and max(n or 0 for n in root) <= 50
    ),
    "list": lambda head: len(head) <= 9 and all(0 <= n <= 5 for n in head),
    "equal": lambda a, b: len(a) == len(b) > 0,
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_inputs_respect_what_the_page_says(name: str):
    inputs = list(PROBLEMS[name].inputs(60))
    assert not PROBLEMS[name].careful
    assert len(inputs) > 20
    assert len({repr(given) for given in inputs}) == len(inputs)
    assert [given for given in inputs if not HOLD[name](*given)] == []
    assert not [given for given in inputs if given in PROBLEMS[name].examples]


def test_calls_of_a_design_problem_respect_it_too():
    calls = [["A", "get", "get"], [[[1, 2, 3]], [0], [2]]]
    problem = mutator(
        "a b", calls, method=None, names=[[], []], parameters={"A": ["nums"], "get": ["left"]},
        constraints="1 <= nums.length <= 9\n0 <= nums[i] <= 9\n0 <= left < nums.length",
    )  # fmt: skip
    inputs = list(problem.inputs(50))
    assert len(inputs) > 20
    for methods, ((nums,), *arguments) in inputs:
        assert methods[0] == "A" and set(methods[1:]) <= {"get"} and len(methods) == len(arguments) + 1
        assert all(0 <= left < len(nums) for (left,) in arguments)


def test_inputs_follow_from_the_problem_alone():
    def again() -> list[Any]:
        return list(
            mutator(
                "nums", [[1, 2, 3]], [[5]], constraints="1 <= nums.length <= 9\n0 <= nums[i] <= 99"
            ).inputs(40)
        )

    assert again() == again()
    assert len(again()) == 40
