"""What a file defines: its names, the attributes of its classes, and its imports.

Tested by `tests/repair/synthesis/rules/test_rules.py`.
"""

import ast
import re

from repair.text import python_names
from repair.text.python_syntax import tree_of

_DEFINITION = re.compile(r"(?:async def|def|class)\b|@")


def own_attributes(rows: list[str], line: int) -> frozenset[str]:
    """The attributes of the innermost class around the 0-based `line`."""
    around = [owner for owner in _classes(rows) if owner.lineno <= line + 1 <= (owner.end_lineno or 0)]
    return _attributes(max(around, key=lambda owner: owner.lineno)) if around else frozenset()


def attributes_of_class(rows: list[str], name: str) -> frozenset[str]:
    return next((_attributes(owner) for owner in _classes(rows) if owner.name == name), frozenset())


def _attributes(owner: ast.ClassDef) -> frozenset[str]:
    found: set[str] = set()
    for statement in owner.body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            found.add(statement.name)
        else:
            found |= python_names.bound(statement)
    for node in ast.walk(owner):
        match node:
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name, ctx=ast.Store()):
                found.add(name)
            case _:
                pass
    return frozenset(found)


def _classes(rows: list[str]) -> list[ast.ClassDef]:
    tree = parsed(rows)
    return [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)] if tree else []


def of_module(rows: list[str]) -> frozenset[str]:
    """Names of imports, functions and classes at the file's top."""
    found: set[str] = set()
    for node in getattr(parsed(rows), "body", ()):
        match node:
            case ast.Import() | ast.ImportFrom():
                found |= python_names.bound(node)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case _:
                pass
    return frozenset(found)


def bound(rows: list[str]) -> frozenset[str]:
    tree = parsed(rows)
    return python_names.bound(tree) if tree else frozenset()


def parsed(rows: list[str]) -> ast.Module | None:
    return tree_of("\n".join(rows))


def with_import(rows: list[str], statement: str) -> list[str]:
    """Insert an import after those at the top, or after the module's docstring and first comments, apart from
    these and from a function or a class."""
    tree = parsed(rows)
    insert_at, has_imports = 0, False
    for index, node in enumerate(tree.body if tree else []):
        is_docstring = index == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not is_docstring and not isinstance(node, (ast.Import, ast.ImportFrom)):
            break
        insert_at, has_imports = node.end_lineno or 0, not is_docstring
    if insert_at == 0:
        insert_at = next((index for index, row in enumerate(rows) if not row.startswith("#")), 0)
    elif not has_imports:  # the blank row below a docstring is above the import
        insert_at += rows[insert_at : insert_at + 1] == [""]
    below = "".join(rows[insert_at : insert_at + 1])
    return [*rows[:insert_at], statement, *(["", ""] if _DEFINITION.match(below) else []), *rows[insert_at:]]
