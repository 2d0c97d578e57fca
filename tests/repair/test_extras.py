"""Imports of optional dependencies name the extra that installs them, and pyproject.toml says the same."""

import ast
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from repair.errors import ConfigurationError
from repair.extras import extra
from tests.installed import PACKAGES, ROOT, reached

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def names(requirements: list[str]) -> set[str]:
    """The distributions that `requirements` bring, with those that they require themselves."""
    return {canonicalize_name(dist.name) for dist in reached(map(Requirement, requirements))}


@cache
def core() -> set[str]:
    return names(PROJECT["dependencies"])


@cache
def extras() -> dict[str, set[str]]:
    optional = PROJECT["optional-dependencies"]
    return {name: names(optional[name]) for name in optional.keys() - {"bench", "dev", "gpu"}}


@cache
def provided_by() -> dict[str, set[str]]:
    return {module: set(map(canonicalize_name, dists)) for module, dists in packages_distributions().items()}


def test_a_module_that_is_there_is_imported() -> None:
    with extra("train"):
        import json
    assert json.loads("1") == 1


def test_an_absent_module_is_named_with_its_extra() -> None:
    with (
        pytest.raises(ConfigurationError, match=r"^absent_one is not .*: pip install 'repair\[train\]'$"),
        extra("train"),
    ):
        __import__("absent_one.part")


def test_an_absent_module_of_ours_is_a_mistake_of_ours() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"repair\.absent_one"), extra("train"):
        __import__("repair.absent_one")


def modules_of(node: ast.AST) -> set[str]:
    """The top-level packages that an import statement takes from elsewhere."""
    match node:
        case ast.Import():
            modules = [alias.name for alias in node.names]
        case ast.ImportFrom(module=str(module)):
            modules = [module]
        case _:
            modules = []
    tops = {module.partition(".")[0] for module in modules}
    return tops - sys.stdlib_module_names - set(PACKAGES) - {"google"}  # protobuf, of the core


def guarded(tree: ast.Module) -> Iterator[tuple[str, ast.stmt]]:
    """Each statement under `with extra(NAME):`, with NAME."""
    for node in ast.walk(tree):
        match node:
            case ast.With(items=[ast.withitem(ast.Call(ast.Name("extra"), [ast.Constant(str(name))]))]):
                yield from ((name, statement) for statement in node.body)


def allowed(path: Path) -> set[str]:
    """The distributions that a module may import at its top: of the core and of its packages' extras."""
    if not path.is_relative_to(ROOT / "repair"):
        return core() | extras()["pipeline"]
    inits = [folder / "__init__.py" for folder in path.parents if folder.is_relative_to(ROOT / "repair")]
    loaded = {name for init in inits for name, _ in guarded(ast.parse(init.read_text()))}
    return core().union(*(extras()[name] for name in loaded))


@cache
def sources() -> list[tuple[Path, ast.Module]]:
    paths = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return [(path, ast.parse(path.read_text())) for path in paths]


def test_imports_at_the_top_of_a_module_are_of_the_core_or_name_their_extra() -> None:
    wrong = [
        f"{path}:{statement.lineno}: {module}"
        for path, tree in sources()
        for statement in tree.body
        for module in modules_of(statement)
        if not provided_by()[module] & allowed(path)
    ]
    assert wrong == []


def test_an_extra_brings_what_is_imported_under_its_name() -> None:
    imported = [
        (path, statement.lineno, name, module)
        for path, tree in sources()
        for name, statement in guarded(tree)
        for module in modules_of(statement)
    ]
    assert {name for *_, name, _ in imported} == set(extras())
    assert [found for found in imported if not provided_by()[found[3]] & extras()[found[2]] - core()] == []
