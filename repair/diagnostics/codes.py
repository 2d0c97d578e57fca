"""Diagnostic codes: the server, the rule and the diagnostic type of a code, and codes that were renamed."""

import re
from collections.abc import Mapping

_CODE = re.compile(r"(?P<server>[^\[\]]+)\[(?P<rule>[^\[\]]+)\]")
_SYNTAX_RULES = frozenset({"invalid-syntax", "syntax-error", "E999"})
SYNTAX = "syntax"
"""The type of every syntax error, of both servers."""


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


# Rules with another name in older releases of pyright: one old rule is any of several new ones.
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
    # an attribute of unknown type was reported under this rule where the settings enabled it
    "reportUnknownMemberType": frozenset({"reportAttributeAccessIssue"}),
    # "possibly unbound" became a rule of its own, at first under a longer name
    "reportUnboundVariable": frozenset({"reportPossiblyUnbound"}),
    "reportPossiblyUnboundVariable": frozenset({"reportPossiblyUnbound"}),
    # about the attributes of functions before 1.1.339, and of methods after it
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
    """Whether the codes `a` and `b` may name the same finding in different releases of one server."""
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
