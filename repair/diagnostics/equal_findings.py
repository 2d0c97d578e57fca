"""Equal findings: rules of pyright and of ruff that report the same fault of the same code.

A fault that both report is repaired when neither does. The servers agree on the range of such a finding, and
most messages quote the same name; `F811` points at the second definition and names the line of the first,
to which `reportRedeclaration` points.

The pairs were read off both servers' output on one text for each rule (pyright 1.1.414, ruff 0.17.6).
"""

import re
from dataclasses import dataclass

from repair.diagnostics.codes import SYNTAX, server_and_rule, type_of_code
from repair.diagnostics.diagnostic import Diagnostic


@dataclass(frozen=True, slots=True)
class _Pair:
    """Rules of both servers for one fault; `named`: their messages quote the same name."""

    pyright: frozenset[str]
    ruff: frozenset[str]
    named: bool = True


def _pair(pyright: str, ruff: str, *, named: bool = True) -> _Pair:
    return _Pair(frozenset(pyright.split()), frozenset(ruff.split()), named)


UNDEFINED_NAME = _pair("reportUndefinedVariable reportUnboundVariable", "F821 F823 F405")

_PAIRS = (
    UNDEFINED_NAME,
    # pyright has no rule for what the grammar or the compiler refuses
    _pair(
        SYNTAX,
        f"{SYNTAX} F404 F622 F701 F702 F704 F706 F707 F722 F831 PLE0117 PLE0118 PLE1142",
        named=False,
    ),
    _pair("reportGeneralTypeIssues", "F404", named=False),
    _pair("reportRedeclaration", "F811"),
    _pair("reportUnsupportedDunderAll", "F822"),
    _pair("reportUnusedImport", "F401", named=False),
    _pair("reportUnusedVariable", "F841 F842"),
    _pair("reportUnusedExpression", "B015 B018", named=False),
    _pair("reportSelfClsParameterName", "N804 N805 PLE0211", named=False),
    _pair("reportInvalidStringEscapeSequence", "W605", named=False),
    _pair("reportAssertAlwaysTrue", "F631", named=False),
    _pair("reportAttributeAccessIssue", "F407"),
    _pair("reportOperatorIssue", "F633", named=False),
    _pair("reportPrivateUsage", "SLF001"),
    _pair("reportCallInDefaultInitializer", "B008", named=False),
)

_QUOTED = re.compile(r'"([^"]+)"|`([^`]+)`')
_FIRST_DEFINITION = re.compile(r"from line (\d+)")


def subject(diagnostic: Diagnostic) -> str:
    """The name that the message quotes first, without the modules before it; `""` where it quotes none."""
    found = _QUOTED.search(diagnostic.message)
    return re.split(r"\.| as ", found[1] or found[2])[-1] if found else ""


def is_undefined_name(diagnostic: Diagnostic) -> bool:
    """Whether it says that a name is not defined."""
    return _has(UNDEFINED_NAME, diagnostic)


def same_subject(one: Diagnostic, other: Diagnostic) -> bool:
    """Whether different servers report, by rules of one pair, the same name of the same file."""
    return any(pair.named for pair in _shared(one, other)) and subject(one) == subject(other)


def equal_findings(one: Diagnostic, other: Diagnostic) -> bool:
    """Whether two diagnostics of the same texts are different servers' reports of one fault."""
    return any(
        (not pair.named or subject(one) == subject(other)) and _same_place(one, other)
        for pair in _shared(one, other)
    )


def types_of_fault(code: str) -> frozenset[str]:
    """The diagnostic type of a code, and those by which the other server reports the same faults."""
    own = type_of_code(code)
    known = (pair.pyright | pair.ruff for pair in _PAIRS)
    return frozenset({own}).union(*(types for types in known if own in types))


def _shared(one: Diagnostic, other: Diagnostic) -> list[_Pair]:
    if one.path != other.path or server_and_rule(one.code)[0] == server_and_rule(other.code)[0]:
        return []
    return [pair for pair in _PAIRS if _has(pair, one) and _has(pair, other)]


def _has(pair: _Pair, diagnostic: Diagnostic) -> bool:
    server, _ = server_and_rule(diagnostic.code)
    rules = pair.pyright if server == "pyright" else pair.ruff
    return (server in ("pyright", "ruff")) and type_of_code(diagnostic.code) in rules


def _same_place(one: Diagnostic, other: Diagnostic) -> bool:
    for second, first in ((one, other), (other, one)):
        if found := _FIRST_DEFINITION.search(second.message):
            return int(found[1]) == first.start_line + 1
    start, other_start = (one.start_line, one.start_column), (other.start_line, other.start_column)
    end, other_end = (one.end_line, one.end_column), (other.end_line, other.end_column)
    return start == other_start or (start < other_end and other_start < end)
