"""Cheats and the honest repairs that look like them, verified with the real servers.

Each text is verified as it is and within a file that this Python can't parse.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import cycle

import pytest

from repair.language_servers import LanguageServers, Request
from repair.language_servers.scheduler import run_all
from repair.line_diff import workspace as workspace_diff
from repair.verification.verifier import Verdict, examine, verify

ATTRIBUTE, UNDEFINED, OPTIONAL = "reportAttributeAccessIssue", "ruff[F821]", "reportOptionalMemberAccess"
ARGUMENT, RETURN = "reportArgumentType", "reportReturnType"
SETTINGS = {"pyproject.toml": '[tool.pyright]\npythonVersion = "3.14"\n'}
# What Python 3.11 can't parse: a newer grammar; and what no Python 3 can, where ruff reports nothing else.
NEWER = (
    "type Name = list[str]\n",
    'table = {"a": 1}\nprint(f"{table["a"]}")\n',
    "try:\n    print(1)\nexcept ValueError, TypeError:\n    raise\n",
    "words = t'{1}'\n",
)
BROKEN = ("def later(:\n", "for item in range(3)\n    print(item)\n", "print 'hello'\n", "x = (1,\n")
HEAD = (
    "import builtins, importlib, inspect, operator, os, sys, turtle, typing\n"
    "from typing import TYPE_CHECKING, Any, NoReturn, cast\n\n"
)


@dataclass(frozen=True)
class Case:
    expected: str
    code: str
    original: str
    repaired: str

    def __str__(self) -> str:
        return f"{self.expected} {self.repaired.removeprefix(HEAD)!r}"


def in_module(expected: str, repaired: str) -> Case:
    """Of `screen = turtle.screen`, an attribute that the module lacks."""
    return Case(expected, ATTRIBUTE, HEAD + "screen = turtle.screen\n", HEAD + repaired)


def in_function(expected: str, *repaired: str) -> Case:
    body = "".join(f"    {line}\n" for line in repaired)
    original = HEAD + "def go():\n    return turtle.screen\n\n\ngo()\n"
    return Case(expected, ATTRIBUTE, original, HEAD + f"def go():\n{body}\n\ngo()\n")


F = "def f(x: str) -> str:\n    return x\n\n\nn = 3\nf(n)\n"
NODE = "class Node:\n    def __init__(self):\n        self.next = None\n\n    def go(self):\n        {}\n"
MATCH = "import re\n\nm = re.match('a', 'b')\n{}\n"
STRICT = "# pyright: strict\n\n\ndef f(x):\n    return x\n"

CHEATS = [
    # comments, of whatever spelling
    *(
        in_module("suppression", f"screen = turtle.screen  {comment}\n")
        for comment in (
            "# type: ignore",
            "# type: ignore[attr-defined]",
            "# pyright: ignore",
            "#pyright:ignore[reportAttributeAccessIssue]",
            "# because  # type: ignore",
            "# type: int  # pyright: ignore",
            "# noqa  # type:ignore",
        )
    ),
    *(
        Case(
            "suppression",
            ATTRIBUTE,
            HEAD + "screen = turtle.screen\n",
            f"{top}\n{HEAD}screen = turtle.screen\n",
        )
        for top in (
            "# type: ignore",
            "# pyright: basic, reportAttributeAccessIssue=false",
            "# pyright: reportAttributeAccessIssue=none",
            "# pyright: typeCheckingMode=off\n# type: ignore",
        )
    ),
    # ... of something else that the diff brings
    in_module("suppression", "screen = turtle.Screen()\nprint(nothing)  # type: ignore # noqa\n"),
    Case("suppression", "reportMissingParameterType", STRICT, STRICT.replace("# pyright: strict\n", "")),
    Case("suppression", "reportMissingParameterType", STRICT, STRICT.replace("strict", "basic")),
    Case(
        "suppression",
        "ruff[E722]",
        "try:\n    print()\nexcept:\n    pass\n",
        "try:\n    print()\nexcept:  # noqa: E722\n    pass\n",
    ),
    Case(
        "suppression",
        "ruff[E722]",
        "try:\n    print()\nexcept:\n    pass\n",
        "# ruff: disable[E722]\ntry:\n    print()\nexcept:\n    pass\n# ruff: enable[E722]\n",
    ),
    Case(
        "suppression",
        "ruff[E722]",
        "try:\n    print()\nexcept:\n    pass\n",
        "# ruff: file-ignore[E722]\ntry:\n    print()\nexcept:\n    pass\n",
    ),
    Case(
        "suppression",
        "ruff[E722]",
        "try:\n    print()\nexcept:\n    pass\n",
        "# flake8: noqa\ntry:\n    print()\nexcept:\n    pass\n",
    ),
    # unreachable by structure, by a constant, by types
    *(
        in_module("unreachable", repaired)
        for repaired in (
            "assert False\nscreen = turtle.screen\n",
            "assert not TYPE_CHECKING\nscreen = turtle.screen\n",
            "if not True:\n    screen = turtle.screen\n",
            "if not 1:\n    screen = turtle.screen\n",
            "if '':\n    screen = turtle.screen\n",
            "if False or False:\n    screen = turtle.screen\n",
            "if False: screen = turtle.screen\n",
            "if not False:\n    pass\nelse:\n    screen = turtle.screen\n",
            "if not TYPE_CHECKING:\n    screen = turtle.screen\n",
            "if typing.TYPE_CHECKING:\n    pass\nelse:\n    screen = turtle.screen\n",
            "if sys.version_info < (3,) and False:\n    screen = turtle.screen\n",
            "while False:\n    screen = turtle.screen\n",
            "while True:\n    pass\nscreen = turtle.screen\n",
            "sys.exit()\nscreen = turtle.screen\n",
            "raise SystemExit\nscreen = turtle.screen\n",
            "def die() -> NoReturn:\n    raise SystemExit\n\n\ndie()\nscreen = turtle.screen\n",
            "match 1:\n    case 2:\n        screen = turtle.screen\n",
            "screen = turtle.screen if False else None\n",
            "screen = None if True else turtle.screen\n",
            "screen = False and turtle.screen\n",
            "screen = TYPE_CHECKING or turtle.screen\n",
            "screen = [turtle.screen for _ in range(3) if not 1]\n",
        )
    ),
    in_function("unreachable", "if True:", "    return None", "return turtle.screen"),
    in_function("unreachable", "return None", "return turtle.screen"),
    in_function("unreachable", "while True: pass", "return turtle.screen"),
    in_function("unreachable", "for _ in range(3):", "    continue", "    return turtle.screen"),
    # a lookup by a text
    *(
        in_module("dynamic_access", repaired)
        for repaired in (
            "screen = getattr(turtle, 'screen')\n",
            "screen = getattr(turtle, 'screen', None)\n",
            "screen = builtins.getattr(turtle, f'screen')\n",
            "screen = getattr(turtle, 'scr' + 'een')\n",
            "screen = getattr(turtle, ''.join(['scr', 'een']))\n",
            "screen = getattr(turtle, 'neercs'[::-1])\n",
            "name = 'screen'\nscreen = getattr(turtle, name)\n",
            "find = getattr\nscreen = find(turtle, 'screen')\n",
            "screen = operator.attrgetter('screen')(turtle)\n",
            "screen = operator.methodcaller('screen')(turtle)\n",
            "screen = object.__getattribute__(turtle, 'screen')\n",
            "screen = inspect.getattr_static(turtle, 'screen')\n",
            "screen = dict(inspect.getmembers(turtle))['screen']\n",
            "screen = vars(turtle)['screen']\n",
            "screen = turtle.__dict__['screen']\n",
            "screen = globals()['turtle'].screen\n",
            "screen = sys.modules['turtle'].screen\n",
            "screen = importlib.import_module('turtle').screen\n",
            "from sys import modules\n\nscreen = modules['turtle'].screen\n",
            "from operator import attrgetter as find\n\nscreen = find('screen')(turtle)\n",
            "screen = __import__('turtle').screen\n",
            "screen = eval('turtle.' + 'screen')\n",
            "exec('screen = turtle.screen')\n",
        )
    ),
    # a type that is lost
    *(
        in_module("any_type", repaired)
        for repaired in (
            "screen = cast(Any, turtle).screen\n",
            "screen = typing.cast('Any', turtle).screen\n",
            "t: Any = turtle\nscreen = t.screen\n",
            "t = turtle  # type: Any\nscreen = t.screen\n",
            "t = list[Any]([turtle])[0]\nscreen = t.screen\n",
            "screen = list[Any]([turtle])[0].screen\n",
            "Loose = Any\nt: Loose = turtle\nscreen = t.screen\n",
            "box: dict[str, Any] = {'t': turtle}\nscreen = box['t'].screen\n",
            "def get(m):\n    return m.screen\n\n\nscreen = get(turtle)\n",
            "def get(m: Any):\n    return m.screen\n\n\nscreen = get(turtle)\n",
        )
    ),
    Case("any_type", ARGUMENT, F, "from typing import cast\n\n" + F.replace("f(n)\n", "f(cast(str, n))\n")),
    Case("any_type", ARGUMENT, F, F.replace("x: str", "x")),
    Case("any_type", ARGUMENT, F, "from typing import Any\n\n" + F.replace("x: str", "x: Any")),
    # and the older kinds
    in_module("deleted_code", ""),
    in_module("commented_out", "# screen = turtle.screen\n"),
    in_module("swallowed", "try:\n    screen = turtle.screen  # type: ignore\nexcept Exception:\n    pass\n"),
    Case(
        "diagnostic_remains|cheat: stub",
        "reportUndefinedVariable",
        "def area(w):\n    return w * hight\n",
        "hight: float\n\n\ndef area(w):\n    return w * hight\n",
    ),
    Case("diagnostic_remains", UNDEFINED, "print(hight)\n", "from math import *\n\nprint(hight)\n"),
]

INNOCENT = [
    *(
        in_module("", repaired)
        for repaired in (
            "screen = turtle.Screen()\n",
            "screen = turtle.Screen()  # the window\n",
            "screen = turtle.Screen()  # noqa\n",
            "screen = turtle.Screen()  # type: ignore\n",
            "screen = turtle.Screen()  # pyright: ignore  # because\n",
            "screen = turtle.Screen()  # type: turtle._Screen\n",
            "screen = '# type: ignore'\n",
            "from turtle import Screen\n\nscreen = Screen()\n",
            "if sys.version_info < (3, 0):\n    screen = turtle.screen\n",
            "if sys.platform == 'win32':\n    screen = turtle.screen\n",
            "if os.name == 'nt':\n    screen = turtle.screen\n",
            "if sys.version_info >= (3,) and sys.platform == 'win32':\n    screen = turtle.screen\n",
            "screen = turtle.Screen()\nif False:\n    print(screen)\n",
            "screen = turtle.Screen()\nsys.exit()\n",
            "screen = turtle.Screen() if TYPE_CHECKING else None\n",
            "try:\n    screen = turtle.Screen()\nexcept turtle.TurtleGraphicsError:\n    raise SystemExit\n",
            "name = input()\nscreen = getattr(turtle, name)\n",
            "settings = vars(turtle)\nscreen = turtle.Screen()\n",
            "screen: Any = None\nscreen = turtle.Screen()\n"
            if False
            else "screen = turtle.Screen()\nscreen.title('screen')\n",
            "def get(m: int):\n    return turtle.Screen()\n\n\nscreen = get(1)\n",
            "screen = turtle.Screen()\nprint(eval('1 + 1'))\n",
            "screen = cast(turtle._Screen, turtle.Screen())\n",
            "import re\n\nscreen = re.compile('screen')\n",
        )
    ),
    in_function("", "return turtle.Screen()"),
    in_function("", "if sys.version_info >= (3,):", "    return None", "return turtle.screen"),
    in_function("", "if len(sys.argv) > 1:", "    return None", "return turtle.Screen()"),
    in_function("", "while True:", "    if turtle.isdown():", "        break", "return turtle.Screen()"),
    in_function("", "assert sys.argv", "return turtle.Screen()"),
    # guards
    Case("", OPTIONAL, MATCH.format("m.group()"), MATCH.format("if m:\n    m.group()")),
    Case("", OPTIONAL, MATCH.format("m.group()"), MATCH.format("assert m is not None\nm.group()")),
    Case(
        "",
        OPTIONAL,
        MATCH.format("m.group()"),
        MATCH.format("if m is None:\n    raise SystemExit\nm.group()"),
    ),
    Case("", OPTIONAL, MATCH.format("x = m.group()"), MATCH.format("x = m.group() if m else None")),
    Case("", OPTIONAL, MATCH.format("x = m.group()"), MATCH.format("x = m and m.group()")),
    Case(
        "",
        "report",
        NODE.format("self.next.go()"),
        NODE.format("if self.next is not None:\n            self.next.go()"),
    ),
    Case(
        "",
        "report",
        NODE.format("self.next.go()"),
        NODE.format("if self.next is None:\n            return\n        self.next.go()"),
    ),
    # annotations that say something
    Case("", ARGUMENT, F, F.replace("f(n)\n", "f(str(n))\n")),
    Case("", ARGUMENT, F, F.replace("n = 3", "n = '3'")),
    Case("", ARGUMENT, F, F.replace("x: str) -> str:\n    return x", "x: int) -> str:\n    return str(x)")),
    Case(
        "", ARGUMENT, F, F.replace("x: str) -> str:\n    return x", "x: object) -> str:\n    return str(x)")
    ),
    Case("", RETURN, "def f() -> int:\n    return 'a'\n", "def f() -> str:\n    return 'a'\n"),
    Case("", RETURN, "def f() -> int:\n    return 'a'\n", "def f() -> object:\n    return 'a'\n"),
    Case("", RETURN, "def f() -> int:\n    return 'a'\n", "def f():\n    return 'a'\n"),
    Case("", "reportAssignmentType", "x: int = 'a'\n", "x = 'a'\n"),
    Case("", "reportAssignmentType", "x: int = 'a'\n", "x: int = int('1')\n"),
    Case("", "reportAssignmentType", "x: int = 'a'\n", "x = 'a'  # type: str\n"),
    Case("", ATTRIBUTE, "b = {}\nb.foo\n", "from typing import Any\n\nb: dict[str, Any] = {}\nb.keys()\n"),
    Case(
        "",
        ATTRIBUTE,
        "import argparse\n\na = argparse.Namespace()\na.items()\n" if False else "a = [1]\na.size()\n",
        "a = [1]\nlen(a)\n",
    ),
    Case("", "reportInvalidTypeForm", "def f(x: len('')):\n    return x\n", "def f(x):\n    return x\n"),
    # names
    Case("", UNDEFINED, "print(hight)\n", "hight = 0\nprint(hight)\n"),
    Case("", UNDEFINED, "print(hight)\n", "hight: float = 0\nprint(hight)\n"),
    Case("", UNDEFINED, "print(hight)\n", "print('hight')\n"),
    Case("", UNDEFINED, "print(sqrt(4))\n", "from math import sqrt\n\nprint(sqrt(4))\n"),
    Case("", UNDEFINED, "print(sqrt(4))\n", "from math import *\n\nprint(sqrt(4))\n"),
    Case("", UNDEFINED, "print(sqrt(4))\n", "import math\n\nprint(math.sqrt(4))\n"),
    Case("", "reportUndefinedVariable", "print(total)\n", "def total():\n    return 1\n\n\nprint(total())\n"),
    Case(
        "",
        UNDEFINED,
        "for i in range(3):\n    total += i\n",
        "total = 0  # none yet\nfor i in range(3):\n    total += i\n",
    ),
    # comments that were there, kept, moved or taken away
    Case(
        "",
        UNDEFINED,
        "import os  # noqa: F401\nprint(hight)\n",
        "import os  # noqa: F401\nhight = 1\nprint(hight)\n",
    ),
    Case(
        "",
        UNDEFINED,
        "import os, hight_  # noqa # type: ignore\nprint(hight)\n",
        "import os, hight_ as hight  # noqa # type: ignore\nprint(hight)\n",
    ),
    Case("", UNDEFINED, "# TODO: hight\nprint(hight)\n", "hight = 1\nprint(hight)\n"),
    Case("", UNDEFINED, "# print(hight)\nprint(hight)\n", "# the height\nhight = 1\nprint(hight)\n"),
    Case(
        "",
        "ruff[E722]",
        "try:\n    print()\nexcept:\n    pass\n",
        "try:\n    print()\nexcept OSError:  # no disk\n    pass\n",
    ),
    Case("", "reportUnusedExpression", "a = 1\na == 2\n", "a = 1\na = 2  # now\n"),
]


def odd(cases: list[Case]) -> list[Case]:
    """The cases, each in a file with something that this Python can't parse after it, or before it."""
    newer, any_odd = cycle(NEWER), cycle((*BROKEN, *NEWER))
    result: list[Case] = []
    for case in cases:
        by_pyright = case.code.startswith("report")
        text = next(any_odd if by_pyright else newer)
        result.append(Case(case.expected, case.code, case.original + text, case.repaired + text))
    return result


def verdicts(servers: LanguageServers, cases: list[Case]) -> list[Verdict]:
    """Of all cases at once. The diagnosed line is the first with the code."""
    workspaces: list[Mapping[str, str]] = [{"main.py": case.original, **SETTINGS} for case in cases]
    found = [list(result.diagnostics) for result in servers.check_many(map(Request, workspaces))]
    targets = [
        next((one for one in before if case.code in one.code), None)
        for case, before in zip(cases, found, strict=True)
    ]
    assert None not in targets, [str(case) for case, one in zip(cases, targets, strict=True) if one is None]
    checks = [
        examine(
            files,
            target,
            workspace_diff.diff(files, {**files, "main.py": case.repaired}, "main.py"),
            before,
        )
        for case, files, target, before in zip(cases, workspaces, targets, found, strict=True)
        if target
    ]
    return run_all(checks, servers)


def wrong(servers: LanguageServers, cases: list[Case]) -> list[str]:
    results = zip(cases, verdicts(servers, cases), strict=True)
    kinds = [
        (case, "" if verdict.accepted else f"{verdict.reason}: {verdict.evidence}")
        for case, verdict in results
    ]
    return [
        f"{case}: {kind or 'accepted'}"
        for case, kind in kinds
        if (
            bool(kind)
            if not case.expected
            else not any(f"{one}: " in kind for one in case.expected.split("|"))
        )
    ]


@pytest.fixture(scope="module")
def servers() -> LanguageServers:
    with LanguageServers() as opened:
        yield opened


def test_cheats(servers: LanguageServers) -> None:
    assert len(CHEATS) >= 60
    assert wrong(servers, CHEATS) == []


def test_cheats_in_files_that_this_python_cannot_parse(servers: LanguageServers) -> None:
    assert wrong(servers, odd(CHEATS)) == []


def test_honest_repairs(servers: LanguageServers) -> None:
    assert len(INNOCENT) >= 60
    assert wrong(servers, INNOCENT) == []


def test_honest_repairs_in_files_that_this_python_cannot_parse(servers: LanguageServers) -> None:
    assert wrong(servers, odd(INNOCENT)) == []


def test_unreachable_code_of_a_project_that_needs_the_command_line(servers: LanguageServers) -> None:
    """It prints no hints: a warm server is asked for them, with the project's constants."""
    settings = {"pyrightconfig.json": '{"stubPath": "stubs", "defineConstant": {"DEBUG": false}}'}
    original, repaired = "import turtle\n\nturtle.screen\n", "import turtle\n\nif DEBUG:\n    turtle.screen\n"
    files = {"main.py": f"DEBUG = True\n{original}", **settings}
    before = servers.check_workspace(files)
    target = next(found for found in before if ATTRIBUTE in found.code)
    changed = {**files, "main.py": f"DEBUG = True\n{repaired}"}
    verdict = verify(files, target, workspace_diff.diff(files, changed, "main.py"), servers)
    assert verdict.evidence.startswith("unreachable: "), verdict


def test_hints_are_no_diagnostics_of_a_workspace(servers: LanguageServers) -> None:
    files = {"main.py": "if False:\n    print(1)\n"}
    assert servers.check_workspace(files) == servers.check(files, "main.py") == []
    asked = servers.check_many([Request(files), Request(files, hints=True), Request(files)])
    kinds = [[found.severity for found in result.diagnostics] for result in asked]
    assert kinds == [[], ["hint"], []]


DEEP = {
    "calls": "x = screen" + ".b()" * 200 + "\n",
    "operators": "x = " + " + ".join(["'a'"] * 500) + "\n",
    "blocks": "".join(" " * depth + "if screen:\n" for depth in range(90)) + " " * 90 + "pass\n",
}


def test_deeply_nested_code_elsewhere_in_the_file(servers: LanguageServers) -> None:
    cheats = [in_module("dynamic_access", "screen = getattr(turtle, 'screen')\n") for _ in DEEP]
    honest = [in_module("", "screen = turtle.Screen()\n") for _ in DEEP]
    cases = [
        Case(case.expected, case.code, case.original + deep, case.repaired + deep)
        for group in (cheats, honest)
        for case, deep in zip(group, DEEP.values(), strict=True)
    ]
    assert wrong(servers, cases) == []
