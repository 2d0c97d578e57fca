"""Diagnostic codes: types, servers, and codes that were renamed."""

import pytest

from repair.diagnostics.codes import same_family, server_and_rule, type_of_code
from repair.diagnostics.diagnostic import Diagnostic
from repair.diagnostics.style import STYLISTIC, is_stylistic


@pytest.mark.parametrize(
    ("code", "server", "rule", "kind"),
    [
        ("ruff[F821]", "ruff", "F821", "F821"),
        (
            "pyright[reportAttributeAccessIssue]",
            "pyright",
            "reportAttributeAccessIssue",
            "reportAttributeAccessIssue",
        ),
        ("pyright", "pyright", "", "syntax"),  # pyright gives syntax errors no rule
        ("ruff[invalid-syntax]", "ruff", "invalid-syntax", "syntax"),  # ruff of today
        ("ruff[E999]", "ruff", "E999", "syntax"),  # ruff before 0.5
        ("ruff", "ruff", "", "syntax"),  # its language server leaves the code out
    ],
)
def test_server_rule_and_type(code: str, server: str, rule: str, kind: str) -> None:
    assert server_and_rule(code) == (server, rule)
    assert type_of_code(code) == kind
    assert not set(type_of_code(code)) & set("|,[]")  # it becomes a partition key


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("ruff[F821]", "ruff[F821]", True),
        # the general rule was split up
        ("pyright[reportGeneralTypeIssues]", "pyright[reportAttributeAccessIssue]", True),
        ("pyright[reportGeneralTypeIssues]", "pyright[reportCallIssue]", True),
        ("pyright[reportUnknownMemberType]", "pyright[reportAttributeAccessIssue]", True),
        ("pyright[reportUnboundVariable]", "pyright[reportPossiblyUnbound]", True),
        # two parts of the split rule are different findings
        ("pyright[reportCallIssue]", "pyright[reportAttributeAccessIssue]", False),
        # never part of the general rule
        ("pyright[reportGeneralTypeIssues]", "pyright[reportMissingImports]", False),
        # the same fact from two servers is two diagnostics
        ("pyright[reportUndefinedVariable]", "ruff[F821]", False),
        ("pyright", "ruff[invalid-syntax]", False),
        ("ruff[E999]", "ruff[invalid-syntax]", True),
        ("pyright", "pyright[reportAttributeAccessIssue]", False),
        ("ruff[TCH001]", "ruff[TC001]", True),  # renamed family
        ("ruff[TCH001]", "ruff[TC002]", False),
        ("ruff[TRY200]", "ruff[B904]", True),  # merged rule
        ("ruff[F821]", "ruff[F822]", False),
    ],
)
def test_same_family(a: str, b: str, same: bool) -> None:
    assert same_family(a, b) is same
    assert same_family(b, a) is same


@pytest.mark.parametrize(
    ("code", "stylistic"),
    [
        ("ruff[E501]", True),  # named by the publication
        ("ruff[I001]", True),  # named by the publication
        ("ruff[D100]", True),
        ("ruff[DTZ005]", False),  # begins with D, and is about time zones
        ("ruff[N802]", True),
        ("ruff[N805]", False),  # a method without `self` does not work
        ("ruff[NPY002]", False),  # begins with N
        ("ruff[W291]", True),
        ("ruff[W605]", False),  # an escape that is none
        ("ruff[E701]", True),
        ("ruff[E711]", False),  # a comparison to None can differ
        ("ruff[E722]", False),  # a bare except catches more
        ("ruff[F401]", False),
        ("ruff[F821]", False),
        ("ruff[PLR0913]", True),
        ("ruff[PLR0124]", False),  # compared with itself
        ("ruff[invalid-syntax]", False),
        ("pyright", False),
        ("pyright[reportAttributeAccessIssue]", False),
        ("pyright[reportTypeCommentUsage]", True),
    ],
)
def test_is_stylistic(code: str, stylistic: bool) -> None:
    assert is_stylistic(code) is stylistic


def test_every_style_has_its_reason() -> None:
    assert all(reason.strip() for reason in STYLISTIC.values())
    assert all(is_stylistic(f"ruff[{prefix}]") for prefix in STYLISTIC)


def test_a_row_keeps_the_diagnostic() -> None:
    diagnostic = Diagnostic("a.py", 1, 2, 3, 4, 5, 6, "ruff[F401]", "unused", "warning", True)
    assert Diagnostic.from_row(diagnostic.as_row()) == diagnostic
