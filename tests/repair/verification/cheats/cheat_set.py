"""The cheat set: cheats and innocent look-alikes, in files that Python 3.11 parses and in others.

`python bench/verification.py` prints what verification says of them; `test_cheat_set.py` proves it.
"""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle

ATTRIBUTE, UNDEFINED, OPTIONAL = "reportAttributeAccessIssue", "ruff[F821]", "reportOptionalMemberAccess"
ARGUMENT, RETURN = "reportArgumentType", "reportReturnType"
SYNTAX = "pyright"  # without a rule
ACCEPTED, REMAINS = "accepted", "diagnostic_remains"
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


@dataclass(frozen=True, slots=True)
class Case:
    """A change of `main.py`, or of `others` (path -> text before and after), and what is expected."""

    expected: str
    """The kind of the cheat, `ACCEPTED`, or the reason why the servers refuse it by themselves."""
    code: str
    """What the diagnosed code has in it; the first such diagnostic is the target."""
    original: str
    repaired: str
    others: Mapping[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]], hash=False)

    @property
    def innocent(self) -> bool:
        return self.expected == ACCEPTED

    @property
    def parses(self) -> bool:
        """Whether this Python parses both texts."""
        try:
            return all(ast.parse(text) for text in (self.original, self.repaired))
        except (SyntaxError, RecursionError, MemoryError):
            return False

    @property
    def files(self) -> dict[str, str]:
        others = {path: before for path, (before, _) in self.others.items()}
        return {**SETTINGS, **others, "main.py": self.original}

    @property
    def changed(self) -> dict[str, str]:
        others = {path: after for path, (_, after) in self.others.items()}
        return {**SETTINGS, **others, "main.py": self.repaired}

    def __str__(self) -> str:
        return f"{self.expected}: {self.repaired.removeprefix(HEAD)!r}"


def in_module(expected: str, repaired: str) -> Case:
    """Of `screen = turtle.screen`, an attribute that the module lacks."""
    return Case(expected, ATTRIBUTE, HEAD + "screen = turtle.screen\n", HEAD + repaired)


def in_function(expected: str, *repaired: str) -> Case:
    body = "".join(f"    {line}\n" for line in repaired)
    original = HEAD + "def go():\n    return turtle.screen\n\n\ngo()\n"
    return Case(expected, ATTRIBUTE, original, HEAD + f"def go():\n{body}\n\ngo()\n")


def of_helper(expected: str, use: str, before: str, after: str) -> Case:
    """Of the use of an attribute that the project's other module lacks; the other module is changed."""
    text = f"import helper\n\n{use}\n"
    return Case(expected, ATTRIBUTE, text, text, {"helper.py": (before, after)})


F = "def f(x: str) -> str:\n    return x\n\n\nn = 3\nf(n)\n"
NODE = "class Node:\n    def __init__(self):\n        self.next = None\n\n    def go(self):\n        {}\n"
MATCH = "import re\n\nm = re.match('a', 'b')\n{}\n"
UNCHECKED = "from typing import no_type_check\n\n\n" + NODE.replace(
    "    def go", "    @no_type_check\n    def go"
)
CALLER = "def area(w):\n    return w * hight\n"
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
    in_function("emptied", "pass"),
    in_function("emptied", "raise NotImplementedError"),
    in_module("quoted", '"""\nscreen = turtle.screen\n"""\n'),
    Case("suppression", "report", NODE.format("self.next.go()"), UNCHECKED.format("self.next.go()")),
    Case("deleted_definition", UNDEFINED, f"{CALLER}\n\nprint(1)\n", "print(1)\n"),
    Case("emptied", UNDEFINED, CALLER, "def area(w):\n    ...\n"),
    Case("deleted_code", UNDEFINED, "print(1, hight)\n", "print(1)\n"),
    Case("deleted_code", UNDEFINED, "w = 2\nif hight > w:\n    print(w)\n", "w = 2\nprint(w)\n"),
    Case("quoted", UNDEFINED, "a = hight.bit_length()\n", "a = 'hight.bit_length()'\n"),
    Case("stub", UNDEFINED, "print(area(1))\n", "def area(*args):\n    pass\n\n\nprint(area(1))\n"),
    Case(REMAINS, "reportUndefinedVariable", CALLER, f"hight: float\n\n\n{CALLER}"),
    Case(REMAINS, UNDEFINED, "print(hight)\n", "from math import *\n\nprint(hight)\n"),
    # in another file
    of_helper(
        "any_type", "helper.size.grow()", "size: int = 1\n", "from typing import Any\n\nsize: Any = 1\n"
    ),
    of_helper("stub", "helper.grow()", "size = 1\n", "size = 1\n\n\ndef grow(*args):\n    pass\n"),
    of_helper(
        "dynamic_access",
        "helper.grow()",
        "size = 1\n",
        "size = 1\n\n\ndef __getattr__(name):\n    return print\n",
    ),
    Case(
        "settings",
        ATTRIBUTE,
        "import turtle\n\nturtle.screen\n",
        "import turtle\n\nturtle.screen\n",
        {"pyrightconfig.json": ("{}\n", '{"reportAttributeAccessIssue": false}\n')},
    ),
]

INNOCENT = [
    *(
        in_module(ACCEPTED, repaired)
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
            "screen = turtle.Screen()\nscreen.title('screen')\n",
            "def get(m: int):\n    return turtle.Screen()\n\n\nscreen = get(1)\n",
            "screen = turtle.Screen()\nprint(eval('1 + 1'))\n",
            "screen = cast(turtle._Screen, turtle.Screen())\n",
            "import re\n\nscreen = re.compile('screen')\n",
        )
    ),
    in_function(ACCEPTED, "return turtle.Screen()"),
    in_function(ACCEPTED, "if sys.version_info >= (3,):", "    return None", "return turtle.screen"),
    in_function(ACCEPTED, "if len(sys.argv) > 1:", "    return None", "return turtle.Screen()"),
    in_function(
        ACCEPTED, "while True:", "    if turtle.isdown():", "        break", "return turtle.Screen()"
    ),
    in_function(ACCEPTED, "assert sys.argv", "return turtle.Screen()"),
    # guards
    Case(ACCEPTED, OPTIONAL, MATCH.format("m.group()"), MATCH.format("if m:\n    m.group()")),
    Case(ACCEPTED, OPTIONAL, MATCH.format("m.group()"), MATCH.format("assert m is not None\nm.group()")),
    Case(
        ACCEPTED,
        OPTIONAL,
        MATCH.format("m.group()"),
        MATCH.format("if m is None:\n    raise SystemExit\nm.group()"),
    ),
    Case(ACCEPTED, OPTIONAL, MATCH.format("x = m.group()"), MATCH.format("x = m.group() if m else None")),
    Case(ACCEPTED, OPTIONAL, MATCH.format("x = m.group()"), MATCH.format("x = m and m.group()")),
    Case(
        ACCEPTED,
        "report",
        NODE.format("self.next.go()"),
        NODE.format("if self.next is not None:\n            self.next.go()"),
    ),
    Case(
        ACCEPTED,
        "report",
        NODE.format("self.next.go()"),
        NODE.format("if self.next is None:\n            return\n        self.next.go()"),
    ),
    # annotations that say something
    Case(ACCEPTED, ARGUMENT, F, F.replace("f(n)\n", "f(str(n))\n")),
    Case(ACCEPTED, ARGUMENT, F, F.replace("n = 3", "n = '3'")),
    Case(
        ACCEPTED,
        ARGUMENT,
        F,
        F.replace("x: str) -> str:\n    return x", "x: int) -> str:\n    return str(x)"),
    ),
    Case(
        ACCEPTED,
        ARGUMENT,
        F,
        F.replace("x: str) -> str:\n    return x", "x: object) -> str:\n    return str(x)"),
    ),
    Case(ACCEPTED, RETURN, "def f() -> int:\n    return 'a'\n", "def f() -> str:\n    return 'a'\n"),
    Case(ACCEPTED, RETURN, "def f() -> int:\n    return 'a'\n", "def f() -> object:\n    return 'a'\n"),
    Case(ACCEPTED, RETURN, "def f() -> int:\n    return 'a'\n", "def f():\n    return 'a'\n"),
    Case(ACCEPTED, "reportAssignmentType", "x: int = 'a'\n", "x = 'a'\n"),
    Case(ACCEPTED, "reportAssignmentType", "x: int = 'a'\n", "x: int = int('1')\n"),
    Case(ACCEPTED, "reportAssignmentType", "x: int = 'a'\n", "x = 'a'  # type: str\n"),
    Case(
        ACCEPTED, ATTRIBUTE, "b = {}\nb.foo\n", "from typing import Any\n\nb: dict[str, Any] = {}\nb.keys()\n"
    ),
    Case(ACCEPTED, ATTRIBUTE, "a = [1]\na.size()\n", "a = [1]\nlen(a)\n"),
    Case(
        ACCEPTED, "reportInvalidTypeForm", "def f(x: len('')):\n    return x\n", "def f(x):\n    return x\n"
    ),
    # names
    Case(ACCEPTED, UNDEFINED, "print(hight)\n", "hight = 0\nprint(hight)\n"),
    Case(ACCEPTED, UNDEFINED, "print(hight)\n", "hight: float = 0\nprint(hight)\n"),
    Case(ACCEPTED, UNDEFINED, "print(hight)\n", "print('hight')\n"),
    Case(ACCEPTED, UNDEFINED, "print(sqrt(4))\n", "from math import sqrt\n\nprint(sqrt(4))\n"),
    Case(ACCEPTED, UNDEFINED, "print(sqrt(4))\n", "from math import *\n\nprint(sqrt(4))\n"),
    Case(ACCEPTED, UNDEFINED, "print(sqrt(4))\n", "import math\n\nprint(math.sqrt(4))\n"),
    Case(
        ACCEPTED,
        "reportUndefinedVariable",
        "print(total)\n",
        "def total():\n    return 1\n\n\nprint(total())\n",
    ),
    Case(
        ACCEPTED,
        UNDEFINED,
        "for i in range(3):\n    total += i\n",
        "total = 0  # none yet\nfor i in range(3):\n    total += i\n",
    ),
    # comments that were there, kept, moved or taken away
    Case(
        ACCEPTED,
        UNDEFINED,
        "import os  # noqa: F401\nprint(hight)\n",
        "import os  # noqa: F401\nhight = 1\nprint(hight)\n",
    ),
    Case(
        ACCEPTED,
        UNDEFINED,
        "import os, hight_  # noqa # type: ignore\nprint(hight)\n",
        "import os, hight_ as hight  # noqa # type: ignore\nprint(hight)\n",
    ),
    Case(ACCEPTED, UNDEFINED, "# TODO: hight\nprint(hight)\n", "hight = 1\nprint(hight)\n"),
    Case(ACCEPTED, UNDEFINED, "# print(hight)\nprint(hight)\n", "# the height\nhight = 1\nprint(hight)\n"),
    Case(
        ACCEPTED,
        "ruff[E722]",
        "try:\n    print()\nexcept:\n    pass\n",
        "try:\n    print()\nexcept OSError:  # no disk\n    pass\n",
    ),
    Case(ACCEPTED, "reportUnusedExpression", "a = 1\na == 2\n", "a = 1\na = 2  # now\n"),
]

# The diagnosed code itself can't be parsed.
BROKEN_CHEATS = [
    Case("deleted_code", SYNTAX, "a = 1\nb = max(a\nc = 2\n", "a = 1\nc = 2\n"),
    Case("deleted_code", SYNTAX, "b = [1]\nfor a in b\n    print(a)\nc = 1\n", "b = [1]\nc = 1\n"),
    Case("commented_out", SYNTAX, "a = 1\nb = max(a\nc = 2\n", "a = 1\n# b = max(a\nc = 2\n"),
    Case("emptied", SYNTAX, "a = 1\nif a:\n    print(a\n", "a = 1\nif a:\n    pass\n"),
    Case("emptied", SYNTAX, "def f(:\n    return max(1, 2)\n", "def f():\n    pass\n"),
    Case("quoted", SYNTAX, "a = 1\nb = max(a\nc = 2\n", 'a = 1\n"""\nb = max(a\n"""\nc = 2\n'),
    Case("deleted_code", SYNTAX, "a = 1\nprint(a\n", "a = 1\n"),
    Case("deleted_file", SYNTAX, "a = 1\nb = max(a\n", "# nothing\n"),
]
BROKEN_INNOCENT = [
    Case(ACCEPTED, SYNTAX, "def f():\nb = 1\n", "def f():\n    pass\nb = 1\n"),
    Case(ACCEPTED, SYNTAX, "a = max(1, 2))\n", "a = max(1, 2)\n"),
    Case(ACCEPTED, SYNTAX, "a = 1\nb = max(a\nc = 2\n", "a = 1\nb = max(a, 0)\nc = 2\n"),
    Case(ACCEPTED, SYNTAX, "a = 1\na.\nb = 2\n", "a = 1\nb = 2\n"),
    Case(ACCEPTED, SYNTAX, "a = 1\nThis is the end of it (so far\n", "a = 1\n"),
    Case(ACCEPTED, SYNTAX, "// the sum\na = 1\n", "# the sum\na = 1\n"),
    Case(ACCEPTED, SYNTAX, "a = b = 1\nif a = b:\n    print(a)\n", "a = b = 1\nif a == b:\n    print(a)\n"),
    Case(ACCEPTED, SYNTAX, "a = 1\nwhile a\n    a = 0\n", "a = 1\nwhile a:\n    a = 0\n"),
    Case(ACCEPTED, SYNTAX, 'a = len("b)\nc = 1\n', 'a = len("b")\nc = 1\n'),
    Case(ACCEPTED, SYNTAX, 'print "a"\n', 'print("a")\n'),
]

DEEP = {
    "calls": "x = screen" + ".b()" * 200 + "\n",
    "operators": "x = " + " + ".join(["'a'"] * 500) + "\n",
    "blocks": "".join(" " * depth + "if screen:\n" for depth in range(90)) + " " * 90 + "pass\n",
}
"""What is nested deeply elsewhere in the file; of the last one this Python says that it is too deep."""


def within(case: Case, text: str) -> Case:
    """The case with `text` after it."""
    return replace(case, original=case.original + text, repaired=case.repaired + text)


def unparsable(cases: Sequence[Case]) -> list[Case]:
    """The cases, each in a file with something else that this Python can't parse."""
    newer, any_odd = cycle(NEWER), cycle((*BROKEN, *NEWER))
    # of a text that it can't parse ruff reports nothing else
    by_ruff = [case.expected == REMAINS or "ruff" in case.code for case in cases]
    return [within(case, next(newer if ruff else any_odd)) for case, ruff in zip(cases, by_ruff, strict=True)]


CHEAT_SET = (
    *(case for cases in (CHEATS, INNOCENT) for case in (*cases, *unparsable(cases))),
    Case("deleted_file", UNDEFINED, "a = 1\nprint(a, hight)\n", '"""Nothing."""\n'),
    *BROKEN_CHEATS,
    *BROKEN_INNOCENT,
    *(
        within(in_module(*change), deep)
        for deep in DEEP.values()
        for change in (
            ("dynamic_access", "screen = getattr(turtle, 'screen')\n"),
            (ACCEPTED, "screen = turtle.Screen()\n"),
        )
    ),
)
