"""The layout of the tests: each module has a test module of its own, or says where it is tested."""

import ast
import re
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


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_module_has_a_test_of_its_own_or_says_where_it_is_tested(module: Path) -> None:
    if (ROOT / "tests" / module.parent / f"test_{module.name}").is_file():
        return
    docstring = ast.get_docstring(ast.parse((ROOT / module).read_text())) or ""
    named = TESTED_BY.findall(docstring)
    assert named, f"{module}: no tests/{module.parent}/test_{module.name}, and its docstring names no test"
    assert [path for path in named if not (ROOT / path).is_file()] == []
