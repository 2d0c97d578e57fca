from datetime import date

import pytest

from repair.diagnostics.types import (
    OTHER,
    TYPES,
    DiagnosticType,
    count_by_type,
    decisive_types,
    known_types,
    partition_of,
)

DAY = date(2026, 2, 1)


def test_a_promoted_type_stays_in_other_before_its_date(monkeypatch: pytest.MonkeyPatch):
    promoted = (*TYPES, DiagnosticType("F402", since=DAY))
    monkeypatch.setattr("repair.diagnostics.types.TYPES", promoted)
    assert known_types(DAY) - known_types(date(2026, 1, 31)) == {"F402"}
    assert OTHER not in known_types(DAY)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("ruff[F821]", "F821"),
        ("pyright[reportCallIssue]", "reportCallIssue"),
        ("pyright", "syntax"),
        ("ruff[F402]", OTHER),
        ("pyright[other]", OTHER),
    ],
)
def test_a_code_belongs_to_its_type_or_to_the_tail(code: str, expected: str):
    assert partition_of(code, known_types(DAY)) == expected


def test_counts_by_code_become_counts_by_type():
    codes = {"ruff[F821]": 2, "pyright": 1, "ruff[E999]": 3, "ruff[F402]": 4, "ruff[F601]": 5}
    assert count_by_type(codes, known_types(DAY)) == {"F821": 2, "syntax": 4, OTHER: 9}
    assert count_by_type(codes, known_types(DAY) | {"F402"}) == {"F821": 2, "syntax": 4, "F402": 4, OTHER: 5}


def test_every_type_decides_the_rows_of_the_tail_and_of_another_type_only_itself():
    known = frozenset({"F821", "F402"})
    assert decisive_types(OTHER, known) == ["F402", "F821"]
    assert decisive_types("F821", known) == ["F821"]
    assert decisive_types("F601", known) == []
