"""Names that a program expects to be absent: imports, names and attributes whose exception it catches.

```
try:
    text = unicode            # Python 2
except NameError:
    text = str
```

A language server reports `unicode`, and there is nothing to repair: what is put in its place breaks the other
version, platform or installation that the program was written for.

Tested by `tests/repair/diagnostics/test_handled_names.py`.
"""

import ast
from collections.abc import Iterator

from repair.diagnostics.codes import type_of_code
from repair.diagnostics.diagnostic import Diagnostic

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


def is_handled(text: str, diagnostic: Diagnostic) -> bool:
    """Whether the program catches what the diagnostic of this text predicts, or tries something else instead.

    An import is also the program's own business where any exception is caught, and where it is what is tried
    after another one failed. In a text that does not parse nothing is.
    """
    raised = _RAISED.get(type_of_code(diagnostic.code))
    if raised is None:
        return False
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    line = diagnostic.start_line + 1
    for tried in (node for node in ast.walk(tree) if isinstance(node, ast.Try)):
        of_import = _is_import(tried, line)
        expected = raised | _ANY if of_import else raised - _OF_IMPORTS
        catching = [handler for handler in tried.handlers if not expected.isdisjoint(_caught(handler))]
        if catching and _within(tried.body, line):
            return True
        if of_import and any(_within(handler.body, line) for handler in catching):
            return True
    return False


def _is_import(tried: ast.Try, line: int) -> bool:
    return any(
        isinstance(node, ast.Import | ast.ImportFrom) and node.lineno <= line <= (node.end_lineno or 0)
        for node in ast.walk(tried)
    )


def _within(body: list[ast.stmt], line: int) -> bool:
    return body[0].lineno <= line <= (body[-1].end_lineno or 0)


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
