"""The excerpt of a file: within the budget, by priority, on any text; and which diffs are inside of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.line_diff import numbered as line_diff
from repair.line_diff.numbered import LineDiffError
from repair.prompt.excerpt import BUDGET, Excerpt, OutsideExcerptError, excerpt, runs
from repair.text.lines import lines_of
from tests.cpu_time import cpu_bound

LINE = st.sampled_from(
    [
        "",
        "    ",
        "import os",
        "from a.b import (",
        "    c,",
        ")",
        "class A:",
        "    async def f(self,",
        "    ):",
        "\tdef g(x): return x",
        "        x = 1",
        "x = f(a, b)",
        "import x \\",
        '"""import',
        "# import",
        "@decorator",
        "(((",
        "x" * 70,
        "\f",
    ]
)
TEXT = st.tuples(st.lists(LINE, min_size=1, max_size=60), st.sampled_from(["\n", "\r\n", "\r"])).map(
    lambda drawn: drawn[1].join(drawn[0])
)


def numbers(text: str, line: int, budget: int = BUDGET) -> list[int]:
    """The shown lines around 1-based `line`."""
    return list(excerpt(text, line - 1, budget).numbers())


def cost(lines: list[str], number: int) -> int:
    return len(f"{number} {lines[number - 1]}\n" if lines[number - 1] else f"{number}\n")


@given(TEXT, st.integers(0, 59), st.integers(0, 700))
def test_an_excerpt_fits_its_budget_and_has_the_line_of_the_error(text: str, at: int, budget: int) -> None:
    lines = lines_of(text)
    found = excerpt(text, at % len(lines), budget)
    shown = list(found.numbers())
    error = at % len(lines) + 1
    assert error in shown
    assert shown == sorted(set(shown) & set(range(1, len(lines) + 1)))
    assert found.lines == len(lines)
    assert found.ranges == runs(shown)
    whole = sum(cost(lines, number) for number in range(1, len(lines) + 1))
    assert sum(cost(lines, number) for number in shown) <= max(budget, cost(lines, error))
    assert found.whole == (whole <= budget or len(lines) == 1)


@given(TEXT, st.integers(0, 59), st.integers(0, 700))
def test_the_lines_around_are_in_balance_as_far_as_they_fit(text: str, at: int, budget: int) -> None:
    lines = lines_of(text)
    error = at % len(lines) + 1
    found = excerpt(text, error - 1, budget)
    first, last = next(run for run in found.ranges if run[0] <= error <= run[1])
    left = budget - sum(cost(lines, number) for number in found.numbers())
    above, below = error - first, last - error
    # the shorter side ends with the file, or at a line that no longer fitted when its turn came
    if first > 1 and above < below:
        assert cost(lines, first - 1) > left
    if last < len(lines) and below < above:
        assert cost(lines, last + 1) > left


FILLER = [f"    step({number}, 'one of many steps')" for number in range(200)]


def test_heads_and_imports_are_shown_beside_the_lines_around() -> None:
    text = "\n".join(
        [
            "import json",  # 1
            "import needed",
            "",
            "class Other:",  # 4
            "    pass",
            "",
            "class Shop(Base):",  # 7
            "    @property",
            "    def total(",  # 9
            "        self,",
            "    ) -> int:",
            "        if True:",
            *(f"    {line}" for line in FILLER),  # 13 to 212
            "        return needed.of(called(1))",  # 213
            *(f"    {line}" for line in FILLER),
            "def called(",  # 414
            "    first): pass",
            "def not_called(first): pass",
        ]
    )
    shown = numbers(text, 213)
    assert {1, 2, 7, 9, 10, 11, 213, 414, 415} <= set(shown)
    assert {4, 8, 12, 416}.isdisjoint(shown)
    around = [number for number in shown if 13 <= number <= 413]
    assert around == list(range(around[0], around[-1] + 1))
    assert abs((213 - around[0]) - (around[-1] - 213)) <= 1
    # what the budget does not pay for is left out by priority
    assert numbers(text, 213, 300) == [7, 9, 10, 11, 211, 212, 213, 214, 215, 414]
    assert numbers(text, 213, 120) == [7, 9, 212, 213]
    assert numbers(text, 213, 1) == [213]


def test_a_class_that_is_named_is_shown_with_its_constructor() -> None:
    text = "\n".join(
        [
            "class Price:",  # 1
            "    value = 0",
            "",
            "    def __init__(self): pass",  # the second one counts
            "    def __init__(",  # 5
            "        self, value",
            "    ): pass",
            "def free(): pass",  # 8
            *FILLER,
            "price = Price(1, free(2))",  # 209
            *FILLER,
        ]
    )
    shown = numbers(text, 209)
    assert {1, 5, 6, 7, 8} <= set(shown)
    assert {2, 4}.isdisjoint(shown)
    without = text.replace("__init__", "other_method")
    assert {1, 8} <= set(numbers(without, 209))
    assert 5 not in numbers(without, 209)


def test_imports_that_are_needed_come_first() -> None:
    imports = [f"import module_{number}" for number in range(200)]
    text = "\n".join([*imports, "def f():", *FILLER, "    module_150.run()", *FILLER])
    shown = numbers(text, 402)
    assert 151 in shown
    assert shown[:3] == [1, 2, 3]  # then from the top, as far as the budget lasts


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["from a import (", "    b,", "    c,", ")"], {1, 2, 3, 4}),
        (["from a import b, \\", "    c"], {1, 2}),
        (["from a import (b,", "    c)  # both"], {1, 2}),
        (["from a import ("], {1}),  # nothing closes it
        (["try:", "    import c", "except ImportError:", "    c = None"], {2}),
        (['"""', "import c", '"""'], {2}),  # of a string: nobody is misled
        (["from the beginning on", "important = c", "imported(c)"], set[int]()),
    ],
)
def test_statements_that_import(lines: list[str], expected: set[int]) -> None:
    text = "\n".join([*lines, *FILLER, "c.run()", *FILLER])
    assert set(numbers(text, len(lines) + 201)) & set(range(1, len(lines) + 1)) == expected


def test_a_file_that_fits_is_whole() -> None:
    text = "x = 1\n" * 125  # 125 lines of 6 characters, and their numbers
    lines = lines_of(text)
    size = sum(cost(lines, number) for number in range(1, len(lines) + 1))
    assert excerpt(text, 60, size).whole
    assert not excerpt(text, 60, size - 1).whole
    assert excerpt("\ufeffx\n", 1).whole


def test_a_line_longer_than_the_budget_is_shown_whole_and_alone() -> None:
    text = "\n".join(["import os", "x" * 5_000, "y = os"])
    assert numbers(text, 2) == [2]
    assert numbers(text, 3) == [1, 3]  # and one beside the error is left out


HOSTILE = {
    "one line of 2 MB": ("(" * 2_000_000, 0),
    "100,000 lines": ("x = 1\n" * 100_000, 50_000),
    "heads in heads": ("\n".join(f"{' ' * number}def f{number}((" for number in range(2_000)), 1_999),
    "heads of one name": ("def f((\n" * 100_000 + "f", 100_000),
    "imports that nothing closes": ("from a import (\n" * 30_000, 29_999),
    "backslashes": ("import a \\\n" * 30_000, 15_000),
    "tabs": (f"{chr(9) * 1_000}x\n" * 1_000, 999),
    "blanks": (" " * 1_000_000 + "\n" + " " * 1_000_000, 1),
    "from without import": ("from " + "." * 1_000_000 + "\n" + "from" + " \t" * 500_000, 1),
    "carriage returns": ("\r" * 500_000, 250_000),
}


@pytest.mark.parametrize(("text", "at"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_texts_take_linear_time(text: str, at: int) -> None:
    with cpu_bound(10):
        found = excerpt(text, at)
    lines = lines_of(text)
    assert sum(cost(lines, number) for number in found.numbers()) <= max(BUDGET, cost(lines, at + 1))


SHOWN = Excerpt(((2, 3), (6, 6)), 8)


@pytest.mark.parametrize(
    ("diff", "hidden"),
    [
        ("", ""),
        ("-2 b\n+2 x", ""),
        ("-2 b\n-3 c\n-6 f", ""),
        ("+2 x", ""),  # before the first shown line
        ("+3 x", ""),
        ("+4 x\n+5 y\n+6 z", ""),  # after line 3, next to it whatever is put in there
        ("+6 x", ""),  # before line 6
        ("+7 x", ""),
        ("-3 c\n-6 f\n+5 x", ""),  # in the place of line 6
        ("-3 c\n+3 x\n+4 y\n+7 z", ""),  # before line 6, which is line 8 now
        ("-1 a", "-1"),
        ("-4 d\n+4 x", "-4"),
        ("-3 c\n-4 d\n-5 e", "-4, -5"),
        ("+1 x", "+1"),  # before line 1, which is not shown
        ("+5 x", "+5"),  # between the lines 4 and 5
        ("+8 x", "+8"),
        ("+9 x", "+9"),
        ("-2 b\n+7 x", "+7"),  # it follows line 7
        ("-9 i", ""),  # there is no such line: it does not apply
        ("+20 x", ""),
    ],
)
def test_which_diffs_are_inside(diff: str, hidden: str) -> None:
    change = line_diff.parse(diff)
    Excerpt(((1, 8),), 8).check(change)
    if not hidden:
        SHOWN.check(change)
        return
    with pytest.raises(OutsideExcerptError) as caught:
        SHOWN.check(change)
    assert caught.value.reason == "outside_excerpt"
    assert str(caught.value).startswith(f"{hidden}: of the 8 lines of the file 2-3, 6-6 are shown")


@given(st.data())
def test_a_change_of_shown_lines_is_inside_and_any_other_is_not(data: st.DataObject) -> None:
    """The oracle: runs of lines that are all different, changed as slices."""
    count = data.draw(st.integers(1, 12))
    original = [f"line {number}" for number in range(count)]
    shown = sorted(data.draw(st.sets(st.integers(1, count), min_size=1)))
    start = data.draw(st.integers(0, count))
    end = data.draw(st.integers(start, count))
    new = [f"new {number}" for number in range(data.draw(st.integers(0, 3)))]
    if start == end and not new:
        return
    repaired = [*original[:start], *new, *original[end:]]
    change = line_diff.parse(line_diff.diff("\n".join(original), "\n".join(repaired)))
    if not repaired:
        return  # the empty text has a line
    wanted = set(range(start + 1, end + 1)) <= set(shown) if end > start else {start, start + 1} & set(shown)
    try:
        Excerpt(runs(shown), count).check(change)
    except LineDiffError:
        assert not wanted
    else:
        assert wanted
