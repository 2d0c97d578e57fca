"""A diagnostic of a language server: code, message, severity and range."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, order=True)
class Diagnostic:
    """One diagnostic, placed in both units.

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

    def as_row(self) -> dict[str, Any]:
        """The row of `repair.schema.stages.DIAGNOSTIC`."""
        return asdict(self)

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> "Diagnostic":
        """The inverse of `as_row`."""
        return cls(**row)


_SHOWN = 3  # diagnostics named in an evidence; the rest is counted


def shown(diagnostic: Diagnostic) -> str:
    """A diagnostic on one line, its place first; lines count from 1."""
    place = f"{diagnostic.path}:{diagnostic.start_line + 1}"
    return f"{place} {diagnostic.severity} {diagnostic.code} {diagnostic.message}"


def listed(diagnostics: Sequence[Diagnostic]) -> str:
    """The first few of them, and how many more there are."""
    rest = len(diagnostics) - _SHOWN
    listed = "; ".join(shown(diagnostic) for diagnostic in diagnostics[:_SHOWN])
    return f"{listed}; and {rest} more" if rest > 0 else listed
