"""A diagnostic of a language server, and what its code says about it."""

import re
from collections.abc import Mapping
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
        """The row of `repair.schemas.DIAGNOSTIC`."""
        return asdict(self)

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> "Diagnostic":
        """The inverse of `as_row`."""
        return cls(**row)


_CODE = re.compile(r"(?P<server>[^\[\]]+)\[(?P<rule>[^\[\]]+)\]")
_SYNTAX_RULES = frozenset({"invalid-syntax", "syntax-error", "E999"})
SYNTAX = "syntax"
"""The type of every syntax error, whichever server says it."""


def server_and_rule(code: str) -> tuple[str, str]:
    """`ruff[F821]` -> `("ruff", "F821")`; a code without a rule, such as `pyright`, has the rule `""`."""
    found = _CODE.fullmatch(code)
    return (found["server"], found["rule"]) if found else (code, "")


def type_of_code(code: str) -> str:
    """The diagnostic type of `code`: its rule, or `syntax`.

    `ruff[F821]` -> `F821`, `pyright[reportX]` -> `reportX`; bare `pyright`, and ruff's rules for text that
    does not parse, -> `syntax`.
    """
    _, rule = server_and_rule(code)
    return SYNTAX if not rule or rule in _SYNTAX_RULES else rule


# Rules that pyright named otherwise in older releases: what was one rule is now any of several.
_SPLIT_RULES: Mapping[str, frozenset[str]] = {
    # split up in 1.1.339 (December 2023)
    "reportGeneralTypeIssues": frozenset(
        {
            "reportAbstractUsage",
            "reportArgumentType",
            "reportAssertTypeFailure",
            "reportAssignmentType",
            "reportAttributeAccessIssue",
            "reportCallIssue",
            "reportFunctionMemberAccess",
            "reportInconsistentOverload",
            "reportIndexIssue",
            "reportInvalidTypeArguments",
            "reportInvalidTypeForm",
            "reportNoOverloadImplementation",
            "reportOperatorIssue",
            "reportOptionalMemberAccess",
            "reportRedeclaration",
            "reportReturnType",
            "reportUnhashable",
            "reportUnusedExcept",
        }
    ),
    # an attribute whose type was not known was told under this rule where the settings asked for it
    "reportUnknownMemberType": frozenset({"reportAttributeAccessIssue"}),
    # "possibly unbound" became a rule of its own, at first under a longer name
    "reportUnboundVariable": frozenset({"reportPossiblyUnbound"}),
    "reportPossiblyUnboundVariable": frozenset({"reportPossiblyUnbound"}),
    # told of the attributes of functions before 1.1.339, and of methods after it
    "reportFunctionMemberAccess": frozenset({"reportAttributeAccessIssue"}),
    # a subscript, call, ... of None moved between the general and the optional rules
    "reportOptionalMemberAccess": frozenset({"reportAttributeAccessIssue"}),
}
# Ruff's rules that were renamed or merged: old -> new.
_RENAMED_RULES: Mapping[str, str] = {
    "PGH001": "S307",
    "PGH002": "G010",
    "RUF011": "B035",
    "TRY200": "B904",
}


def same_family(a: str, b: str) -> bool:
    """Whether the codes `a` and `b` may name the same finding, told by different releases of one server."""
    if a == b:
        return True
    (server_a, rule_a), (server_b, rule_b) = server_and_rule(a), server_and_rule(b)
    if server_a != server_b:
        return False
    if type_of_code(a) == SYNTAX or type_of_code(b) == SYNTAX:
        return type_of_code(a) == type_of_code(b)
    if server_a == "ruff":
        return _ruff_today(rule_a) == _ruff_today(rule_b)
    return rule_b in _SPLIT_RULES.get(rule_a, ()) or rule_a in _SPLIT_RULES.get(rule_b, ())


def _ruff_today(rule: str) -> str:
    # flake8-type-checking was TCH until 2025
    return _RENAMED_RULES.get(rule, re.sub(r"^TCH(?=\d)", "TC", rule))


STYLISTIC: Mapping[str, str] = {
    # whole families, by their letters
    "I": "the order of imports",
    "D": "the wording and layout of docstrings",
    "DOC": "which sections a docstring has",
    "Q": "the choice of quotes",
    "COM": "trailing commas",
    "ISC": "how a long string is broken up",
    "N": "the spelling of names",
    "UP": "an older spelling of what works the same",
    "ANN": "annotations that nothing needs to run",
    "ERA": "code left behind in a comment",
    "FIX": "a note to do something later",
    "TD": "the form of such a note",
    "CPY": "a notice at the top of the file",
    "EM": "where an exception's message is put together",
    "FLY": "a string spelled as a join",
    "TC": "imports that only annotations need",
    "TCH": "imports that only annotations need, under its older name",
    "SIM": "a shorter spelling of what works the same",
    "RET": "the layout of return statements",
    "C4": "another spelling of a comprehension",
    "C90": "a count of branches",
    "PT": "the house style of tests",
    "PTH": "a preferred library for paths",
    "FURB": "another spelling of what works the same",
    "ICN": "the usual alias of an import",
    "TID": "relative or absolute imports",
    "PYI": "the house style of stub files",
    "FBT": "a taste in parameters",
    "T20": "a print that may be meant",
    "INP": "a file that makes no package",
    # single rules and groups of pycodestyle, whose other rules tell of more than style
    "E1": "indentation that Python accepts",
    "E2": "spaces within a line",
    "E3": "blank lines",
    "E4": "where and how many imports stand on a line",
    "E5": "the length of a line",
    "E70": "several statements on a line",
    "E731": "a lambda that could be a function",
    "E74": "names that look like a digit",
    "W1": "tabs",
    "W2": "spaces at a line's end",
    "W3": "blank lines at the end",
    "W5": "the length of a docstring's line",
    # pylint's counts
    "PLR09": "a count of branches, arguments, statements or returns",
    "PLR2004": "a number without a name",
    # pyright's rules that ask for another spelling
    "reportImplicitStringConcatenation": "how a long string is broken up",
    "reportMissingParameterType": "annotations that nothing needs to run",
    "reportTypeCommentUsage": "an older spelling of an annotation",
}
"""Prefixes of the rules that are style, each with what they are about.

E501 and I001 are named by the publication that this system follows; the rest is this project's choice: a
rule is style where a program that breaks it does the same as one that keeps it.
"""

# These are about more than style, though their family is: a method without `self` or `cls` does not work.
_NOT_STYLISTIC = frozenset({"N804", "N805"})
_LETTERS_AND_DIGITS = re.compile(r"([A-Za-z]+)(\d*)")


def is_stylistic(code: str) -> bool:
    """Whether `code` is about how a program is written, not about what it does."""
    _, rule = server_and_rule(code)
    found = _LETTERS_AND_DIGITS.fullmatch(rule)
    if not found or rule in _NOT_STYLISTIC:
        return False
    letters, digits = found.groups()
    return any(letters + digits[:count] in STYLISTIC for count in range(len(digits) + 1))
