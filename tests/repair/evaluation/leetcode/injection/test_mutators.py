"""Bug mutators: every place of each subtype by table, and on drawn programs against plain properties."""

import ast
import io
import tokenize
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.evaluation.leetcode.injection.bugs import CHOOSE, REPORT, SUBTYPES, half_of
from repair.evaluation.leetcode.injection.mutators import CANDIDATES, MUTATORS, mutated
from repair.evaluation.leetcode.injection.solution import ParsedSolution
from repair.line_diff.numbered import hunks


def changed(subtype: str, text: str) -> Iterator[str]:
    """The changed lines of each place, or the whole text where several lines change."""
    solution = ParsedSolution(text)
    for place in MUTATORS[subtype](solution):
        buggy = solution.applied(place)
        [hunk] = hunks(text, buggy)
        yield hunk.added[0].strip() if len(hunk.added) == 1 else "\n".join(hunk.added)


SOLUTION = """\
class Solution:
    def f(self, nums: List[int], n: int) -> int:
        {}
"""

# subtype, the statement of a method, what it becomes; in the order of the places
TABLE: list[tuple[str, str, list[str]]] = [
    ("misused == or =", "x = n == 1", ["x = n = 1", "x == n == 1"]),
    ("misused == or =", "f(x=1)", []),
    ("misused == or =", 'return "=="', []),
    ("missing colons", "x = nums[1:]", ["class Solution", "def f(self, nums: List[int], n: int) -> int"]),
    ("unclosed parentheses", "return (n)", ["def f(self, nums: List[int, n: int) -> int:",
                                            "def f(self, nums: List[int], n: int -> int:", "return (n"]),
    ("unclosed string", 'x = ""', ['x = "']),
    ("unclosed string", "x = '''a'''", []),
    ("unclosed string", "return n", ["return 'n"]),
    ("unclosed string", "return f(\n            n)", []),
    ("illegal comment", "return n  # the number", ["return n  // the number", "# return n  # the number",
                                                   "// return n  # the number"]),
    ("illegal comment", "return (\n            n)", []),
    ("faulty indexing", "return n", ["return n[0]", "return n[0]"]),
    ("faulty indexing", "n = '1'; return len(n)", []),
    ("faulty indexing", "return grid[i][j]", ["return grid[i, j]", "return grid[i][0][j]",
                                               'return grid["i"][j]']),
    ("faulty indexing", "return nums[1:][2]", []),
    ("faulty indexing", "for n in nums: print(n)", []),
    ("undefined objects", "return len(nums)", ["return len(nums_list)", "return len(new_nums)",
                                               "return len(undefined_nums)",
                                               "return len(undefined_variable)"]),
    ("undefined objects", "return self.n", []),
    ("undefined methods", "nums.sort()", ["nums.sortAll()", "nums.sort_item()", "nums.undefined_method()"]),
    ("undefined methods", "return max(1)", ["return self.max(1)", "return compute_max(1)",
                                            "return undefinedFunction(1)"]),
    ("operation error", "n = n // 2 - 1", ["n = n // 2 + 1", "n = n / 2 - 1"]),
    ("operation error", "n *= (2)", ["n += (2)"]),
    ("operation error", "return n ** 2 | 1", []),
    ("variable error", "return n", ["return nums"]),
    ("other error", "return n", ["return [n]"]),
    ("other error", "return self.f((nums), n)", []),  # a parenthesis would be left over
    ("other error", "return self.f(nums, n)", ["return self.f(nums)"]),
    ("other error", "return max(nums, n)", []),
]  # fmt: skip


@pytest.mark.parametrize(("subtype", "statement", "expected"), TABLE)
def test_every_place_of_a_subtype(subtype: str, statement: str, expected: list[str]) -> None:
    assert list(changed(subtype, SOLUTION.format(statement))) == expected


FOREIGN = [
    ("x = None", {"var x = None", "let x = None", "int x = None", "x = null"}),
    ("n += 1", {"n++"}),
    ("n -= 2", set()),
    ("return not n", {"return !n"}),
    ("return n and True", {"return n && True", "return n and true"}),
    (
        "return len(nums)",
        {
            "return nums.length",
        },
    ),
    ("return len(nums[n])", {"return sizeof(nums[n])"}),
    ("nums.append(n)", {"nums.push(n)", "nums.push_back(n)"}),
    ("return 'None and True'", set()),
]


@pytest.mark.parametrize(("statement", "expected"), FOREIGN)
def test_words_of_other_languages(statement: str, expected: set[str]) -> None:
    text = SOLUTION.format(statement)
    lines = set(changed("illegal keywords", text))
    head = {line for line in lines if ", nums: " in line}
    assert lines - head == expected
    assert head == {
        "function f(self, nums: List[int], n: int) -> int:",
        "def f(this, nums: List[int], n: int) -> int:",
        "def f(self, nums: Array[int], n: int) -> int:",
        "def f(self, nums: List<int>, n: int) -> int:",
    }


def test_indentation_is_one_statement_too_deep_too_shallow_or_a_whole_method() -> None:
    text = SOLUTION.format("x = 1\n        return x")
    assert list(changed("illegal indentation", text)) == [
        "def f(self, nums: List[int], n: int) -> int:\n    x = 1\n    return x",
        "x = 1",
        "return x",
    ]
    solution = ParsedSolution(text)
    lines = [solution.applied(place).split("\n")[2:4] for place in MUTATORS["illegal indentation"](solution)]
    assert lines[1:] == [["    x = 1", "        return x"], ["        x = 1", "            return x"]]


def test_the_head_of_a_block_is_commented_out_where_it_has_no_else() -> None:
    block = "for x in nums:\n            n += x"
    assert "# for x in nums:" in changed("illegal comment", SOLUTION.format(block))
    more = block + "\n        else:\n            n = 1"
    assert "# for x in nums:" not in changed("illegal comment", SOLUTION.format(more))


def test_columns_of_lines_beyond_ascii_are_those_of_the_text() -> None:
    text = SOLUTION.format('x = "äß𝔘"; return nums')
    assert next(changed("undefined objects", text)).endswith("; return nums_list")


NAMES = st.sampled_from(["n", "nums", "größe", "k"])
LEAVES = st.one_of(
    NAMES, st.sampled_from(["0", "1", "None", "True", '""', "'a b'", '"ß"']), NAMES.map("{}[0]".format)
)
EXPRESSIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "//", "==", "and", "%"]), inner).map(
            lambda p: f"({' '.join(p)})"
        ),
        st.lists(inner, min_size=1, max_size=3).map(lambda items: f"max({', '.join(items)})"),
        inner.map("(not {})".format),
        inner.map("[{}]".format),
    ),
    max_leaves=6,
)
STATEMENTS = st.one_of(
    st.tuples(NAMES, st.sampled_from(["=", "+=", "//="]), EXPRESSIONS).map(" ".join),
    EXPRESSIONS.map("return {}".format),
    EXPRESSIONS.map("nums.append({})  # größer".format),
    EXPRESSIONS.map("if {}:\n            return n".format),
    EXPRESSIONS.map("for k in {}:\n            n -= 1\n            continue".format),
)
PROGRAMS = st.lists(STATEMENTS, min_size=1, max_size=5).map(
    lambda lines: SOLUTION.format("\n        ".join(lines))
)


@given(PROGRAMS)
def test_every_place_differs_is_there_once_and_changes_what_it_says(text: str) -> None:
    solution = ParsedSolution(text)
    assert set(MUTATORS) == set(SUBTYPES)
    for subtype, mutator in MUTATORS.items():
        for place in mutator(solution):
            buggy = solution.applied(place)
            assert buggy != text, subtype
            assert buggy == text[: place.start] + place.new + text[place.end :]
            # a line that is indented anew may equal the next one: then there are several hunks
            first, last = (text.count("\n", 0, offset) + 1 for offset in (place.start, place.end))
            found = hunks(text, buggy)
            assert found, subtype
            assert all(first <= hunk.start <= hunk.start + len(hunk.removed) <= last + 1 for hunk in found)


@given(PROGRAMS)
def test_bugs_of_syntax_do_not_parse_but_for_the_words_that_may(text: str) -> None:
    solution = ParsedSolution(text)
    for subtype in ("missing colons", "unclosed parentheses"):
        for place in MUTATORS[subtype](solution):
            with pytest.raises(SyntaxError):
                ast.parse(solution.applied(place))


@given(PROGRAMS)
def test_offsets_are_those_of_tokenize(text: str) -> None:
    solution = ParsedSolution(text)
    plain = [token for token in tokenize.generate_tokens(io.StringIO(text).readline) if token.string.strip()]
    own = [token for token in solution.tokens if token.string.strip()]
    assert [text[token.start : token.end] for token in own] == [token.string for token in plain]
    assert all(
        solution.part(node) == ast.get_source_segment(text, node)
        for node in solution.nodes
        if isinstance(node, ast.expr)
    )


@given(PROGRAMS, st.sampled_from(["two-sum", "3sum", "peaks-in-array"]))
def test_candidates_are_drawn_the_same_way_each_time(text: str, slug: str) -> None:
    bugs = mutated(slug, text)
    assert bugs == mutated(slug, text)
    assert 0 < len(bugs) <= CANDIDATES
    assert len({bug.subtype for bug in bugs}) == len(bugs)
    assert all(bug.slug == slug and bug.correct == text != bug.buggy for bug in bugs)
    assert bugs == mutated(slug, text, at_most=99)[:CANDIDATES]


def test_another_problem_has_other_subtypes() -> None:
    text = SOLUTION.format("x = n == 1\n        return max(nums[n], x)")
    drawn = {tuple(bug.subtype for bug in mutated(f"problem-{number}", text)) for number in range(20)}
    assert len(drawn) > 10


@pytest.mark.parametrize("text", ["def f(:", "x = '\0'", ""])
def test_what_can_not_be_changed_gives_no_candidate(text: str) -> None:
    assert mutated("slug", text) == []


def test_the_halves_are_of_whole_problems_and_about_equal() -> None:
    halves = [half_of(f"problem-{number}") for number in range(400)]
    assert halves == [half_of(f"problem-{number}") for number in range(400)]
    assert set(halves) == {CHOOSE, REPORT}
    assert 160 < halves.count(CHOOSE) < 240
    series = ["peaks", "peaks-i", "peaks-ii", "peaks-iii", "peaks-iv"]
    assert len({half_of(slug) for slug in series}) == 1
