"""Fuzz: hostile workspaces through warm servers. Each has a documented result, and harms no other."""

# ruff: noqa: E501 (a table of words is read by the line)

import itertools
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

import pytest

from repair.language_servers import LanguageServers, Request, Result
from repair.language_servers.errors import REASONS

WORKSPACES = 300
EACH = 8  # workspaces between two neighbours
SHARING = 10  # workspaces of the same settings: for each settings a server starts
NEIGHBOUR = Request({"good.py": "import os\nprint(undefined_name)\n"})

NAMES = (
    *(
        "a.py",
        "pkg/__init__.py",
        "a b.py",
        "ünï.py",
        "名.py",
        "-rf.py",
        "'q'.py",
        "x.pyi",
        "py.typed",
        "con.py",
    ),
    *(
        "__init__.py",
        "a\tb.py",
        "a\nb.py",
        "[a].py",
        "*.py",
        "$(x).py",
        "#.py",
        "%41.py",
        "a..py",
        "é.py",
        ".py",
    ),
    *(
        "\u202egp.py",
        "\ufeff.py",
        "x" * 120 + ".py",
        "d/" * 40 + "a.py",
        "a.PY",
        "conftest.py",
        "builtins.pyi",
    ),
    *(
        "..py",
        "a\\b.py",
        "CON.py",
        "a.py/b.py",
        "e\u0301.py",
        "x" * 300 + ".py",
        "../up.py",
        "/abs.py",
        "a//b.py",
    ),
    *("\0.py", "\ud800.py", "__builtins__.pyi", "typings/os.pyi", "site-packages/x.py", "node_modules/y.py"),
)
WORDS = (
    *[
        "def",
        "class",
        "return",
        "lambda",
        "if",
        "else",
        "for",
        "while",
        "try",
        "except",
        "import",
        "from",
        "as",
        "match",
        "case",
        "yield",
        "await",
        "async",
    ],
    *[
        "x",
        "y",
        "z",
        "self",
        "None",
        "True",
        "0",
        "1",
        "1.5",
        "0x",
        "1_",
        "'a'",
        '"b"',
        "'''",
        "f'{",
        "}",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ":",
        ",",
        ";",
        "=",
        "==",
        "->",
        ":=",
        "*",
        "**",
        "@",
        ".",
        "...",
        "\\",
        "#",
        "~",
    ],
    *(
        "\n",
        "\n    ",
        "\n\t",
        "\r",
        "\r\n",
        "\f",
        "\0",
        "\u2028",
        "\u202e",
        "\u2066",
        "\ufeff",
        "😀",
        "é",
        "\x1b[31m",
    ),
    *(
        "# type: ignore\n",
        "# noqa\n",
        "# pyright: strict\n",
        "# pyright: basic, x=y\n",
        "# ruff: noqa\n",
        "# pyright: ignore[",
    ),
)
KEYS = (
    *[
        "include",
        "exclude",
        "ignore",
        "strict",
        "extends",
        "venv",
        "venvPath",
        "stubPath",
        "typeshedPath",
        "extraPaths",
        "pythonVersion",
    ],
    *[
        "pythonPlatform",
        "executionEnvironments",
        "defineConstant",
        "typeCheckingMode",
        "reportImportCycles",
        "verboseOutput",
    ],
    *[
        "useLibraryCodeForTypes",
        "analyzeUnannotatedFunctions",
        "enableTypeIgnoreComments",
        "deprecateTypingAliases",
    ],
)
RUFF_KEYS = (
    *[
        "extend",
        "select",
        "line-length",
        "target-version",
        "exclude",
        "src",
        "lint",
        "format",
        "per-file-ignores",
        "ignore",
        "cache-dir",
    ],
    *["required-version", "builtins", "namespace-packages", "preview", "fix", "external", "tab-width"],
)


def _value(chance: random.Random, depth: int = 0) -> object:
    kind = chance.randrange(9 if depth < 3 else 6)
    if kind == 0:
        return chance.choice(
            ["*", "**", "**/a", "a*a*a*b", ".", "..", "/", "~", "", "\0", "\ud83d", "error", "3.14"]
        )
    if kind == 1:
        return chance.choice([0, -1, 1e308, 10**30, 2**63, 0.1])
    if kind == 2:
        return chance.choice([True, False, None])
    if kind == 3:
        return "*a" * chance.randrange(40) + "b"
    if kind == 4:
        return ["error", "warning", "none", "strict", "basic"][chance.randrange(5)]
    if kind == 5:
        return [chance.choice(["src", "a.py", "**/*.py", "*"]) for _ in range(chance.randrange(4))]
    if kind == 6:
        return [_value(chance, depth + 1) for _ in range(chance.randrange(5))]
    return {chance.choice(KEYS + RUFF_KEYS): _value(chance, depth + 1) for _ in range(chance.randrange(5))}


def _settings(chance: random.Random) -> tuple[str, str]:
    """A settings file: odd values, odd nesting, or damaged text."""
    shape = chance.randrange(8)
    table = {chance.choice(KEYS): _value(chance) for _ in range(chance.randrange(1, 6))}
    text = json.dumps(table)
    if shape == 0:
        return "pyrightconfig.json", text.replace("{", "{ " + "/" * chance.randrange(200) + "\n", 1)
    if shape == 1:
        return "pyrightconfig.json", text[: chance.randrange(len(text) + 1)]
    if shape == 2:
        deep = chance.choice([50, 500, 5000, 50_000])
        return "pyrightconfig.json", '{"executionEnvironments": ' + "[" * deep + "]" * deep + "}"
    if shape == 3:
        return "pyproject.toml", "[tool.pyright]\n" + "".join(f"{k} = {_toml(v)}\n" for k, v in table.items())
    if shape == 4:
        rules = {chance.choice(RUFF_KEYS): _value(chance) for _ in range(3)}
        return "ruff.toml", "".join(f"{key} = {_toml(value)}\n" for key, value in rules.items())
    if shape == 5:
        return chance.choice(["ruff.toml", "pyproject.toml"]), chance.choice(
            [
                "x = " + "9" * 5000,
                "[" * 3000,
                "a." * 5000 + "b = 1",
                'extend = "\\x2fdev/zero"',
                "\0",
                "[lint]\n" * 2,
            ]
        )
    if shape == 6:
        return "sub/" + chance.choice(
            ["ruff.toml", "pyproject.toml"]
        ), f"[lint]\nselect = {_toml(_value(chance))}\n"
    return "pyrightconfig.json", text


def _toml(value: object) -> str:
    if isinstance(value, dict):
        inside = ", ".join(f"{json.dumps(str(key))} = {_toml(item)}" for key, item in value.items())
        return "{" + inside + "}"
    return "[" + ", ".join(map(_toml, value)) + "]" if isinstance(value, list) else json.dumps(value)


def _soup(chance: random.Random) -> str:
    return " ".join(chance.choice(WORDS) for _ in range(chance.randrange(300)))


def _deep(chance: random.Random) -> str:
    times = chance.choice([50, 200, 600])
    opened, closed = chance.choice(
        [
            ("(", ")"),
            ("[", "]"),
            ("-", ""),
            ("not ", ""),
            ("f'{", "}'"),
            ("lambda: ", ""),
            ("{0:", "}"),
            ("x.f(", ")"),
        ]
    )
    return f"x = {opened * times}1{closed * (times if chance.random() < 0.7 else times // 2)}\n"


def _long(chance: random.Random) -> str:
    times = chance.choice([200, 600])
    piece = chance.choice(
        ["x.y", "'a' + ", "x if x else ", "x, ", "x = ", "é;", "if x:\n ", "@x\n", "1;", "\\\n", ".f()"]
    )
    return f"{piece * times}0\n"


def _nested(chance: random.Random) -> str:
    head = chance.choice(
        ["if x:", "def f():", "class A:", "for x in y:", "with x:", "try:", "while x:", "match x:"]
    )
    return "".join(f"{' ' * depth}{head}\n" for depth in range(chance.choice([20, 60, 99]))) + "y\n"


def _numbers(chance: random.Random) -> str:
    return f"x = {chance.choice(['9' * 5000, '0x' + 'f' * 9000, '1e999999', '1_' * 999, '0' * 4000, '1j' * 50])}\nx.y\n"


def _mixed(chance: random.Random) -> str:
    text = f"import os\nprint(undefined_{chance.randrange(9)})\n"
    at = chance.randrange(len(text))
    return (
        text[:at]
        + chance.choice(["\ud800", "\udfff", "\0", "\u202e", "\ufeff", "\x1a", "\x7f", "\u0000\n"])
        + text[at:]
    )


def _cycle(chance: random.Random) -> Mapping[str, str]:
    size = chance.randrange(2, 9)
    files = {
        f"m{at}.py": f"from m{(at + 1) % size} import *\nimport m{at}\nx{at} = y\n" for at in range(size)
    }
    settings = {"reportImportCycles": "error", "include": ["*"], "reportWildcardImportFromLibrary": "error"}
    return {**files, "pyrightconfig.json": json.dumps(settings)}


TEXTS: tuple[Callable[[random.Random], str], ...] = (_soup, _soup, _deep, _long, _nested, _numbers, _mixed)


def _workspaces(chance: random.Random) -> Iterator[Mapping[str, str]]:
    while True:
        settings = dict(_settings(chance) for _ in range(chance.randrange(3)))
        for number in range(SHARING):
            files = _cycle(chance) if chance.random() < 0.03 else _files(chance)
            yield files if number % 4 else {**settings, **files}  # many cost a start of the command line


def _files(chance: random.Random) -> dict[str, str]:
    names = [
        chance.choice(NAMES if chance.random() < 0.4 else NAMES[:10]) for _ in range(chance.randrange(1, 4))
    ]
    return {name: chance.choice(TEXTS)(chance) for name in names}


def _bombs() -> Iterator[Mapping[str, str]]:
    """Types that a checker takes long over."""
    yield {"a.py": "x = []\n" + "".join(f"x = [x, x, {at}]\n" for at in range(40)) + "reveal_type(x)\n"}
    yield {"a.py": "def f(x):\n    return (x, x)\n" + "y = " + "f(" * 30 + "1" + ")" * 30 + "\n"}
    yield {"a.py": "".join(f"class A{at}(A{at + 1}): ...\n" for at in range(300)) + "class A300(A0): ...\n"}


@pytest.mark.parametrize("odd", ['"reportImportCycles": "odd"', '"reportImportCycles": true, "strict": 1'])
def test_what_pyright_says_of_odd_settings_is_no_part_of_its_report(
    servers: LanguageServers, odd: str
) -> None:
    files = {"a.py": "print(undefined_name)\n", "pyrightconfig.json": f'{{"include": ["*"], {odd}}}'}
    [result] = servers.check_many([Request(files)])
    assert result.reason is None
    assert "pyright[reportUndefinedVariable]" in {found.code for found in result.diagnostics}


@pytest.mark.parametrize("value", ["1", "null", "{}", '[1, null, ["a"]]'])
def test_lists_of_paths_that_are_none(servers: LanguageServers, value: str) -> None:
    lists = ", ".join(f'"{name}": {value}' for name in ("include", "exclude", "strict"))
    settings = f'{{"reportImportCycles": true, {lists}}}'
    assert servers.check_workspace({"a.py": "x = 1\n", "pyrightconfig.json": settings}) == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_each_hostile_workspace_has_a_documented_result(
    servers: LanguageServers, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(2024)
    workspaces = [*itertools.islice(_workspaces(chance), WORKSPACES - 3), *_bombs()]
    [before] = servers.check_many([NEIGHBOUR])
    outcomes: Counter[str] = Counter()
    took: list[tuple[float, int]] = []
    strange: list[str] = []
    for first in range(0, len(workspaces), EACH):
        batch = workspaces[first : first + EACH]
        start = time.perf_counter()
        *results, after = servers.check_many([*map(Request, batch), NEIGHBOUR])
        took.append((time.perf_counter() - start, first))
        assert after.diagnostics == before.diagnostics, first
        for number, (files, result) in enumerate(zip(batch, results, strict=True), first):
            outcomes[result.reason or "diagnostics"] += 1
            if not _is_defined(result):
                strange.append(f"{number}: {result.error} {str(dict(files))[:300]!r}")
    settings = sum(not name.endswith((".py", ".pyi")) for files in workspaces for name in files)
    spent, at = max(took)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{len(workspaces)} workspaces, {settings} settings files: {dict(outcomes)}; the slowest {EACH}"
            f" took {spent:.1f} s (from {at}), all {sum(each for each, _ in took):.0f} s\n"
        )
    assert not strange, strange[:5]
    assert outcomes["diagnostics"] > len(workspaces) / 2


def _is_defined(result: Result) -> bool:
    return result.reason is None or (result.reason in REASONS and result.reason != "unexpected")
