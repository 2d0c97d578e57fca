"""Rule-based teacher: a row per rule on real servers, and a row per reject reason."""

from collections.abc import Mapping

import pytest

from repair.diagnostics.diagnostic import Diagnostic
from repair.language_servers import LanguageServers, Request, ServerTimeoutError
from repair.line_diff.numbered import apply, extract
from repair.pipeline import BY_NAME
from repair.schema.outcomes import Reject
from repair.schema.stages import REPAIR_CANDIDATES, SYNTHESIZED_DIFFS
from repair.synthesis.rules import MOST_CANDIDATES, RulesTeacher, candidates
from repair.synthesis.rules.known_names import closest, names_of_module
from repair.synthesis.teacher import Proposal
from tests.repair.synthesis.support import FunctionServers, as_batch, candidate, found

UNDEFINED, ATTRIBUTE = "ruff[F821]", "pyright[reportAttributeAccessIssue]"
SYNTAX, RUFF_SYNTAX = "pyright", "ruff[invalid-syntax]"
CLASS = (
    "class Shop:\n    def __init__(self):\n        self.total = 0\n\n    def pay(self):\n        return {}\n"
)
CLOSED = "def f(a: list[int]) -> int:\n    return a[0]\n"

REPAIRS = [
    # a slip in the name of a variable, a function of Python, a constant of another language
    (UNDEFINED, "length = 3\nprint(lenght)\n", "length = 3\nprint(length)\n"),
    (UNDEFINED, "pritn(1)\n", "print(1)\n"),
    ("pyright[reportUndefinedVariable]", "found = true\n", "found = True\n"),
    # a byte order mark is no part of the first line, and stays first
    (UNDEFINED, "\ufeffprint(os.sep)\n", "\ufeffimport os\nprint(os.sep)\n"),
    (UNDEFINED, "\ufefftrue = 1; x = tru\n", "\ufefftrue = 1; x = true\n"),
    # a letter's case is the likeliest slip of all
    (UNDEFINED, "Total = 1\ntota = 2\nprint(total)\n", "Total = 1\ntota = 2\nprint(Total)\n"),
    # a module, a name that is imported from one, after the imports at the top
    (UNDEFINED, "print(os.sep)\n", "import os\nprint(os.sep)\n"),
    (
        UNDEFINED,
        '"""Doc."""\nimport sys\n\nprint(sys.argv, Path("a"))\n',
        '"""Doc."""\nimport sys\nfrom pathlib import Path\n\nprint(sys.argv, Path("a"))\n',
    ),
    (
        UNDEFINED,
        "#!/usr/bin/python\n# Note\nprint(defaultdict(int))\n",
        "#!/usr/bin/python\n# Note\nfrom collections import defaultdict\nprint(defaultdict(int))\n",
    ),
    # ... and where module and name are called alike, the call tells
    (
        UNDEFINED,
        "print(datetime(2024, 1, 1))\n",
        "from datetime import datetime\nprint(datetime(2024, 1, 1))\n",
    ),
    (UNDEFINED, CLASS.format("total"), CLASS.format("self.total")),
    (ATTRIBUTE, CLASS.format("self.totla"), CLASS.format("self.total")),
    (ATTRIBUTE, CLASS.format("self.min(1, 2)"), CLASS.format("min(1, 2)")),
    (ATTRIBUTE, CLASS.format("0") + "\n\nShop().pya()\n", CLASS.format("0") + "\n\nShop().pay()\n"),
    (ATTRIBUTE, "import math\n\nprint(math.pie)\n", "import math\n\nprint(math.pi)\n"),
    (ATTRIBUTE, "import json\n\njson.dupms(1)\n", "import json\n\njson.dumps(1)\n"),
    (ATTRIBUTE, "from shutil import copyfle\n\ncopyfle\n", "from shutil import copyfile\n\ncopyfile\n"),
    (ATTRIBUTE, "found = [1]\nfound.push(2)\n", "found = [1]\nfound.append(2)\n"),
    (ATTRIBUTE, 'print("a".uper())\n', 'print("a".upper())\n'),
    (
        "pyright[reportAttributeAccessIssue]",
        "𝔘 = '𝔘'; import math; print('𝔘', math.pie)\r\n",
        "𝔘 = '𝔘'; import math; print('𝔘', math.pi)\r\n",
    ),
    ("pyright[reportMissingImports]", "import collectons\n", "import collections\n"),
    (
        "pyright[reportUnsupportedDunderAll]",
        '__all__ = ["runn"]\n\n\ndef run() -> None:\n    print(1)\n',
        '__all__ = ["run"]\n\n\ndef run() -> None:\n    print(1)\n',
    ),
    (
        "pyright[reportSelfClsParameterName]",
        "class C:\n    def f():\n        return 1\n",
        "class C:\n    def f(self):\n        return 1\n",
    ),
    (
        "pyright[reportSelfClsParameterName]",
        "class C:\n    def f(a):\n        return a\n",
        "class C:\n    def f(self, a):\n        return a\n",
    ),
    (
        UNDEFINED,
        "class C:\n    a = 1\n\n    def f(b):\n        return self.a + b\n",
        "class C:\n    a = 1\n\n    def f(self, b):\n        return self.a + b\n",
    ),
    # syntax
    (SYNTAX, "def f(a)\n    return a\n", "def f(a):\n    return a\n"),
    (RUFF_SYNTAX, "def f(a)  # all: of it\n    return a\n", "def f(a):  # all: of it\n    return a\n"),
    (SYNTAX, "a = 1\nif a = 2:\n    print(a)\n", "a = 1\nif a == 2:\n    print(a)\n"),
    (SYNTAX, "b = [a for a in 'xy' if a = 'x']\n", "b = [a for a in 'xy' if a == 'x']\n"),
    (SYNTAX, "for a in range(3:\n    print(a)\n", "for a in range(3):\n    print(a)\n"),
    (SYNTAX, "a = print(len([1, 2\nb = 1\n", "a = print(len([1, 2]))\nb = 1\n"),
    (SYNTAX, CLOSED.replace(") ->", " ->"), CLOSED),
    (SYNTAX, "print(1))\n", "print(1)\n"),
    (SYNTAX, 'print("a)\n', 'print("a")\n'),
    (RUFF_SYNTAX, "a = 'b\nprint(a)\n", "a = 'b'\nprint(a)\n"),
    (SYNTAX, "a = 1\n    b = 2\nprint(a, b)\n", "a = 1\nb = 2\nprint(a, b)\n"),
    (SYNTAX, "    a = 1\n    print(a)\n", "a = 1\nprint(a)\n"),
    (SYNTAX, "def f():\nreturn 1\n", "def f():\n    return 1\n"),
    (
        SYNTAX,
        "class C:\ndef f(self):\n    return 1\n\ndef g(self):\n    return 2\n",
        "class C:\n    def f(self):\n        return 1\n\n    def g(self):\n        return 2\n",
    ),
]


def target_of(code: str, diagnostics: list[Diagnostic]) -> Diagnostic:
    return next(diagnostic for diagnostic in diagnostics if diagnostic.code == code)


def test_each_rule_repairs(servers: LanguageServers) -> None:
    files = [{"main.py": original} for _, original, _ in REPAIRS]
    before = [list(result.diagnostics) for result in servers.check_many(map(Request, files))]
    rows = [
        candidate(text, target_of(code, diagnostics), diagnostics)
        for (code, _, _), text, diagnostics in zip(REPAIRS, files, before, strict=True)
    ]
    outcomes = list(RulesTeacher(servers).propose(rows))
    details = [outcome.detail if isinstance(outcome, Reject) else outcome.answer for outcome in outcomes]
    repaired = [
        apply(original, extract(outcome.answer)) if isinstance(outcome, Proposal) else outcome.reason
        for (_, original, _), outcome in zip(REPAIRS, outcomes, strict=True)
    ]
    wanted = [expected for _, _, expected in REPAIRS]
    assert repaired == wanted, [t for r, w, t in zip(repaired, wanted, details, strict=True) if r != w]
    assert all(
        (outcome.minimized, outcome.cost_usd) == (False, 0.0)
        for outcome in outcomes
        if isinstance(outcome, Proposal)
    )


REJECTED = [
    # nothing in the message leads anywhere
    ("no_rule", "pyright[reportReturnType]", "def f() -> int:\n    return 'a'\n"),
    # no name is close
    ("no_rule", UNDEFINED, "print(wholly_unknown)\n"),
    # nothing is known of a module that is not Python's own
    ("no_rule", "pyright[reportMissingImports]", "import unheard_of_package\n"),
    # its types are known, so that it is absent and not misspelt as `posix`
    ("no_rule", "pyright[reportMissingModuleSource]", "import six\n"),
    # the type is another one than was meant; `encode` is no slip for it
    ("no_rule", ATTRIBUTE, 'print("a".decode())\n'),
    # the program tries what is absent, and has something else for it
    (
        "no_rule",
        "pyright[reportUndefinedVariable]",
        "try:\n    a = xrange\nexcept NameError:\n    a = range\n",
    ),
    # the close name is of another type
    ("no_candidate_verifies", UNDEFINED, "length = 'a'\nprint(lenght - 1)\n"),
]


@pytest.mark.parametrize(("reason", "code", "original"), REJECTED)
def test_rejects(servers: LanguageServers, reason: str, code: str, original: str) -> None:
    before = servers.check_workspace({"main.py": original})
    row = candidate({"main.py": original}, target_of(code, before), before)
    [reject] = RulesTeacher(servers).propose([row])
    assert isinstance(reject, Reject)
    assert reject.reason == reason, reject.detail
    assert reject.detail
    assert reject.row == row


NAMELESS = found("main.py", 0, "Undefined name `lenght`")


def test_a_file_that_is_absent_is_the_reason() -> None:
    row = candidate({"other.py": ""}, NAMELESS, [NAMELESS])
    [reject] = RulesTeacher(FunctionServers(lambda files: [])).propose([row])
    assert isinstance(reject, Reject) and reject.reason == "file_absent"


def test_servers_that_fail_are_the_reason() -> None:
    def silent(files: Mapping[str, str]) -> list[Diagnostic]:
        raise ServerTimeoutError("silent for 30 s")

    row = candidate({"main.py": "lenght\nlength = 1\n"}, NAMELESS, [NAMELESS])
    [reject] = RulesTeacher(FunctionServers(silent)).propose([row])
    assert isinstance(reject, Reject)
    assert (reject.reason, reject.detail) == ("server_timeout", "silent for 30 s")


def test_few_candidates_are_tried_and_all_of_them_differ() -> None:
    names = "".join(f"length{letter} = 1\n" for letter in "abcdef")
    original = f"{names}datetime(length)\n"
    target = found("main.py", 6, "Undefined name `length`")
    line_diffs = candidates(original, target)
    assert 1 < len(line_diffs) <= MOST_CANDIDATES
    assert len(set(line_diffs)) == len(line_diffs)
    servers = FunctionServers(lambda files: [target])
    [reject] = RulesTeacher(servers).propose([candidate({"main.py": original}, target, [target])])
    assert isinstance(reject, Reject) and reject.reason == "no_candidate_verifies"
    assert servers.checked == len(line_diffs)


def test_rows_keep_their_order_and_ask_together() -> None:
    rows = [
        candidate(
            {"main.py": "length = 1\nlenght\n" if number % 2 else "wholly_unknown\n"},
            found("main.py", number % 2, f"Undefined name `{'lenght' if number % 2 else 'wholly_unknown'}`"),
            [found("main.py", 1, "Undefined name `lenght`")],
            number=number,
        )
        for number in range(70)
    ]
    servers = FunctionServers(lambda files: [])
    outcomes = list(RulesTeacher(servers).propose(iter(rows)))
    assert [isinstance(outcome, Proposal) for outcome in outcomes] == [
        bool(number % 2) for number in range(70)
    ]
    assert servers.rounds == [32, 3]


def test_what_it_proposes_is_verified(servers: LanguageServers) -> None:
    original = "import math\n\nprint(math.pie)\n"
    before = servers.check_workspace({"main.py": original})
    row = candidate({"main.py": original}, target_of(ATTRIBUTE, before), before)
    candidates = as_batch([row], REPAIR_CANDIDATES)
    [synthesized] = BY_NAME["synthesized_diffs"].run([candidates], servers, teacher="rules")
    [batch] = BY_NAME["verified_diffs"].run([synthesized.select(SYNTHESIZED_DIFFS.names)], servers)
    [verified] = batch.to_pylist()
    assert (verified["reason"], verified["teacher"]) == (None, "rules"), verified["detail"]
    assert verified["line_diff"] == "-3 print(math.pie)\n+3 print(math.pi)"


def test_a_module_is_read_and_not_run() -> None:
    assert {"pi", "sqrt"} <= names_of_module("math")  # has no source
    assert {"join", "exists"} <= names_of_module("os.path")
    assert "fly" not in names_of_module("antigravity") and names_of_module("antigravity")
    assert names_of_module("numpy") == frozenset()
    assert names_of_module("os.nothing") == frozenset()


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("lenght", {"length", "height", "len"}, ["length"]),
        ("TOTAL", {"total", "TOTALS"}, ["total", "TOTALS"]),
        # itself is no slip, and neither is what only begins alike
        ("total", {"total", "total_of_everything"}, []),
    ],
)
def test_the_closest_names(name: str, known: set[str], expected: list[str]) -> None:
    assert closest(name, known) == expected
