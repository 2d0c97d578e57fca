"""The layout of the tests: each module has a test module of its own, or says where it is tested."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = (
    "repair",
    "partitions",
    "resources",
    "repair_assets",
    "training_assets",
    "eval_assets",
    "code_location",
)
TESTED_BY = re.compile(r"[Tt]ested by\s+`(tests/[\w/]+\.py)`")
MODULES = [
    path.relative_to(ROOT)
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
    if path.name != "__init__.py" and not path.name.endswith("_pb2.py")
]


def untested(module: Path) -> str:
    """What is wrong with where a module is tested, or ""."""
    if (ROOT / "tests" / module.parent / f"test_{module.name}").is_file():
        return ""
    docstring = ast.get_docstring(ast.parse((ROOT / module).read_text())) or ""
    named = TESTED_BY.findall(docstring)
    if not named:
        return f"{module}: no tests/{module.parent}/test_{module.name}, and its docstring names no test"
    absent = [path for path in named if not (ROOT / path).is_file()]
    return f"{module}: {absent} are not there" if absent else ""


def test_a_module_has_a_test_of_its_own_or_says_where_it_is_tested() -> None:
    assert len(MODULES) > 400
    assert [fault for fault in map(untested, MODULES) if fault] == []


def test_no_link_is_a_file_of_the_project() -> None:
    """A committed link to an environment takes the place of the environment where it is checked out."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(
        ["git", "ls-files", "--stage"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert [line for line in listed.splitlines() if line.startswith("120000")] == []
