"""Converts the output of pyright and ruff to `Diagnostic`s, with columns in both units.

Tested by `tests/repair/language_servers/test_exactness.py`.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from repair.diagnostics.diagnostic import HINT, Diagnostic
from repair.text.lines import BYTE_ORDER_MARK, lines_of
from repair.text.positions import LineOffsets

_SEVERITIES = {1: "error", 2: "warning", 3: "information"}
_HINT = 4
_UNREACHABLE = frozenset(
    {
        "Code is structurally unreachable",
        "Code is not analyzed because condition is statically evaluated as false",
        "Type analysis indicates code is unreachable",
    }
)
# As ruff's own language server has it: what stops a program is an error, the rest warns.
_RUFF_ERRORS = frozenset({"F821", "E902", "E999", "invalid-syntax"})
UNREACHABLE = "unreachable"
"""Stands for the rule in the code of a hint on unreachable code: `pyright[unreachable]`."""


def from_pyright(path: str, text: str, items: Iterable[dict[str, Any]]) -> list[Diagnostic]:
    """Diagnostics of an LSP report on `path`, whose text is `text`.

    Of the hints, which grey out code in an editor, those on unreachable code are converted, with the code
    `UNREACHABLE`. The others are left out.
    """
    offsets = _Offsets(text)
    result: list[Diagnostic] = []
    for item in items:
        severity, rule = _SEVERITIES.get(item.get("severity", 1)), item.get("code")
        if item.get("severity") == _HINT and item["message"] in _UNREACHABLE:
            severity, rule = HINT, UNREACHABLE
        if severity is None:
            continue
        start, end = item["range"]["start"], item["range"]["end"]
        result.append(
            Diagnostic(
                path=path,
                start_line=start["line"],
                start_column=offsets[start["line"]].to_column(start["character"]),
                start_character=start["character"],
                end_line=end["line"],
                end_column=offsets[end["line"]].to_column(end["character"]),
                end_character=end["character"],
                code=f"pyright[{rule}]" if rule else "pyright",
                message=item["message"],
                severity=severity,
            )
        )
    return result


def without_folder(message: str, folder: Path) -> str:
    """`message` with the paths below `folder`, where a workspace is written, relative to it.

    `reportImportCycles` and `reportShadowedImports` name files.
    """
    return message.replace(f"{folder}/", "")


def from_ruff(path: str, text: str, items: Iterable[dict[str, Any]]) -> list[Diagnostic]:
    """Diagnostics of ruff's JSON on `path`, whose text is `text`."""
    offsets = _Offsets(text)
    # in the first line, ruff counts columns from after a byte order mark
    mark = int(text.startswith(BYTE_ORDER_MARK))
    result: list[Diagnostic] = []
    for item in items:
        positions: list[tuple[int, int, int]] = []
        for location in (item["location"], item["end_location"]):
            line, column = location["row"] - 1, location["column"] - 1
            column += mark if line == 0 else 0
            positions.append((line, column, offsets[line].to_character(column)))
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


class _Offsets(dict[int, LineOffsets]):
    """The offset tables of a text's lines, made as they are needed; a line after the last is empty."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines: list[str] | None = None

    def __missing__(self, number: int) -> LineOffsets:
        if self._lines is None:
            self._lines = lines_of(self._text)
        self[number] = LineOffsets(self._lines[number] if number < len(self._lines) else "")
        return self[number]
