"""Contamination: planted leaks of each kind are found, and what only looks alike is not."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repair.curation.near_duplicates import grams_of
from repair.evaluation.contamination import KINDS, LEAKS, _GramIndex, leaks, problem_names
from repair.line_diff.numbered import diff

Row = dict[str, Any]


def program(seed: int, lines: int = 40) -> str:
    """A program of its own words."""
    words = random.Random(seed)
    return "".join(
        f"value_{words.randrange(10**6)} = call_{words.randrange(10**6)}(x{words.randrange(10**6)})\n"
        for _ in range(lines)
    )


def sample(number: int, benchmark: str = "workspace", text: str = "", **columns: Any) -> Row:
    broken = text or program(number)
    return {
        "sample_id": f"sample-{number}",
        "benchmark": benchmark,
        "project_id": f"project-{number}",
        "path": "main.py",
        "files": [{"path": "main.py", "text": broken}],
        "target": f"{broken}end_{number} = 1\n",
        "diagnostic": {"code": "ruff[F821]", "message": f"Undefined name `end_{number}`", "start_line": 20},
        **columns,
    }


def example(number: int, text: str = "", repaired: str = "", **columns: Any) -> Row:
    broken = text or program(1000 + number)
    fixed = repaired or f"fixed_{number} = 0\n{broken}"
    return {
        "example_id": f"example-{number}",
        "project_id": f"trained-{number}",
        "path": "module.py",
        "code": "ruff[F821]",
        "message": f"Undefined name `other_{number}`",
        "error_line": 3,
        "response": f"{diff(broken, fixed)}\n</diff>",
        "text": broken,
        **columns,
    }


SAMPLES = [
    sample(1),
    sample(2),
    sample(3, "leetcode", project_id="two-sum"),
    sample(4, "leetcode_injected_choose", project_id="new-one"),
]
BROKEN, TARGET = SAMPLES[0]["files"][0]["text"], SAMPLES[0]["target"]
RENAMED = BROKEN.replace("value_", "other_", 4)
WINDOW = "\n".join(BROKEN.split("\n")[12:29])
TASK = {"message": "Undefined name `end_1`", "error_line": 208}


@pytest.mark.parametrize(
    ("planted", "kinds"),
    [
        ([], set()),
        ([example(1), example(2)], set()),
        ([example(1, project_id="project-1")], {("sample-1", "same_project")}),
        ([example(1, BROKEN)], {("sample-1", "same_text"), ("sample-1", "near_file")}),
        # line ends and spaces at them are not what makes a text another one
        (
            [example(1, BROKEN.replace("\n", "  \r\n") + "\r\n")],
            {("sample-1", "same_text"), ("sample-1", "near_file")},
        ),
        # the answer: the sample's target is what an example repairs
        ([example(1, TARGET)], {("sample-1", "same_text"), ("sample-1", "near_file")}),
        # ... or what it is repaired to
        (
            [example(1, program(77), repaired=TARGET)],
            {("sample-1", "same_text"), ("sample-1", "near_file")},
        ),
        ([example(1, RENAMED)], {("sample-1", "near_file")}),
        # the lines around the diagnostic, inside a much larger file
        (
            [example(1, program(5, 200) + WINDOW + "\n" + program(6, 200), **TASK)],
            {("sample-1", "near_task")},
        ),
        # the same lines, of another diagnostic elsewhere in that file
        ([example(1, program(5, 200) + WINDOW + "\n" + program(6, 200))], set()),
        ([example(1, path="leetcode/0001-two-sum.py")], {("sample-3", "same_problem")}),
        ([example(1, path="leetcode/3000-new-one.py")], {("sample-4", "same_problem")}),
        ([example(1, f"# 1. Two Sum (Easy)\n{program(9)}")], {("sample-3", "same_problem")}),
        (
            [example(1, f'URL = "https://leetcode.com/problems/two-sum/"\n{program(9)}')],
            {("sample-3", "same_problem")},
        ),
        (
            [example(1, f"class Solution:\n    def twoSum(self): ...\n{program(9)}")],
            {("sample-3", "same_problem")},
        ),
        # the name is in what the repair adds alone
        (
            [example(1, program(9), repaired=f"def two_sum(): ...\n{program(9)}")],
            {("sample-3", "same_problem")},
        ),
        ([example(1, project_id="two-sum")], {("sample-3", "same_project")}),
        ([example(1, f"total = two - sum\n# the sum of two\n{program(9)}")], set()),
    ],
)
def test_a_planted_leak_is_found_and_named(planted: list[Row], kinds: set[tuple[str, str]]) -> None:
    found = leaks(SAMPLES, [*planted, example(50), example(51)])
    assert {(leak["sample_id"], leak["kind"]) for leak in found} == kinds
    assert all(set(leak) == set(LEAKS.names) and leak["kind"] in KINDS for leak in found)
    assert {leak["example_id"] for leak in found} <= {"example-1"}
    for leak in found:
        assert (leak["similarity"] is None) is (not leak["kind"].startswith("near"))


def test_every_sample_of_a_leaked_file_is_contaminated() -> None:
    """A file has several diagnostics: each is a sample."""
    twins = [sample(number, text=BROKEN, project_id=f"project-{number}") for number in (1, 2, 3)]
    found = leaks(twins, [example(1, RENAMED)])
    assert [leak["sample_id"] for leak in found] == ["sample-1", "sample-2", "sample-3"]


def test_examples_are_counted_and_the_nearest_is_named_in_any_order() -> None:
    nearer = BROKEN.replace("value_", "other_", 1)
    planted = [example(1, RENAMED), example(2, nearer), example(3, RENAMED), example(4)]
    found = leaks(SAMPLES, planted)
    assert found == leaks(SAMPLES, planted[::-1])
    (leak,) = found
    assert (leak["kind"], leak["examples"], leak["example_id"]) == ("near_file", 3, "example-2")
    assert 0.7 <= leak["similarity"] < 1


def test_an_example_whose_repair_can_not_be_applied_still_counts_by_its_text() -> None:
    (leak, _) = leaks(SAMPLES, [example(1, BROKEN, response="#other.py\n-1 a\n+1 b\n</diff>")])
    assert leak["kind"] == "same_text"


def test_empty_files_are_no_leak() -> None:
    empty = sample(9, text="x = 1\n", target="")
    assert leaks([empty], [example(1, "\n", repaired="y = 2\n")]) == []


@pytest.mark.parametrize(
    ("path", "text", "slug", "named"),
    [
        ("two_sum.py", "", "two-sum", True),
        ("TwoSum.py", "", "two-sum", True),
        ("1.two-sum/solution.py", "", "two-sum", True),
        (r"problems\1_two_sum.py", "", "two-sum", True),
        ("a.py", "# LeetCode 20: Valid Parentheses", "valid-parentheses", True),
        ("a.py", '"""Best Time to Buy and Sell Stock"""', "best-time-to-buy-and-sell-stock", True),
        ("a.py", "# 542. 01 Matrix", "01-matrix", True),
        ("a.py", "# Kids' Candies", "kids-candies", True),
        ("a.py", "class LRUCache:\n    pass", "lru-cache", True),
        ("a.py", "https://leetcode.cn/problems/candy/", "candy", True),
        ("leetcode/candy.py", "", "candy", True),
        ("a.py", "see two-sum there", "two-sum", True),
        ("a.py", "# 15. 3Sum", "3sum", True),
        ("a.py", "x = [3] * sum(y)", "3sum", False),
        ("candy.py", "", "candy", False),
        ("a.py", "def candy(): ...", "candy", False),
        ("a.py", "# raise when it is not a valid number", "valid-number", False),
        ("a.py", "x = two-sum-1", "two-sum", False),
        ("my_two_sums.py", "", "two-sum", False),
    ],
)
def test_problem_names(path: str, text: str, slug: str, named: bool) -> None:
    assert (slug in problem_names(path, text)) is named


def test_long_lines_of_symbols_take_no_time() -> None:
    assert "two-sum" not in problem_names("a.py", ("(" * 119 + "\n" + "#=" * 59 + "(a)\n") * 2000)


WORDS = st.lists(st.sampled_from("abcd"), max_size=14).map(" ".join)


@settings(deadline=None)
@given(st.lists(WORDS, max_size=4), WORDS)
def test_the_inverted_index_gives_the_jaccard_similarity_of_the_sets(texts: list[str], text: str) -> None:
    index = _GramIndex()
    for number, indexed in enumerate(texts):
        index.add(number, indexed)
    own = set(grams_of(text))
    similarities = {
        number: len(own & set(grams_of(indexed))) / len(own | set(grams_of(indexed)))
        for number, indexed in enumerate(texts)
    }
    assert dict(index.near(text)) == {
        number: similarity for number, similarity in similarities.items() if similarity >= 0.7
    }
