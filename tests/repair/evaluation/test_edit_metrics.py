"""Sizes of edits, and what is kept of a suggestion."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.evaluation.edit_metrics import EditSize, edit_size, kept_lines, size_ratio

OLD = "a = 1\nb = a\nprint(c)\n"

SIZES = [
    (OLD, OLD, EditSize(0, 0)),
    (OLD, "a = 1\nb = a\nprint(b)\n", EditSize(1, 1)),
    (OLD, "a = 1\nb = a\nprint(c, d)\n", EditSize(1, 2)),
    (OLD, "a = 1\nc = 2\nb = a\nprint(c)\n", EditSize(1, 4)),
    (OLD, "b = a\nprint(c)\n", EditSize(1, 4)),
    (OLD, "a=1  # one\nb = a\nprint(c)\n", EditSize(1, 0)),  # layout and comments are no tokens
    (OLD, "a = 1\r\nb = a\r\nprint(c)\r\n", EditSize(0, 0)),
    ("", "x\n", EditSize(1, 2)),
]


@pytest.mark.parametrize(("before", "after", "size"), SIZES)
def test_edit_size(before: str, after: str, size: EditSize) -> None:
    assert edit_size({"a.py": before}, {"a.py": after}) == size
    assert edit_size({"a.py": after}, {"a.py": before}) == size


def test_the_sizes_of_several_files_add_up() -> None:
    before = {"a.py": OLD, "b.py": OLD, "c.py": OLD}
    after = {"a.py": OLD.replace("1", "2"), "b.py": OLD.replace("(c)", "(a)"), "c.py": OLD, "new.py": "x\n"}
    assert edit_size(before, after) == EditSize(3, 4)


def test_the_ratio_to_a_reference() -> None:
    assert size_ratio(4, 2) == 2
    assert size_ratio(0, 2) == 0
    assert size_ratio(1, 0) is None


KEPT = [
    ("print(b)", "print(b)", 1.0),
    ("print(b)", "print(a)", 0.5),  # the removal survives, the new line does not
    ("print(c)", "print(b)", None),  # nothing is suggested
    ("print(b)", "print(c)", 0.0),  # the user took it back
    ("c = 1\nprint(c)", "c = 1\nprint(c)", 1.0),
    ("c = 1\nprint(c)", "c = 2\nprint(c)", 0.0),
    ("c = 1\nd = 2\nprint(c)", "c = 1\nprint(c)", 0.5),
    ("print(b)\nprint(d)", "print(b)", 2 / 3),
]


@pytest.mark.parametrize(("suggested", "settled", "share"), KEPT)
def test_kept_lines(suggested: str, settled: str, share: float | None) -> None:
    files = [{"a.py": OLD.replace("print(c)", line)} for line in ("print(c)", suggested, settled)]
    assert kept_lines(*files) == share


def test_kept_lines_of_several_files() -> None:
    old = {"a.py": "x\n", "b.py": "y\n"}
    assert kept_lines(old, {"a.py": "x1\n", "b.py": "y1\n"}, {"a.py": "x1\n", "b.py": "y\n"}) == 0.5
    assert kept_lines(old, {**old, "new.py": "z\n"}, old) == 0


texts = st.lists(st.sampled_from(["a", "b", "", "c = 1"]), max_size=8).map("\n".join)


@given(texts, texts, texts)
def test_properties(old: str, new: str, final: str) -> None:
    before, after, settled = {"a": old}, {"a": new}, {"a": final}
    share = kept_lines(before, after, settled)
    assert (share is None) is (edit_size(before, after).lines == 0)
    assert share is None or 0 <= share <= 1
    assert kept_lines(before, after, after) in (None, 1.0)
    assert kept_lines(before, after, before) in (None, 0.0)
