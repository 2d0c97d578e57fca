"""Tests as data: asserts and page examples are read as literals, whatever form a problem has."""

import pytest

from repair.evaluation.leetcode.loader import Checks, Problem
from repair.evaluation.leetcode.problem_tests import Case, ProblemTests, read_tests


def page(example: str, solution: str, description: str = "") -> ProblemTests | None:
    return read_tests(None, Problem("p", description, (example,), "", (solution,)))


def solution(signature: str, returns: str = "int") -> str:
    helper = "class Solution:\n    def helper(self):\n        pass\n"
    return f"{helper}    def f(self, {signature}) -> {returns}:\n        pass\n"


@pytest.mark.parametrize(
    ("assertion", "kinds", "case"),
    [
        ("candidate(x=[1], y='a') == True", ["value", "value"], Case([[1], "a"], True)),
        ("candidate((1, 2)) == -1", ["value"], Case([[1, 2]], -1)),
        (
            "is_same_tree(candidate(tree_node([1, None, 2])), tree_node([]))",
            ["tree"],
            Case([[1, None, 2]], []),
        ),
        ("is_same_list(candidate([list_node([1])]), list_node([1]))", ["lists"], Case([[[1]]], [1])),
        ("candidate(TreeNode(7)) == 7", ["tree"], Case([[7]], 7)),
    ],
)
def test_asserts(assertion: str, kinds: list[str], case: Case):
    tests = read_tests(Checks("", f"def check(candidate):\n    assert {assertion}\n", "Solution().f"), None)
    assert tests is not None
    assert (tests.class_name, tests.method, tests.kinds, tests.cases) == ("Solution", "f", kinds, [case])
    assert tests.nodes == assertion.startswith("is_same")
    assert ProblemTests.from_json(tests.to_json()) == tests


@pytest.mark.parametrize(
    "code", ["def check(candidate:", "def check(c):\n    assert c(open('a')) == 1\n", "x = 1"]
)
def test_what_is_no_assert_of_literals_is_no_test(code: str):
    assert read_tests(Checks("", code, "Solution().f"), None) is None


@pytest.mark.parametrize(
    ("example", "signature", "kinds", "case"),
    [
        ("Input: s = \"a,b\", k = 3\nOutput: [1,null]\nExplanation: x = 4", "s: str, k: int", ["value"] * 2,
         Case(["a,b", 3], [1, None])),
        ("Input: root = [1,null,2]\nOutput: true", "root: Optional[TreeNode]", ["tree"],
         Case([[1, None, 2]], True)),
        ("Input: head = [3,2], pos = 1\nOutput: true", "head: Optional[ListNode]", ["list", "cycle"],
         Case([[3, 2], 1], True)),
        ("Input: lists = [[1],[2]]\nOutput: 2", "lists: List[Optional[ListNode]]", ["lists"],
         Case([[[1], [2]]], 2)),
        ("Input: root = [3,5], p = 5\nOutput: 3", "root: 'TreeNode', p: 'TreeNode'", ["tree", "node"],
         Case([[3, 5], 5], 3)),
        ("Input: x = 2.00000, c = 'k'\nOutput: 0.5", "x: float, c: str", ["value"] * 2,
         Case([2.0, "k"], 0.5)),
        ("Input: other = 1\nOutput: 1", "renamed", ["value"], Case([1], 1)),
    ],
)  # fmt: skip
def test_examples_of_a_page(example: str, signature: str, kinds: list[str], case: Case):
    tests = page(example, solution(signature))
    assert tests is not None
    assert (tests.method, tests.kinds, tests.cases) == ("f", kinds, [case])


def test_the_calls_of_a_design_problem():
    example = 'Input\n["A", "get"]\n[[[1, 2]], [0]]\nOutput\n[null, 1]\n\nExplanation\nA a = new A([1, 2]);'
    text = "class A:\n    def __init__(self, nums):\n        pass\n    def get(self, index):\n        pass\n"
    tests = page(example, text)
    assert tests is not None
    assert (tests.class_name, tests.method) == ("A", None)
    assert tests.parameters == {"A": ["nums"], "get": ["index"]}
    assert tests.cases == [Case([["A", "get"], [[[1, 2]], [0]]], [None, 1])]


def test_what_is_judged():
    example = "Input: nums = [2,1]\nOutput: [1,2]"
    tests = page(
        example, solution("nums: List[int]", "None"), "Do not return anything, modify nums in-place."
    )
    assert tests is not None and tests.result == "argument"
    tests = page("Input: nums = [1,1,2]\nOutput: 2, nums = [1,2,_]", solution("nums: List[int]"))
    assert tests is not None
    assert (tests.result, tests.cases) == ("prefix", [Case([[1, 1, 2]], [2, [1, 2]])])


@pytest.mark.parametrize(
    ("description", "any_order", "several"),
    [
        ("Return the list.", False, False),
        ("You may return the answer in any order.", True, False),
        ("If there are multiple answers, return any of them.", False, True),
        ("If there are many valid solutions you can return any of them.", False, True),
        ("If there are multiple answers, return the one with the smallest index.", False, False),
        ("If several such elements exist, delete any of them.", False, False),
        ("Any answer with a calculation error less than 10-5 will be accepted.", False, False),
    ],
)
def test_what_the_page_says_of_answers(description: str, any_order: bool, several: bool):
    tests = page("Input: n = 1\nOutput: [1]", solution("n: int", "List[int]"), description)
    assert tests is not None
    assert (tests.any_order, tests.several_answers) == (any_order, several)


@pytest.mark.parametrize(
    "example",
    [
        "",
        "Input: n = ?\nOutput: 1",
        "Input: n = 1\nOutput: tail connects to node 1",
        "Input: a = 1, b = 2\nOutput: 3",
    ],
)  # fmt: skip
def test_an_example_that_can_not_be_read_is_no_test(example: str):
    assert page(example, solution("n: int")) is None
