"""Equal findings: every pair of rules, as both servers report one text."""

from itertools import combinations

import pytest

from repair.diagnostics import equal_findings as module
from repair.diagnostics.codes import type_of_code
from repair.diagnostics.diagnostic import Diagnostic
from repair.diagnostics.equal_findings import equal_findings, same_subject
from repair.language_servers import LanguageServers, Request

SETTINGS = {
    "ruff.toml": "preview = true\n[lint]\nselect = ['F', 'B', 'N', 'PL', 'SLF', 'W']\n",
    "pyrightconfig.json": '{"typeCheckingMode": "strict", "reportCallInDefaultInitializer": "error"}',
}
# Texts, each with the pair of rules that report the same of it.
TEXTS = [
    ("reportUndefinedVariable", "F821", "print(hight)\n"),
    ("reportUnboundVariable", "F821", "a = 1\ndel a\nprint(a)\n"),
    ("reportUnboundVariable", "F821", "def f():\n    print(a)\n    a = 1\n"),
    ("reportUndefinedVariable", "F405", "from math import *\n\nprint(hight)\n"),
    ("syntax", "syntax", "a = 1\nfor b in a\n    print(b)\n"),
    ("syntax", "F701", "break\n"),
    ("syntax", "F702", "continue\n"),
    ("syntax", "F706", "return 1\n"),
    ("syntax", "F722", "def f(a: 'b c'):\n    return a\n"),
    ("syntax", "F622", "a = [1]\nb, *c, *d = a\n"),
    ("syntax", "PLE0117", "def f():\n    nonlocal q\n"),
    ("reportGeneralTypeIssues", "F404", "import os\nfrom __future__ import annotations\n"),
    ("reportRedeclaration", "F811", "def f():\n    return 1\n\n\ndef f():\n    return 2\n"),
    ("reportUnsupportedDunderAll", "F822", "__all__ = ['gone']\n"),
    ("reportUnusedImport", "F401", "import os.path\n"),
    ("reportUnusedImport", "F401", "from os import sep as other\n"),
    ("reportUnusedVariable", "F841", "def f():\n    a = 1\n"),
    ("reportUnusedVariable", "F842", "def f():\n    a: int\n"),
    ("reportUnusedExpression", "B018", "a = 1\na\n"),
    ("reportUnusedExpression", "B015", "a = 1\na == 2\n"),
    ("reportSelfClsParameterName", "N804", "class A:\n    @classmethod\n    def f(x): ...\n"),
    ("reportSelfClsParameterName", "N805", "class A:\n    def f(x): ...\n"),
    ("reportSelfClsParameterName", "PLE0211", "class A:\n    def f(): ...\n"),
    ("reportInvalidStringEscapeSequence", "W605", "print('\\d')\n"),
    ("reportAssertAlwaysTrue", "F631", "a = 1\nassert (a, 'never')\n"),
    ("reportAttributeAccessIssue", "F407", "from __future__ import foo\n"),
    ("reportOperatorIssue", "F633", "print >>3, 4\n"),
    ("reportPrivateUsage", "SLF001", "class A:\n    _b = 1\n\n\nprint(A._b)\n"),
    ("reportCallInDefaultInitializer", "B008", "def f(a=g()):\n    return a\n"),
]
# Pairs of rules that are about something else, or about another name or place.
OTHERS = [
    ("reportUndefinedVariable", "F821", "print(hight)\nprint(width)\n", 0, 1),
    ("reportUnusedVariable", "F841", "def f():\n    a = 1\n    b = 2\n", 0, 1),
    ("reportUndefinedVariable", "F401", "import os\nprint(hight)\n", 0, 0),
    ("syntax", "syntax", "a = (1 2)\nb = [3 4]\n", 0, 1),
]


@pytest.fixture(scope="module")
def reported(servers: LanguageServers) -> dict[str, list[Diagnostic]]:
    texts = [text for *_, text in TEXTS] + [text for _, _, text, *_ in OTHERS]
    results = servers.check_many(Request({"main.py": text, **SETTINGS}, ("main.py",)) for text in texts)
    return {text: list(result.diagnostics) for text, result in zip(texts, results, strict=True)}


def of_type(diagnostics: list[Diagnostic], server: str, name: str) -> list[Diagnostic]:
    return [
        known for known in diagnostics if known.code.startswith(server) and type_of_code(known.code) == name
    ]


@pytest.mark.parametrize(("pyright", "ruff", "text"), TEXTS)
def test_both_servers_report_the_same(
    reported: dict[str, list[Diagnostic]], pyright: str, ruff: str, text: str
) -> None:
    one = of_type(reported[text], "pyright", pyright)
    other = of_type(reported[text], "ruff", ruff)
    assert one and other, reported[text]
    assert any(equal_findings(a, b) and equal_findings(b, a) for a in one for b in other)


@pytest.mark.parametrize(("pyright", "ruff", "text", "first", "second"), OTHERS)
def test_other_findings_are_not_equal(
    reported: dict[str, list[Diagnostic]], pyright: str, ruff: str, text: str, first: int, second: int
) -> None:
    one = of_type(reported[text], "pyright", pyright)[first]
    other = of_type(reported[text], "ruff", ruff)[second]
    assert not equal_findings(one, other) and not same_subject(one, other)


def test_one_server_has_no_equal_findings_of_its_own(reported: dict[str, list[Diagnostic]]) -> None:
    for diagnostics in reported.values():
        for one, other in combinations(diagnostics, 2):
            if one.code.partition("[")[0] == other.code.partition("[")[0]:
                assert not equal_findings(one, other) and not same_subject(one, other)


def test_every_pair_has_a_text() -> None:
    for pair in module._PAIRS:
        assert any(pyright in pair.pyright and ruff in pair.ruff for pyright, ruff, _ in TEXTS), pair
