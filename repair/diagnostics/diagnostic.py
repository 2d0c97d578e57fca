"""A diagnostic of a language server: code, message, severity and range.

Tested by `tests/repair/diagnostics/test_codes.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from repair.text.lines import lines_of

HINT = "hint"
"""The severity of what is no fault: that code is unreachable. Reported where it is asked for."""


@dataclass(frozen=True, slots=True, order=True)
class Diagnostic:
    """One diagnostic, with its range in both units.

    Lines are 0-based. `*_column` counts Unicode code points, `*_character` UTF-16 code units (LSP),
    both 0-based from the line's start.
    """

    path: str
    start_line: int
    start_column: int
    start_character: int
    end_line: int
    end_column: int
    end_character: int
    code: str
    """`ruff[F821]`, `pyright[reportAttributeAccessIssue]`, or bare `pyright` (a syntax error)."""
    message: str
    severity: str
    """`error`, `warning`, `information` or `hint`."""
    has_code_action: bool = False
    """Whether the server offers a fix of its own."""

    @property
    def is_error(self) -> bool:
        return self.severity == "error"

    @property
    def message_lines(self) -> list[str]:
        """The message as people read it: pyright indents its lower lines with no-break spaces."""
        return lines_of(self.message.replace("\xa0", " "))

    def as_row(self) -> dict[str, Any]:
        """The row of `repair.schema.stages.DIAGNOSTIC`."""
        return asdict(self)

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Diagnostic":
        """The inverse of `as_row`."""
        return cls(**row)


_MAX_FORMATTED = 3  # diagnostics that one evidence names; the rest is counted


def format_diagnostic(diagnostic: Diagnostic) -> str:
    """A diagnostic on one line, its location first; lines count from 1."""
    location = f"{diagnostic.path}:{diagnostic.start_line + 1}"
    return f"{location} {diagnostic.severity} {diagnostic.code} {diagnostic.message}"


def format_diagnostics(diagnostics: Sequence[Diagnostic]) -> str:
    """The first few diagnostics on one line, and the number of the others."""
    rest = len(diagnostics) - _MAX_FORMATTED
    text = "; ".join(format_diagnostic(diagnostic) for diagnostic in diagnostics[:_MAX_FORMATTED])
    return f"{text}; and {rest} more" if rest > 0 else text
