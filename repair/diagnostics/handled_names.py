"""Names that a program expects to be absent: imports, names and attributes whose exception it catches, or
that it asks another version of Python for.

```
try:
    text = unicode            # Python 2
except NameError:
    text = str

if sys.version_info < (3,):
    input = raw_input
```

A language server reports `unicode`, and there is nothing to repair: what is put in its place breaks the other
version, platform or installation that the program was written for.

Tested by `tests/repair/diagnostics/test_handled_names.py`.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain

from repair.diagnostics.codes import type_of_code
from repair.diagnostics.diagnostic import Diagnostic
from repair.text.python_syntax import tree_of

_OF_IMPORTS = frozenset({"ImportError", "ModuleNotFoundError"})
_ANY = frozenset({"Exception", "BaseException", ""})
_RAISED = {
    "reportMissingImports": _OF_IMPORTS,
    "reportMissingModuleSource": _OF_IMPORTS,
    "reportUndefinedVariable": frozenset({"NameError"}),
    "F821": frozenset({"NameError"}),
    "reportAttributeAccessIssue": _OF_IMPORTS | {"AttributeError"},
}
"""Diagnostic type -> the exceptions that it predicts."""

_VERSION = re.compile(
    r"(?:version_info|hexversion|python_version\w*|_?(?:is_?|has_?)?(?:py|python)_?[23]\w*)", re.IGNORECASE
)
"""A name that tells the version of Python: `sys.version_info`, `six.PY2`, `IS_PYTHON3`."""


def is_handled(text: str, diagnostic: Diagnostic) -> bool:
    """Whether the program catches what the diagnostic of this text predicts, or tries something else instead,
    or asks for the version of Python before.

    An import is also the program's own business where any exception is caught, and where it is what is tried
    after another one failed. In a text that does not parse nothing is.
    """
    raised = _RAISED.get(type_of_code(diagnostic.code))
    if raised is None:
        return False
    line = diagnostic.start_line + 1
    tries, imports, of_versions = _of_text(text)
    if line in of_versions:
        return True
    of_import = line in imports
    expected = raised | _ANY if of_import else raised - _OF_IMPORTS
    for tried in tries:
        catching = [handler for handler in tried.handlers if not expected.isdisjoint(_caught(handler))]
        if catching and _within(tried.body, line) and not _called_later(tried.body, line):
            return True
        if of_import and any(_within(handler.body, line) for handler in catching):
            return True
    return False


@lru_cache(maxsize=1)
def _of_text(text: str) -> tuple[tuple[ast.Try, ...], frozenset[int], frozenset[int]]:
    """The `try` statements, the lines of imports, and those that some version of Python does not run; kept,
    for a text has many diagnostics."""
    if (tree := tree_of(text)) is None:
        return (), frozenset(), frozenset()
    nodes = list(ast.walk(tree))
    imports = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    choices = [node for node in nodes if isinstance(node, ast.If | ast.IfExp) and _asks_version(node.test)]
    return (
        tuple(node for node in nodes if isinstance(node, ast.Try)),
        _lines(imports),
        _lines(chain.from_iterable(_branches(choice) for choice in choices)),
    )


def _branches(choice: ast.If | ast.IfExp) -> list[ast.stmt | ast.expr]:
    if isinstance(choice, ast.IfExp):
        return [choice.body, choice.orelse]
    return [*choice.body, *choice.orelse]


def _lines(nodes: Iterable[ast.stmt] | Iterable[ast.stmt | ast.expr]) -> frozenset[int]:
    return frozenset(
        chain.from_iterable(range(node.lineno, (node.end_lineno or node.lineno) + 1) for node in nodes)
    )


def _asks_version(condition: ast.expr) -> bool:
    """Whether a condition compares the version of Python."""
    for node in ast.walk(condition):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) if _VERSION.fullmatch(name):
                return True
            case ast.Attribute(value=ast.Name(id="sys"), attr="version"):
                return True
            case _:
                pass
    return False


def _within(body: list[ast.stmt], line: int) -> bool:
    decorators: list[ast.expr] = getattr(body[0], "decorator_list", [])
    first = min([body[0].lineno, *(decorator.lineno for decorator in decorators)])
    return first <= line <= (body[-1].end_lineno or 0)


def _called_later(body: list[ast.stmt], line: int) -> bool:
    """Whether the line is of a function that is defined there: it runs when nothing is caught any more."""
    nodes = (node for statement in body for node in ast.walk(statement))
    return any(
        _within(node.body, line) for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def _caught(handler: ast.ExceptHandler) -> Iterator[str]:
    """The names of the exceptions, without their modules; empty: all."""
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    for kind in kinds:
        if kind is None:
            yield ""
        elif isinstance(kind, ast.Name):
            yield kind.id
        elif isinstance(kind, ast.Attribute):
            yield kind.attr
