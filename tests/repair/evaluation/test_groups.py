"""Groups of samples: categories of codes, sizes of edits."""

import pytest

from repair.evaluation.groups import CATEGORIES, EDIT_EDGES, bucket, category, edit_bucket


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("pyright", "syntax"),
        ("ruff[invalid-syntax]", "syntax"),
        ("ruff[F821]", "names"),
        ("pyright[reportAttributeAccessIssue]", "names"),
        ("pyright[reportOptionalMemberAccess]", "types"),
        ("pyright[reportCallIssue]", "types"),
        ("ruff[E722]", "lint"),
    ],
)
def test_category(code: str, expected: str) -> None:
    assert category(code) == expected
    assert expected in CATEGORIES


@pytest.mark.parametrize(
    ("size", "expected"), [(0, "0"), (1, "1"), (2, "2"), (3, "3-5"), (5, "3-5"), (6, "6-10"), (11, "11+")]
)
def test_bucket(size: int, expected: str) -> None:
    assert bucket(size, EDIT_EDGES) == expected


def test_a_replaced_line_counts_once_in_all_files() -> None:
    sample = {
        "path": "a.py",
        "files": [{"path": "a.py", "text": "1\n2\n3\n"}, {"path": "b.py", "text": "x\n"}],
        "target": "1\ntwo\n3\n4\n",
        "target_files": [{"path": "b.py", "text": "y\n"}],
    }
    assert edit_bucket(sample) == "3-5"
