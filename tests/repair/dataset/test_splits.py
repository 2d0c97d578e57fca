"""Split by project: fixed for ever, in the configured shares."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from repair.dataset.splits import split_of


def test_the_shares_are_kept() -> None:
    sides = Counter(split_of(f"project-{n}", 17) for n in range(20_000))
    # Six standard deviations of a share of 0.15 are 300 of 20,000.
    assert abs(sides["test"] - 3000) < 300
    assert abs(sides["validation"] - 1000) < 190
    assert sides.total() == sides["train"] + sides["validation"] + sides["test"]


def test_a_project_never_changes_sides() -> None:
    # Written down once: a change of the rule would move projects from test to train.
    assert [split_of(f"project-{n}", 17) for n in range(8)] == ["train", "test", *["train"] * 6]


@given(st.text())
def test_more_test_projects_take_none_from_test(project_id: str) -> None:
    if split_of(project_id, 1, test=0.1) == "test":
        assert split_of(project_id, 1, test=0.2) == "test"


def test_another_seed_splits_otherwise() -> None:
    names = [f"project-{n}" for n in range(200)]
    assert [split_of(name, 1) for name in names] != [split_of(name, 2) for name in names]
