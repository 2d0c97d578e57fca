"""The fate of a fix: by hand, and against a plain reading where every line is another one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.feedback.fate import Fate, contains_fix, fate_of

OLD = "a\nb\nc\n"


@pytest.mark.parametrize(
    ("old", "new", "later", "fate"),
    [
        (OLD, "a\nB\nc\n", "a\nB\nc\n", Fate.KEPT),
        (OLD, "a\nB\nc\n", OLD, Fate.REVERTED),
        (OLD, "a\nB\nc\n", "a\nBB\nc\n", Fate.EDITED),
        (OLD, "a\nB\nc\n", "a\nc\n", Fate.EDITED),  # its line was deleted
        (OLD, "a\nB\nc\n", "new\na\nB\nmore\nc\nend\n", Fate.KEPT),  # and work went on around it
        (OLD, "a\nB\nc\n", "new\na\nb\nc\nend\n", Fate.REVERTED),
        (OLD, "a\nB\nc\n", "A\nB\nC\n", Fate.KEPT),
        (OLD, "a\nB\nc\n", "A\nb\nC\n", Fate.REVERTED),
        (OLD, "a\nc\n", "a\nc\nd\n", Fate.KEPT),  # a deletion
        (OLD, "a\nc\n", "a\nb\nc\nd\n", Fate.REVERTED),
        (OLD, "a\nc\n", "a\nb2\nc\n", Fate.KEPT),  # the deleted line is not back
        (OLD, "a\nb\nx\nc\n", "a\nb\nc\nd\n", Fate.REVERTED),  # an insertion
        (OLD, "a\nb\nx\nc\n", "a\nb\nx\nc\nd\n", Fate.KEPT),
        (OLD, "a\nb\nx\nc\n", "a\nb\nx2\nc\n", Fate.EDITED),
        ("a\nb\nb\n", "a\nb\n", "a\nb\nb\nc\n", Fate.REVERTED),  # of equal lines any may be meant
        ("a\nb\nb\n", "a\nb\n", "a\nb\nc\n", Fate.KEPT),
        ("a\nb\nc\nd\n", "A\nb\nc\nD\n", "A\nb\nc\nd\n", Fate.EDITED),  # one half of it
        (OLD, "a\nB\nc\n", "", Fate.EDITED),
        ("a\r\nb\r\n", "a\r\nB\r\n", "a\nB\n", Fate.KEPT),  # terminators do not count
    ],
)
def test_by_hand(old: str, new: str, later: str, fate: Fate) -> None:
    assert fate_of(old, new, later) == fate
    assert contains_fix(old, new, later) is (fate == Fate.KEPT)


TEXT = st.lists(st.sampled_from("abcd"), max_size=8).map("\n".join)


@given(TEXT, TEXT)
def test_a_text_itself_is_kept_and_the_one_before_is_reverted(old: str, new: str) -> None:
    assert fate_of(old, new, new) == Fate.KEPT
    if old != new:
        assert fate_of(old, new, old) == Fate.REVERTED


@given(st.integers(1, 6), st.integers(0, 5), st.data())
def test_where_every_line_is_another_one_it_is_what_stands_between_the_neighbours(
    count: int, at: int, data: st.DataObject
) -> None:
    at = min(at, count - 1)
    old = [f"line {number}" for number in range(count)]
    new = [*old[:at], "fixed", *old[at + 1 :]]
    middle = data.draw(st.sampled_from([["fixed"], [old[at]], ["other"], []]))
    around = [data.draw(st.lists(st.sampled_from(["x", "y"]), max_size=2)) for _ in range(2)]
    later = [*around[0], *old[:at], *middle, *old[at + 1 :], *around[1]]
    expected = {"fixed": Fate.KEPT, old[at]: Fate.REVERTED}
    wanted = expected.get(middle[0], Fate.EDITED) if middle else Fate.EDITED
    assert fate_of("\n".join(old), "\n".join(new), "\n".join(later)) == wanted
