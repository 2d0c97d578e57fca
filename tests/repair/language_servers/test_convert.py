"""Columns of many diagnostics on one long line are found in time that grows with their number alone."""

from typing import Any

from repair.language_servers.convert import from_pyright, from_ruff
from tests.cpu_time import cpu_bound

NAMES = 100_000
LINE = '"é😀";' + "a;" * NAMES


def test_columns_of_pyright() -> None:
    items: list[dict[str, Any]] = [
        {
            "range": {
                "start": {"line": 1, "character": 6 + 2 * name},
                "end": {"line": 1, "character": 7 + 2 * name},
            },
            "message": "",
        }
        for name in range(NAMES)
    ]
    with cpu_bound(5):
        found = from_pyright("main.py", "\n" + LINE, items)
    assert [(one.start_column, one.end_column) for one in found] == [
        (5 + 2 * name, 6 + 2 * name) for name in range(NAMES)
    ]


def test_columns_of_ruff() -> None:
    items = [
        {
            "location": {"row": 1, "column": 6 + 2 * name},
            "end_location": {"row": 1, "column": 7 + 2 * name},
            "code": "F821",
            "message": "",
            "fix": None,
        }
        for name in range(NAMES)
    ]
    with cpu_bound(5):
        found = from_ruff("main.py", LINE, items)
    assert [one.start_character for one in found] == [6 + 2 * name for name in range(NAMES)]
