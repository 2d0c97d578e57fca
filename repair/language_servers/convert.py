"""Converts the output of pyright and ruff to `Diagnostic`s, with columns in both units.

Tested by `tests/repair/language_servers/test_exactness.py`.
"""

from collections.abc import Iterable
from typing import Any

from repair.diagnostics.diagnostic import Diagnostic
from repair.text.lines import BYTE_ORDER_MARK, lines_of
from repair.text.positions import to_character, to_column

_SEVERITIES = {1: "error", 2: "warning", 3: "information"}
# As ruff's own language server has it: what stops a program is an error, the rest warns.
_RUFF_ERRORS = frozenset({"F821", "E902", "E999", "invalid-syntax"})


def from_pyright(path: str, text: str, items: Iterable[dict[str, Any]]) -> list[Diagnostic]:
    """Diagnostics of an LSP report on `path`, whose text is `text`.

    Hints are left out: they grey out unused or unreachable code in an editor, and the command line does
    not print them.
    """
    lines: list[str] | None = None
    result: list[Diagnostic] = []
    for item in items:
        severity = _SEVERITIES.get(item.get("severity", 1))
        if severity is None:
            continue
        lines = lines_of(text) if lines is None else lines
        start, end = item["range"]["start"], item["range"]["end"]
        rule = item.get("code")
        result.append(
            Diagnostic(
                path=path,
                start_line=start["line"],
                start_column=to_column(_line(lines, start["line"]), start["character"]),
                start_character=start["character"],
                end_line=end["line"],
                end_column=to_column(_line(lines, end["line"]), end["character"]),
                end_character=end["character"],
                code=f"pyright[{rule}]" if rule else "pyright",
                message=item["message"],
                severity=severity,
            )
        )
    return result


def from_ruff(path: str, text: str, items: Iterable[dict[str, Any]]) -> list[Diagnostic]:
    """Diagnostics of ruff's JSON on `path`, whose text is `text`."""
    lines: list[str] | None = None
    # in the first line, ruff counts columns from after a byte order mark
    mark = int(text.startswith(BYTE_ORDER_MARK))
    result: list[Diagnostic] = []
    for item in items:
        lines = lines_of(text) if lines is None else lines
        positions: list[tuple[int, int, int]] = []
        for location in (item["location"], item["end_location"]):
            line, column = location["row"] - 1, location["column"] - 1
            column += mark if line == 0 else 0
            positions.append((line, column, to_character(_line(lines, line), column)))
        start, end = positions
        result.append(
            Diagnostic(
                path,
                *start,
                *end,
                code=f"ruff[{item['code']}]",
                message=item["message"],
                severity="error" if item["code"] in _RUFF_ERRORS else "warning",
                has_code_action=item["fix"] is not None,
            )
        )
    return result


def _line(lines: list[str], number: int) -> str:
    return lines[number] if number < len(lines) else ""
