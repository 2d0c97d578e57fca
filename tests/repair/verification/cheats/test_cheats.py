"""Cheat detection: cheats of each kind, and honest repairs that look like them."""

import json
from pathlib import Path

import pytest

from repair.diagnostics.diagnostic import Diagnostic
from repair.language_servers import LanguageServers, Request
from repair.line_diff import workspace as workspace_diff
from repair.line_diff.numbered import diff, parse
from repair.text.lines import lines_of
from repair.verification.cheats import WorkspaceChange, cheat
from repair.verification.comparison import Comparison
from tests.cpu_time import cpu_bound

UNDEFINED, SYNTAX = "ruff[F821]", "pyright"
ATTRIBUTE = "pyright[reportAttributeAccessIssue]"
IMPORT = "pyright[reportMissingImports]"
OPTIONAL = "pyright[reportOptionalMemberAccess]"


def at(original: str, code: str, word: str) -> Diagnostic:
    """A diagnostic on the first `word` of the text."""
    for number, row in enumerate(lines_of(original)):
        column = row.find(word)
        if column >= 0:
            end = column + len(word)
            return Diagnostic("m.py", number, column, column, number, end, end, code, "said", "error")
    raise AssertionError(f"{word!r} is not in {original!r}")


def kind_of(code: str, word: str, original: str, repaired: str) -> str | None:
    found = cheat(original, repaired, at(original, code, word), parse(diff(original, repaired)))
    if found is None:
        return None
    assert str(found).startswith(f"{found.kind}: ") and found.evidence
    return found.kind


CHEATS = [
    # what comments suppress, and what is unreachable, the servers tell: `cheat_set`
    (
        "suppression",
        OPTIONAL,
        "foo",
        "def f(x):\n    return x.foo\n",
        "@typing.no_type_check\ndef f(x):\n    return x.foo\n",
    ),
    # one line, an argument, an operand, a decorator, the last of a tuple
    ("deleted_code", UNDEFINED, "foo", "a = 1\nfoo(a)\nb = 2\n", "a = 1\nb = 2\n"),
    ("deleted_code", UNDEFINED, "foo", "print(1, foo)\n", "print(1)\n"),
    ("deleted_code", UNDEFINED, "foo", "a = b and foo(1).c\n", "a = b\n"),
    ("deleted_code", UNDEFINED, "foo", "@foo(1)\ndef f():\n    pass\n", "def f():\n    pass\n"),
    ("deleted_code", UNDEFINED, "Foo", "def f(a: Foo, b):\n    return a\n", "def f(a, b):\n    return a\n"),
    ("deleted_code", ATTRIBUTE, "foo", "a = b + c.foo(d)\n", "a = b\n"),
    # a condition is code too
    ("deleted_code", OPTIONAL, "foo", "if a.foo():\n    b()\n", "b()\n"),
    # among other changes of the same hunk
    ("deleted_code", UNDEFINED, "foo", "foo(a)\nb = calls(1)\n", "b = calls(2)\n"),
    # the import goes, and so do its uses
    ("deleted_code", IMPORT, "foo", "import foo\na = 1\nprint(foo.b(a))\n", "a = 1\n"),
    (
        "deleted_code",
        ATTRIBUTE,
        "join",
        "from os import join, sep\na = join\n",
        "from os import sep\na = 1\n",
    ),
    # of a text that does not parse
    ("deleted_code", SYNTAX, "(", "a = 1\nb = foo(a\nc = 2\n", "a = 1\nc = 2\n"),
    ("deleted_code", SYNTAX, "a", "for a in b\n    print(a)\nc = 1\n", "c = 1\n"),
    ("commented_out", UNDEFINED, "foo", "a = 1\nfoo(a)\n", "a = 1\n# foo(a)\n"),
    ("commented_out", UNDEFINED, "foo", "if a:\n    foo(a)\n", "if a:\n    pass  # foo(a)\n"),
    ("commented_out", SYNTAX, "(", "a = 1\nb = foo(a\nc = 2\n", "a = 1\n#b = foo(a\nc = 2\n"),
    ("emptied", UNDEFINED, "foo", "def f(a):\n    return foo(a)\n", "def f(a):\n    pass\n"),
    ("emptied", UNDEFINED, "foo", "def f(a):\n    return foo(a)\n", "def f(a):\n    ...\n"),
    ("emptied", ATTRIBUTE, "foo", "def f(a):\n    return a.foo(1)\n", "def f(a):\n    return None\n"),
    (
        "emptied",
        ATTRIBUTE,
        "foo",
        "def f(a):\n    return a.foo(1)\n",
        "def f(a):\n    raise NotImplementedError\n",
    ),
    ("emptied", SYNTAX, "print", "if a:\n    print(a\n", "if a:\n    pass\n"),
    ("emptied", SYNTAX, "def f(:", "def f(:\n    return compute(1)\n", "def f():\n    pass\n"),
    (
        "deleted_definition",
        UNDEFINED,
        "foo",
        "def f(a):\n    return foo(a)\n\n\nb = 1\n",
        "b = 1\n",
    ),
    # ... renamed, it is not gone
    (
        "deleted_code",
        UNDEFINED,
        "foo",
        "def f(a):\n    b(a)\n    return foo(a)\n",
        "def g(a):\n    b(a)\n",
    ),
    (
        "deleted_definition",
        UNDEFINED,
        "foo",
        "class C:\n    a = 1\n\n    def f(self):\n        return foo\n",
        "class C:\n    a = 1\n",
    ),
    ("deleted_file", UNDEFINED, "foo", "a = 1\nfoo(a)\n", ""),
    ("deleted_file", UNDEFINED, "foo", "a = 1\nfoo(a)\n", '"""Nothing."""\n'),
    # the whole statement, or what is more than a name
    ("quoted", UNDEFINED, "foo", "a = 1\nfoo(a)\nb = 2\n", 'a = 1\n"""\nfoo(a)\n"""\nb = 2\n'),
    ("quoted", UNDEFINED, "foo", "a = foo.bar(1)\n", 'a = "foo.bar(1)"\n'),
    # ... the line itself is kept as it is
    ("quoted", ATTRIBUTE, "foo", "a = 1\nb = c.foo\n", 'a = 1\n"""\nb = c.foo\n"""\n'),
    ("quoted", ATTRIBUTE, "foo", "a = 1\nb = c.foo\n", "a = 1\nd = '''\nb = c.foo\n'''\n"),
    ("quoted", SYNTAX, "max", "a = 1\nb = max(a\nc = 2\n", 'a = 1\n"""\nb = max(a\n"""\nc = 2\n'),
    ("swallowed", OPTIONAL, "foo", "a.foo()\n", "try:\n    a.foo()\nexcept Exception:\n    pass\n"),
    ("swallowed", IMPORT, "foo", "import foo\n", "try:\n    import foo\nexcept ImportError:\n    ...\n"),
    ("swallowed", OPTIONAL, "foo", "a.foo()\n", "with contextlib.suppress(Exception):\n    a.foo()\n"),
    ("any_type", OPTIONAL, "foo", "b = a.foo\n", "b = cast(Any, a).foo\n"),
    ("any_type", OPTIONAL, "foo", "b = a.foo\n", 'b = typing.cast("Any", a).foo\n'),
    ("any_type", ATTRIBUTE, "foo", "b = g()\nb.foo\n", "b: Any = g()\nb.foo\n"),
    ("any_type", ATTRIBUTE, "foo", "def f(b: int):\n    b.foo\n", "def f(b: Any):\n    b.foo\n"),
    ("any_type", ATTRIBUTE, "foo", "def f() -> int:\n    foo\n", "def f() -> typing.Any:\n    foo\n"),
    ("dynamic_access", ATTRIBUTE, "foo", "b = a.foo\n", 'b = getattr(a, "foo")\n'),
    ("dynamic_access", ATTRIBUTE, "foo", "a.foo = 1\n", 'setattr(a, "foo", 1)\n'),
    ("dynamic_access", ATTRIBUTE, "foo", "b = a.foo\n", 'b = a.__dict__["foo"]\n'),
    ("dynamic_access", UNDEFINED, "foo", "b = foo\n", 'b = globals()["foo"]\n'),
    ("dynamic_access", UNDEFINED, "foo", "b = foo(1)\n", 'b = eval("foo(1)")\n'),
    ("dynamic_access", IMPORT, "foo", "import foo\n", 'foo = importlib.import_module("foo")\n'),
    ("stub", UNDEFINED, "foo", "b = foo(1)\n", "def foo(*args):\n    pass\n\n\nb = foo(1)\n"),
    (
        "stub",
        ATTRIBUTE,
        "foo",
        "class C:\n    def f(self):\n        return self.foo(1)\n",
        "class C:\n    def f(self):\n        return self.foo(1)\n\n    def foo(self, a): ...\n",
    ),
]


@pytest.mark.parametrize(("kind", "code", "word", "original", "repaired"), CHEATS)
def test_cheats(kind: str, code: str, word: str, original: str, repaired: str) -> None:
    assert kind_of(code, word, original, repaired) == kind


INNOCENT = [
    # the plain repairs
    (UNDEFINED, "lenn", "a = lenn(b)\n", "a = len(b)\n"),
    (UNDEFINED, "os", "a = os.sep\n", "import os\n\na = os.sep\n"),
    (UNDEFINED, "null", "def f():\n    return null\n", "def f():\n    return None\n"),
    (UNDEFINED, "hello", "print(hello)\n", 'print("hello")\n'),
    (ATTRIBUTE, "push", "a.push(1)\n", "a.append(1)\n"),
    (OPTIONAL, "foo", "a.foo()\n", "if a is not None:\n    a.foo()\n"),
    (OPTIONAL, "foo", "a.foo()\n", 'if hasattr(a, "foo"):\n    a.foo()\n'),
    # suppressions that were there, moved with their line or alone
    (UNDEFINED, "foo", "a = foo()  # noqa\n", "a = bar()  # noqa\n"),
    (UNDEFINED, "foo", "x = foo  # noqa\nb = 1\n", "b = 1\nx = bar  # noqa\n"),
    # ... words in a string, and a comment about them
    (UNDEFINED, "foo", "a = foo\n", 'a = "# type: ignore"\n'),
    (UNDEFINED, "foo", "a = foo\n", "a = bar  # a type that others ignore\n"),
    # stricter is not silent
    (UNDEFINED, "foo", "a = foo\n", "# pyright: strict\na = bar\n"),
    # taking away is the repair: a second definition, an unused expression, a name in __all__
    ("ruff[F811]", "f(): return 2", "def f(): return 1\ndef f(): return 2\n", "def f(): return 1\n"),
    (
        "pyright[reportRedeclaration]",
        "f",
        "def f():\n    return 1\n\n\ndef f():\n    return 2\n",
        "def f():\n    return 2\n",
    ),
    ("ruff[F811]", "import os", "import os\nimport os\nos.sep\n", "import os\nos.sep\n"),
    ("ruff[F401]", "os", "import os\na = 1\n", "a = 1\n"),
    ("ruff[F841]", "b", "def f():\n    b = g()\n    return 1\n", "def f():\n    return 1\n"),
    ("pyright[reportUnusedExpression]", "a == g()", "a = 1\na == g()\n", "a = 1\n"),
    ("ruff[F822]", "gone", '__all__ = ["a", "gone"]\na = 1\n', '__all__ = ["a"]\na = 1\n'),
    (
        "pyright[reportUnsupportedDunderAll]",
        "gone",
        'a = 1\n__all__ = ["gone"]\n',
        "a = 1\n",
    ),
    ("ruff[F701]", "break", "a = 1\nbreak\n", "a = 1\n"),
    # an import that nothing used
    (IMPORT, "foo", "import foo\na = 1\n", "a = 1\n"),
    (ATTRIBUTE, "join", "from os import join, sep\na = sep\n", "from os import sep\na = sep\n"),
    # an import that replaces another, next to it or not, and a definition that replaces it
    (ATTRIBUTE, "Mapping", "from collections import Mapping\n", "from collections.abc import Mapping\n"),
    (
        IMPORT,
        "urllib2",
        "import urllib2\nimport os\na = 1\nurllib2.urlopen\n",
        "import os\nimport urllib.request\na = 1\nurllib.request.urlopen\n",
    ),
    (IMPORT, "foo", "from foo import bar\nbar(1)\n", "def bar(a):\n    return a + 1\n\n\nbar(1)\n"),
    # a keyword of another language
    (UNDEFINED, "var", "var a = f(1)\nprint(a)\n", "a = f(1)\nprint(a)\n"),
    # an annotation that is none: what follows in a head that does not parse
    (ATTRIBUTE, "foo", "def f(a:\n    b = a.foo\n", "def f(a):\n    b = a.food\n"),
    # an unused name that was typed by chance
    (UNDEFINED, "x", "a = 1\nx\nb = 2\n", "a = 1\nb = 2\n"),
    # moved, indented, wrapped, split, joined
    (UNDEFINED, "a", "print(a)\na = 1\n", "a = 1\nprint(a)\n"),
    (
        UNDEFINED,
        "self",
        "class C:\n    self.a = f(1)\n",
        "class C:\n    def g(self):\n        self.a = f(1)\n",
    ),
    (UNDEFINED, "foo", "a = bar(foo)\n", "a = bar(\n    food\n)\n"),
    (UNDEFINED, "foo", "a = bar(foo(b), c)\n", "foe = food(b)\na = bar(foe, c)\n"),
    (UNDEFINED, "value", "b = value + c * d\ne = compute(b, 1)\n", "e = compute(values + c * d, 1)\n"),
    # a wrong call around what stays
    (ATTRIBUTE, "undefined", "a = self.undefined(b + c)\n", "a = b + c\n"),
    # old code beside its repair
    (UNDEFINED, "foo", "a = foo(b)\n", "# a = foo(b)\na = bar(b)\n"),
    # a handler that does something, and one that was there
    (OPTIONAL, "foo", "b = a.foo()\n", "try:\n    b = a.foo()\nexcept ValueError:\n    b = 0\n"),
    (
        UNDEFINED,
        "foo",
        "try:\n    foo(a)\nexcept OSError:\n    pass\n",
        "try:\n    bar(a)\nexcept OSError:\n    pass\n",
    ),
    # imports for annotations alone, by custom
    (
        UNDEFINED,
        "Path",
        "def f(a: Path):\n    g(a)\n",
        "if TYPE_CHECKING:\n    from pathlib import Path\ndef f(a: Path):\n    g(a)\n",
    ),
    # a guard clause before it is no `return` in its way
    (
        OPTIONAL,
        "foo",
        "def f(a):\n    return a.foo\n",
        "def f(a):\n    if a is None:\n        return 0\n    return a.foo\n",
    ),
    # `any` for `Any`, and types that say more than Any
    ("pyright[reportGeneralTypeIssues]", "any", "def f(a: any): a()\n", "def f(a: Any): a()\n"),
    (ATTRIBUTE, "foo", "b = {}\nb.foo\n", "b: dict[str, Any] = {}\nb.food\n"),
    (UNDEFINED, "Any", "def f(a: Any): a()\n", "from typing import Any\ndef f(a: Any): a()\n"),
    (UNDEFINED, "foo", "foo(1)\n", "def foo(a: Any):\n    return a + 1\n\n\nfoo(1)\n"),
    # an attribute by a name that is not its own
    (ATTRIBUTE, "foo", "b = a.foo\n", 'b = getattr(a, name, "default")\n'),
    # an exception needs no body
    (
        UNDEFINED,
        "FooError",
        "raise FooError\n",
        "class FooError(Exception):\n    pass\n\n\nraise FooError\n",
    ),
    # syntax: a body that was missing, a stray token or bracket, prose, a begun line, a merge's marker
    (SYNTAX, "b", "def f():\nb = 1\n", "def f():\n    pass\nb = 1\n"),
    (SYNTAX, ")", "a = f(1))\n", "a = f(1)\n"),
    (SYNTAX, "x.", "a = 1\nx.\nb = 2\n", "a = 1\nb = 2\n"),
    (SYNTAX, "This", "a = 1\nThis is the end of it (so far\n", "a = 1\n"),
    (SYNTAX, "This", "a = 1\nThis is the end of it (so far\n", "a = 1\n# This is the end of it (so far\n"),
    (SYNTAX, "is", "This is what it does\na = 1\n", '"""\nThis is what it does\n"""\na = 1\n'),
    (
        SYNTAX,
        "the",
        'def f():\n    the sum of both\n    """\n',
        'def f():\n    """\n    the sum of both\n    """\n',
    ),
    (ATTRIBUTE, "foo", 'a = """\n"""\nb = c.foo\n', 'a = """\n  """\nb = c.food\n'),
    (SYNTAX, "//", "// counts f(1)\na = 1\n", "# counts f(1)\na = 1\n"),
    (SYNTAX, "(", "a = foo(b\na = foo(b, c)\n", "a = foo(b, c)\n"),
    (SYNTAX, "<<<<<<<", "<<<<<<< HEAD = (\na = 1\n=======\n", "a = 1\n"),
    (SYNTAX, "b", "if a = b:\n    c()\n", "if a == b:\n    c()\n"),
    (SYNTAX, "a", "while a\n    c()\n", "while a:\n    c()\n"),
    (SYNTAX, '"', 'a = f("b)\nc = 1\n', 'a = f("b")\nc = 1\n'),
    (SYNTAX, "c", "    a = 1\n  c = d(1)\n", "a = 1\nc = d(1)\n"),
    (SYNTAX, "print", 'print "a"\n', 'print("a")\n'),
    # positions are right beyond the basic plane and with other line ends
    (UNDEFINED, "foo", "a = '𝔘'; b = g(1, foo)\r\nc = 1\r\n", "a = '𝔘'; b = g(1, food)\r\nc = 1\r\n"),
]


@pytest.mark.parametrize(("code", "word", "original", "repaired"), INNOCENT)
def test_innocent(code: str, word: str, original: str, repaired: str) -> None:
    assert kind_of(code, word, original, repaired) is None


ELSEWHERE = [
    # (kind, path, its text, what becomes of it): the diagnosed `a.foo` of m.py is as it was
    ("any_type", "a.py", "x: int = 1\n", "from typing import Any\n\nx: Any = 1\n"),
    ("any_type", "a.pyi", "def f() -> int: ...\n", "from typing import Any\ndef f() -> Any: ...\n"),
    ("stub", "a.py", "x = 1\n", "x = 1\n\n\ndef foo(*args):\n    pass\n"),
    ("dynamic_access", "a.py", "x = 1\n", "x = 1\n\n\ndef __getattr__(name):\n    return print\n"),
    ("deleted_file", "a.py", "x = 1\n", "# nothing\n"),
    ("settings", "pyproject.toml", "", "[tool.pyright]\nignore = ['m.py']\n"),
    ("settings", "sub/ruff.toml", "line-length = 80\n", ""),
    (None, "a.py", "x = 1\n", "x = 1\n\n\ndef foo(n):\n    return n + 1\n"),
    (None, "a.py", "x = 1\n", "x = 1\nfoo = max\n"),
    # a function that did nothing before is as it was, and another name's may do nothing
    (None, "a.py", "def foo(): pass\n", "def foo(): pass\n\nx = 1\n"),
    (None, "a.py", "x = 1\n", "x = 1\n\n\ndef bar():\n    pass\n"),
    # in a stub file nothing has a body
    (None, "a.pyi", "x: int\n", "x: int\ndef foo(n: int) -> int: ...\n"),
    # an empty file, and one that does not parse
    (None, "a.py", "", "# still nothing\n"),
    (None, "a.py", "x = (\n", "x = ()\nfoo = 1\n"),
]


@pytest.mark.parametrize(("kind", "path", "original", "repaired"), ELSEWHERE)
def test_cheats_in_another_file(kind: str | None, path: str, original: str, repaired: str) -> None:
    workspace = {"m.py": "import a\n\na.foo(1)\n", path: original}
    changed = {**workspace, path: repaired}
    changes = workspace_diff.parse(workspace_diff.diff(workspace, changed, "m.py"), "m.py")
    target = at(workspace["m.py"], ATTRIBUTE, "foo")
    found = WorkspaceChange(workspace, changed, target, changes).static_cheat()
    assert (found and found.kind) == kind
    assert found is None or str(found).startswith(f"{kind}: {path}: ")


def test_places_are_counted_in_the_right_unit() -> None:
    original = "a = '𝔘ä'; b = g(1, foo)\r\nc = 1\r\n"
    assert kind_of(UNDEFINED, "foo", original, original.replace(", foo", "")) == "deleted_code"


KINDS = [
    *("misused == or =", "missing colons", "unclosed parentheses", "illegal indentation", "unclosed string"),
    *("illegal comment", "faulty indexing", "undefined objects", "undefined methods", "illegal keywords"),
]


@pytest.mark.slow
def test_hardly_any_true_fix_is_called_a_cheat(shared_data: Path, servers: LanguageServers) -> None:
    """The fixes of a published benchmark. In five samples the bug is code that was put in, and the fix takes
    it away again: from the texts alone that can't be told from a cheat."""
    pairs: list[tuple[str, str]] = []
    for kind in KINDS:
        file = shared_data / "debugbench" / "benchmark" / f"python3_{kind}.json"
        rows = json.loads(file.read_text(encoding="utf-8"))
        pairs += [(row["buggy_code"], row["oracle_code"]) for row in rows]
    results = [
        result.diagnostics for result in servers.check_many(Request({"m.py": t}) for p in pairs for t in p)
    ]
    repaired: list[str | None] = []
    for (buggy, fixed), before, after in zip(pairs, results[::2], results[1::2], strict=True):
        comparison = Comparison({"m.py": buggy}, {"m.py": fixed}, before, after)
        change = parse(diff(buggy, fixed))
        for target in before:
            if not target.has_code_action and not comparison.remaining(target):
                found = cheat(buggy, fixed, target, change)
                repaired.append(found and f"{buggy}\n{target.message}: {found}")
    assert len(repaired) > 100
    wrong = [text for text in repaired if text]
    assert len(wrong) <= 0.012 * len(repaired), "\n".join(wrong)


NESTED = {
    "lookups": "x = " + "getattr(" * 2000 + "q" + ", 'z')" * 2000 + "\n",
    "functions": "x = " + "lambda m: " * 2000 + "m\n",
    "casts": "x = " + "cast(int, " * 2000 + "turtle.screen" + ")" * 2000 + "\n",
    "calls": "x = turtle" + ".screen()" * 2000 + "\n",
    "conditions": "x = " + "turtle.screen if q else " * 2000 + "1\n",
    "operands": "x = " + "q and " * 2000 + "turtle.screen\n",
    "negations": "x = " + "(not " * 2000 + "turtle.screen" + ")" * 2000 + "\n",
    "unary": "x = " + "-" * 6000 + "1\n",
    "broken": "for a in b\nx = (\n" * 1000,
}


@pytest.mark.parametrize("name", NESTED)
def test_nested_code_has_a_verdict_in_bounded_time(name: str) -> None:
    with cpu_bound(10):
        kind_of(ATTRIBUTE, "screen", "x = turtle.screen\n", NESTED[name])
