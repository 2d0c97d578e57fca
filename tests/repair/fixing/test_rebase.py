"""Three-way merge by hunks, against an oracle that edits lines one by one."""

from hypothesis import given
from hypothesis import strategies as st

from repair.fixing.rebase import merge, rebased
from repair.line_diff.numbered import apply

LINES = st.integers(1, 14)
CHANGES = st.dictionaries(st.integers(0, 13), st.lists(st.integers(0, 99), max_size=3), max_size=5)
"""Number of a line -> what stands in its place."""


def edited(count: int, changes: dict[int, list[int]], name: str) -> str:
    """The numbered lines with some replaced, written without any diff."""
    rows: list[str] = []
    for number in range(count):
        rows += [f"{name} {new}" for new in changes[number]] if number in changes else [f"line {number}"]
    return "\n".join(rows)


@given(LINES, CHANGES, CHANGES)
def test_changes_of_lines_apart_are_both_in_the_result(
    count: int, ours: dict[int, list[int]], theirs: dict[int, list[int]]
) -> None:
    # a line between them, so that they don't meet
    theirs = {line: new for line, new in theirs.items() if not {line - 1, line, line + 1} & ours.keys()}
    both = {
        **{line: [f"ours {n}" for n in new] for line, new in ours.items()},
        **{line: [f"theirs {n}" for n in new] for line, new in theirs.items()},
    }
    expected = [row for number in range(count) for row in both.get(number, [f"line {number}"])]
    base = edited(count, {}, "")
    if not any(len(changes) >= count for changes in (ours, theirs, both)):  # the empty text is one line
        merged = merge(base, edited(count, ours, "ours"), edited(count, theirs, "theirs"))
        assert merged == "\n".join(expected)


@given(st.text("ab\n", max_size=20), st.text("ab\n", max_size=20))
def test_what_only_one_side_changed_is_that_side(base: str, changed: str) -> None:
    assert merge(base, base, changed) == changed
    assert merge(base, changed, base) == changed


def test_changes_that_meet_are_not_merged() -> None:
    base = "a\nb\nc"
    assert merge(base, "a\nB\nc", "a\nX\nc") is None
    assert merge(base, "a\nB\nc", "a\nnew\nb\nc") is None  # before or after B: nobody knows
    assert merge(base, "a\nB\nc", "a\nb\nC") == "a\nB\nC"


def test_a_diff_of_several_files_is_rebased_where_a_fix_came_between() -> None:
    base = {"main.py": "one\ntwo\nthree", "other.py": "x"}
    current = {"main.py": "zero\none\ntwo\nthree", "other.py": "x"}
    moved = rebased(base, current, "-3 three\n+3 3\n#other.py\n-1 x\n+1 y", "main.py")
    assert moved == "-4 three\n+4 3\n#other.py\n-1 x\n+1 y"
    assert apply(current["main.py"], "-4 three\n+4 3") == "zero\none\ntwo\n3"
    assert (
        rebased(base, {**current, "other.py": "z"}, "-3 three\n+3 3\n#other.py\n-1 x\n+1 y", "main.py")
        is None
    )
