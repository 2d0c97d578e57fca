"""Names that a Python text binds, by what binds them."""

import ast


def definitions(tree: ast.AST) -> frozenset[str]:
    """The names of functions, classes and imports anywhere in `tree`."""
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.alias(name=name, asname=asname):
                found.add(asname or name.partition(".")[0])
            case _:
                pass
    return frozenset(found)


def variables(tree: ast.AST) -> frozenset[str]:
    """The names that an assignment, a loop, a parameter or an `except` anywhere in `tree` binds."""
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name) | ast.ExceptHandler(name=str(name)):
                found.add(name)
            case _:
                pass
    return frozenset(found)


def bound(tree: ast.AST) -> frozenset[str]:
    """Every name that is bound anywhere in `tree`."""
    return definitions(tree) | variables(tree)


def loaded(tree: ast.AST) -> list[str]:
    """The names that are read in `tree`, as often as they are; attributes are none."""
    return [
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    ]
