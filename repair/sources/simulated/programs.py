"""Program slicing: cuts functions and classes of a module, with all that they need, into small programs.

A slice has the imports, constants, functions and classes that its functions reach, in the module's order, and
nothing else. What imports anything but the standard library is left out: the language servers see no other
package, so a program would begin with an error that no edit of it mends. Long docstrings keep their first
line, as in a program that somebody writes for themselves.

Tested by `tests/repair/sources/simulated/test_corpus.py`.
"""

import ast
import builtins
import sys
from collections.abc import Iterator

from repair.sources.simulated.source_text import SourceText

MINIMUM_LINES, MAXIMUM_LINES = 15, 60

_BUILTINS = frozenset(dir(builtins)) | {"__name__", "__file__", "__doc__"}

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def programs(text: str) -> Iterator[str]:
    """The slices of a module's text, each of `MINIMUM_LINES` to `MAXIMUM_LINES` lines."""
    module = _Module(text)
    names = frozenset[str]()
    for name in module.definitions:
        needed = module.closure(name)
        if needed is None or needed <= names:
            continue
        joined = module.rendered(names | needed)
        if joined.count("\n") <= MAXIMUM_LINES:
            names |= needed
            continue
        yield from _fitting(module.rendered(names))
        names = needed if module.rendered(needed).count("\n") <= MAXIMUM_LINES else frozenset()
    yield from _fitting(module.rendered(names))


def imports_standard_library_only(tree: ast.Module) -> bool:
    """Whether every import, in functions too, names a module of the standard library."""
    return all(
        _is_standard(name)
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [("." * node.level) + (node.module or "")]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    )


def _is_standard(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names


def _fitting(text: str) -> Iterator[str]:
    if MINIMUM_LINES <= text.count("\n") <= MAXIMUM_LINES:
        yield text


class _Module:
    """The top-level statements of a text by the names that they bind."""

    def __init__(self, text: str) -> None:
        self._source = SourceText(text)
        self._bound: dict[str, ast.stmt] = {}
        self._twice = set[str]()
        self._statements = [(node, _bound_names(node)) for node in self._source.tree.body]
        self._reached: dict[str, frozenset[str] | None] = {}
        for node, names in self._statements:
            for name in names:
                if name in self._bound:
                    self._twice.add(name)
                self._bound[name] = node
        self.definitions = [
            name
            for name, node in self._bound.items()
            if isinstance(node, Definition) and name not in self._twice
        ]

    def closure(self, name: str) -> frozenset[str] | None:
        """The names that `name` reaches, itself among them; None: one of them can't be had."""
        reached, pending = set[str](), [name]
        while pending:
            current = pending.pop()
            if current in reached:
                continue
            if current not in self._reached:
                self._reached[current] = self._read_by(current)
            read = self._reached[current]
            if read is None:
                return None
            reached.add(current)
            pending += sorted(read)
        return frozenset(reached)

    def _read_by(self, name: str) -> frozenset[str] | None:
        """The names of the module that the statement that binds `name` reads; None: it can't be had."""
        node = self._bound.get(name)
        if node is None or name in self._twice or not _is_portable(node):
            return None
        if isinstance(node, ast.Import | ast.ImportFrom):
            return frozenset()
        inside, read = _names(node)
        return frozenset(read - _BUILTINS - (inside - self._bound.keys()))

    def rendered(self, names: frozenset[str]) -> str:
        """A program of the statements that bind `names`."""
        imports = list[str]()
        others = list[str]()
        for node, bound in self._statements:
            chosen = [name for name in bound if name in names]
            match node:
                case ast.ImportFrom(module="__future__"):
                    imports.append(self._source.of(node))
                case ast.Import(names=aliases):
                    imports += [f"import {_spelled(alias)}" for alias in aliases if _local(alias) in names]
                case ast.ImportFrom(module=module, names=aliases) if chosen:
                    kept = ", ".join(_spelled(alias) for alias in aliases if _local(alias) in names)
                    imports.append(f"from {module} import {kept}")
                case _ if chosen:
                    start, end = self._source.lines_span(node)
                    blank = "\n\n" if isinstance(node, Definition) else ""
                    others.append(f"{blank}{self._with_short_docstrings(node, start, end).rstrip()}\n")
                case _:
                    pass
        if not others:
            return ""
        head = "".join(f"{line}\n" for line in imports)
        body = "".join(others)
        return f"{head}{'' if body.startswith(chr(10)) or not head else chr(10)}{body}".lstrip("\n")

    def _with_short_docstrings(self, node: ast.stmt, start: int, end: int) -> str:
        text, parts, at = self._source.text, list[str](), start
        for inner in sorted(_documented(node), key=lambda inner: inner.body[0].lineno):
            docstring = inner.body[0]
            first, last = self._source.span(docstring)
            line = text[first:last].split("\n")[0].rstrip()
            if "\n" in text[first:last] and line.startswith('"""') and len(line) > len('"""'):
                parts += [text[at:first], line, '"""']
                at = last
        return "".join([*parts, text[at:end]])


def _documented(node: ast.stmt) -> Iterator[Definition]:
    for inner in ast.walk(node):
        match inner:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                if ast.get_docstring(inner, clean=False) is not None and len(inner.body) > 1:
                    yield inner
            case _:
                pass


def _bound_names(node: ast.stmt) -> list[str]:
    match node:
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            return [_local(alias) for alias in aliases]
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
        case _:
            # What an `if` or a `try` binds depends on where it runs.
            return [
                inner.id
                for inner in ast.walk(node)
                if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store)
            ] * 2


def _is_portable(node: ast.stmt) -> bool:
    match node:
        case ast.Import(names=aliases):
            return all(_is_standard(alias.name) for alias in aliases)
        case ast.ImportFrom(module=str(module), names=aliases, level=0):
            return _is_standard(module) and aliases[0].name != "*"
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.Assign() | ast.AnnAssign():
            return imports_standard_library_only(ast.Module([node], []))
        case _:
            return False


def _names(node: ast.AST) -> tuple[set[str], set[str]]:
    """The names that a statement binds anywhere inside, and those that it reads."""
    bound, read = set[str](), set[str]()
    for inner in ast.walk(node):
        match inner:
            case ast.Name(id=name, ctx=ast.Load()):
                read.add(name)
            case ast.Name(id=name) | ast.arg(arg=name) | ast.ExceptHandler(name=str(name)):
                bound.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                bound.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                bound.update(_local(alias) for alias in aliases)
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                bound.add(name)
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                read.update(names)
            case _:
                pass
    return bound, read


def _local(alias: ast.alias) -> str:
    return alias.asname or alias.name.partition(".")[0]


def _spelled(alias: ast.alias) -> str:
    return f"{alias.name} as {alias.asname}" if alias.asname else alias.name
