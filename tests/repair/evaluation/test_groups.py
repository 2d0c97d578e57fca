"""Buckets with fixed edges, and categories of codes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repair.diagnostics.types import TYPES
from repair.evaluation.groups import (
    CATEGORIES,
    EDIT_EDGES,
    FILE_EDGES,
    bucket,
    buckets,
    category,
    edit_bucket,
    file_bucket,
)


def test_the_edges_are_documented_and_fixed() -> None:
    assert buckets(EDIT_EDGES) == ["1", "2", "3-5", "6-10", "11+"]
    assert buckets(FILE_EDGES) == ["1-20", "21-50", "51-100", "101-200", "201-500", "501+"]


@pytest.mark.parametrize(
    ("size", "edit", "file"),
    [
        *[(0, "0", "0"), (1, "1", "1-20"), (2, "2", "1-20"), (3, "3-5", "1-20"), (5, "3-5", "1-20")],
        *[(6, "6-10", "1-20"), (10, "6-10", "1-20"), (11, "11+", "1-20"), (20, "11+", "1-20")],
        *[(21, "11+", "21-50"), (500, "11+", "201-500"), (501, "11+", "501+"), (10**9, "11+", "501+")],
    ],
)
def test_bucket(size: int, edit: str, file: str) -> None:
    assert (bucket(size, EDIT_EDGES), bucket(size, FILE_EDGES)) == (edit, file)


@given(st.integers(1, 1000))
def test_every_size_has_one_bucket(size: int) -> None:
    for edges in (EDIT_EDGES, FILE_EDGES):
        name = bucket(size, edges)
        low, _, high = name.rstrip("+").partition("-")
        assert name in buckets(edges)
        assert int(low) <= size and (name.endswith("+") or size <= int(high or low))


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("pyright", "syntax"),
        ("ruff[invalid-syntax]", "syntax"),
        ("ruff[F821]", "names"),
        ("pyright[reportUndefinedVariable]", "names"),
        ("pyright[reportAttributeAccessIssue]", "names"),
        ("pyright[reportArgumentType]", "types"),
        ("pyright[reportOptionalMemberAccess]", "types"),
        ("pyright[reportWhatComesNext]", "types"),
        ("ruff[E722]", "lint"),
        ("ruff[B006]", "lint"),
    ],
)
def test_category(code: str, expected: str) -> None:
    assert category(code) == expected


def test_every_type_has_a_category() -> None:
    for known in TYPES:
        server = "pyright" if known.name.startswith("report") else "ruff"
        assert category(f"{server}[{known.name}]") in CATEGORIES


def sample(text: str, target: str, **columns: Any) -> dict[str, Any]:
    return {"path": "a.py", "files": [{"path": "a.py", "text": text}], "target": target, **columns}


def test_a_replaced_line_counts_once_in_all_files() -> None:
    row = {
        "path": "a.py",
        "files": [{"path": "a.py", "text": "1\n2\n3\n"}, {"path": "b.py", "text": "x\n"}],
        "target": "1\ntwo\n3\n4\n",
        "target_files": [{"path": "b.py", "text": "y\n"}],
    }
    assert edit_bucket(row) == "3-5"


def test_the_buckets_of_a_sample() -> None:
    text = "x = 1\n" * 30
    row = sample(text, text.replace("1", "2", 1))
    assert (edit_bucket(row), file_bucket(row)) == ("1", "21-50")
    other = sample(text, text + "y\n", target_files=[{"path": "b.py", "text": "a\nb\n"}])
    assert edit_bucket(other) == "3-5"  # a new file of two lines, one line behind the file's last
