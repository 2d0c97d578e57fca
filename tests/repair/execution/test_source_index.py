"""The index of a module, with Python's own compiler as the oracle, on every module of this project."""

import ast
import dis
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

import pytest

from repair.execution.definitions import FOLLOWED
from repair.execution.source_index import Definition, Imported, ModuleIndex, Reference

ROOT = Path(__file__).parents[3]
FOLDERS = sorted({path.parent for package in FOLLOWED for path in (ROOT / package).rglob("*.py")})


def index(source: str | bytes, name: str = "package.module") -> ModuleIndex:
    return ModuleIndex.of(source, name, is_package=False)


def references(source: str, name: str = "f") -> set[Reference]:
    return set(index(source).definition(name).references)


@dataclass(frozen=True)
class Module:
    """One of this project's, indexed."""

    path: Path
    index: ModuleIndex
    definitions: dict[str, Definition]


@pytest.fixture(scope="module", params=FOLDERS, ids=lambda path: path.relative_to(ROOT).as_posix())
def modules(request: pytest.FixtureRequest) -> list[Module]:
    """Those of a folder."""
    found = [(path, index(path.read_bytes())) for path in sorted(request.param.glob("*.py"))]
    return [Module(path, of, {name: of.definition(name) for name in of.bindings}) for path, of in found]


def test_only_what_comments_and_formatting_say_is_left_out(modules: list[Module]):
    for module in modules:
        again = index(ast.unparse(ast.parse(module.path.read_text(encoding="utf-8"))))
        assert module.definitions == {name: again.definition(name) for name in again.bindings}, module.path
        assert module.index.effect() == again.effect(), module.path


def test_every_global_that_the_compiler_loads_is_a_reference(modules: list[Module]):
    for module in modules:
        tree = _without_annotations(ast.parse(module.path.read_bytes()))
        for code in _codes(compile(tree, str(module.path), "exec")):
            if code.co_name in module.definitions:
                names = {reference.name for reference in module.definitions[code.co_name].references}
                assert _globals(code) <= names, (module.path, code.co_name)


def _without_annotations(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = None
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
    return tree


def _codes(code: CodeType) -> Iterator[CodeType]:
    return (constant for constant in code.co_consts if isinstance(constant, CodeType))


def _globals(code: CodeType) -> set[str]:
    own = {step.argval for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL"}
    return own.union(*(_globals(inner) for inner in _codes(code)))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def f(): return g()", {Reference("g")}),
        ("def f(g): return g()", set()),  # its own parameter
        ("def f(g=h): return g", {Reference("h")}),  # a default is evaluated outside
        ("def f(a: g) -> h: return 1", set()),  # annotations of functions decide nothing
        ("class f:\n a: g = 1", {Reference("g")}),  # those of fields do
        ("class f(g, metaclass=h): pass", {Reference("g"), Reference("h")}),
        ("@g\ndef f(): pass", {Reference("g")}),
        ("import dagster as dg\n@dg.asset(deps=[g])\ndef f(): pass", set()),
        ("def f(): return [g for g in g]", {Reference("g")}),  # the inner one is another
        ("def f(): return {k: v for k, v in x.y.items()}", {Reference("x", ("y", "items"))}),
        ("def f():\n for g in range(3): g()", {Reference("range")}),
        ("def f():\n def inner(): return g\n g = 1\n return inner", set()),
        ("def f():\n global g\n g = 1", {Reference("g")}),
        ("def f(): return lambda x, y=g: x + h", {Reference("g"), Reference("h")}),
        ("def f():\n try: g()\n except E as h: h()", {Reference("g"), Reference("E")}),
        ("def f(x):\n match x:\n  case {'a': b, **c}: return b, c", set()),
        ("def f():\n import a.b as g\n return g.c", {Reference("g", ("c",), Imported("a.b"))}),
        ("def f():\n import a.b\n return a.b.c", {Reference("a", ("b", "c"), Imported("a"))}),
        ("def f():\n from .x import g\n g()", {Reference("g", (), Imported("package.x", "g"))}),
        ("def f(): return a.b().c", {Reference("a", ("b",))}),
        ("f = {'a': g, 'b': [h]}", {Reference("g"), Reference("h")}),
    ],
)
def test_references(source: str, expected: set[Reference]):
    assert references(source) == expected


@pytest.mark.parametrize(
    ("source", "bindings", "effects"),
    [
        ("import a\nfrom b import c", set(), 0),
        ("if TYPE_CHECKING:\n from a import b", set(), 0),
        ("try:\n import a\nexcept ImportError:\n a = None", {"a"}, 0),  # either of both
        ("x, (y, *z) = 1, (2, 3)", {"x", "y", "z"}, 0),
        ("with g() as h:\n x = 1", {"x", "h"}, 0),
        ("with extra('train'):\n import a", set(), 0),  # what is absent is named, no row is decided
        ("with g():\n register(f)", set(), 1),
        ("register(f)", set(), 1),
        ("TABLE['a'] = f", set(), 1),
        ("'a docstring'", set(), 0),
        ("if __name__ == '__main__':\n main()", set(), 0),
        ("x: int = 3", {"x"}, 0),
    ],
)
def test_the_top_level_of_a_module(source: str, bindings: set[str], effects: int):
    found = index(source)
    assert set(found.bindings) == bindings
    assert len(found.effects) == effects


@pytest.mark.parametrize(
    ("source", "other", "same"),
    [
        ("def f():\n 'says it'\n return 1", "def f(): return 1  # says it", True),
        ("def f(x: int) -> str: return x", "def f(x): return x", True),
        ("def f():\n x: int = 1\n return x", "def f():\n x = 1\n return x", True),
        ("class f:\n x = 1\n 'what x is'", "class f:\n x = 1", True),
        ("class f(E): pass", "class f(E):\n 'An error.'", True),
        ("f: Final = 1", "f = 1", True),
        ("class f:\n x: int", "class f:\n x: str", False),
        ("def f(): return 1", "def f(): return 1.0", False),
        ("def f(): return True", "def f(): return 1", False),
        ("def f(a, b): pass", "def f(b, a): pass", False),
        ("def f(a, b): pass", "def f(a, *, b): pass", False),
        ("import dspy\nclass f(dspy.Signature):\n 'a'", "import dspy\nclass f(dspy.Signature):\n 'b'", False),
    ],
)
def test_the_normal_form(source: str, other: str, same: bool):
    forms = [index(text).definition("f").normal_form for text in (source, other)]
    assert (forms[0] == forms[1]) is same
