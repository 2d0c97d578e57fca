"""Static index of one Python module: its top-level definitions, its imports, and what a definition refers to.

Nothing is imported or run. Two definitions have the same normal form if they differ in comments, docstrings,
formatting, place in the file, or the annotations of functions and variables; the annotations of a class's
fields count, because dataclasses and validators read them.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

READS_DOCSTRINGS = frozenset({"dspy"})
"""Packages that make something of a subclass's docstring: dspy sends it to the model."""

IGNORED_DECORATORS = frozenset({"dagster"})
"""Packages whose decorators say when and where a function runs and not what it returns."""

_SKIPPED_FIELDS = frozenset({"ctx", "type_comment", "type_params", "returns", "simple", "kind"})

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@dataclass(frozen=True, slots=True, order=True)
class Imported:
    """What an import binds a name to: a module, or (`name` not empty) a name of that module."""

    module: str
    name: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """`name.attribute.attribute` as it is spelt; `imported`: bound by an import in the function itself."""

    name: str
    attributes: tuple[str, ...] = ()
    imported: Imported | None = None


@dataclass(frozen=True, slots=True)
class Definition:
    """What one or more statements say, without what is for readers."""

    normal_form: str
    references: frozenset[Reference]
    strings: frozenset[str]


@dataclass(slots=True)
class ModuleIndex:
    """The top level of a module."""

    name: str
    package: str
    """What a relative import starts from."""
    bindings: dict[str, list[ast.stmt]] = field(default_factory=dict[str, list[ast.stmt]])
    """Name -> the statements that define it."""
    imports: dict[str, list[Imported]] = field(default_factory=dict[str, list[Imported]])
    star_imports: list[str] = field(default_factory=list[str])
    effects: list[ast.stmt] = field(default_factory=list[ast.stmt])
    """Statements that define no name, such as a registration: they run whichever definition is used."""

    @classmethod
    def of(cls, source: str | bytes, name: str, *, is_package: bool) -> "ModuleIndex":
        """The index of a module's source. Raises SyntaxError."""
        index = cls(name, name if is_package else name.rpartition(".")[0])
        for statement in ast.parse(source).body:
            index._add(statement)
        return index

    def definition(self, name: str) -> Definition:
        """The definition of `name`."""
        return self._definition(self.bindings[name])

    def effect(self) -> Definition:
        """All statements that define no name, as one definition."""
        return self._definition(self.effects)

    def _definition(self, statements: Iterable[ast.stmt]) -> Definition:
        found = _ReferenceVisitor(self)
        written: list[str] = []
        for statement in statements:
            found.visit(statement)
            self._write(statement, written, annotations=False)
        return Definition("".join(written), frozenset(found.references), frozenset(found.strings))

    def _add(self, statement: ast.stmt) -> None:
        if _is_text(statement) or _is_test_of(statement, "TYPE_CHECKING", "__name__"):
            return
        imported = list(_imports(statement, self.package))
        for name, target in imported:
            if name == "*":
                self.star_imports.append(target.module)
            else:
                self.imports.setdefault(name, []).append(target)
        names = _bound_names([statement])
        for name in names:
            self.bindings.setdefault(name, []).append(statement)
        if not names and not _only_imports(statement):
            self.effects.append(statement)

    def _write(self, node: ast.AST, out: list[str], *, annotations: bool) -> None:
        """Appends the normal form, which is the same for every version of Python's `ast`."""
        if isinstance(node, ast.AnnAssign) and not annotations:
            if node.value is None:
                return
            node = ast.Assign([node.target], node.value)
        is_class = isinstance(node, ast.ClassDef)
        out.append(f"({type(node).__name__}")
        for name, value in ast.iter_fields(node):
            if name in _SKIPPED_FIELDS or (name == "annotation" and isinstance(node, ast.arg)):
                continue
            if isinstance(value, ast.AST):
                self._write(value, out, annotations=False)
            elif isinstance(value, list):
                out.append("[")
                for number, part in enumerate(value):
                    if isinstance(part, ast.AST):
                        if not self._is_for_readers(node, name, number, part):
                            self._write(part, out, annotations=is_class and name == "body")
                    else:
                        out.append(repr(part))
                out.append("]")
            elif value is not None:
                out.append(f" {value!r}")
            else:
                out.append("-")
        out.append(")")

    def _is_for_readers(self, parent: ast.AST, field_name: str, number: int, part: ast.AST) -> bool:
        if field_name == "decorator_list":
            return self.is_ignored_decorator(part)
        if isinstance(part, ast.Pass):
            return True
        if not _is_text(part) or field_name not in ("body", "orelse", "finalbody"):
            return False
        return number > 0 or not (isinstance(parent, ast.ClassDef) and self.keeps_docstring(parent))

    def keeps_docstring(self, node: ast.ClassDef) -> bool:
        return any(self._package_of(base) in READS_DOCSTRINGS for base in node.bases)

    def is_ignored_decorator(self, node: ast.AST) -> bool:
        return self._package_of(node.func if isinstance(node, ast.Call) else node) in IGNORED_DECORATORS

    def _package_of(self, node: ast.AST) -> str:
        name = _spelt(node)
        targets = self.imports.get(name[0], ()) if name else ()
        return next((target.module.partition(".")[0] for target in targets), "")


class _ReferenceVisitor(ast.NodeVisitor):
    """Collects the names that are looked up outside the visited statements, scope by scope."""

    def __init__(self, index: ModuleIndex) -> None:
        self.references: set[Reference] = set()
        self.strings: set[str] = set()
        self._index = index
        self._scopes: list[dict[str, list[Imported]]] = []
        self._in_class = False

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self._refer(node.id, ())

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if spelt := _spelt(node):
            self._refer(spelt[0], tuple(spelt[1:]))
        else:
            self.visit(node.value)

    def visit_Global(self, node: ast.Global) -> None:
        for name in node.names:
            self.references.add(Reference(name))

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self.strings.add(node.value)

    def visit_Expr(self, node: ast.Expr) -> None:
        if not _is_text(node):
            self.visit(node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.target)
        if node.value is not None:
            self.visit(node.value)
        if self._in_class:
            self.visit(node.annotation)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for part in (*node.decorator_list, *node.bases, *node.keywords):
            self.visit(part)
        outer, self._in_class = self._in_class, True
        for statement in node.body:
            self.visit(statement)
        self._in_class = outer

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._visit_function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._visit_function(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._visit_defaults(node.args)
        self._visit_scope({name: [] for name in _parameters(node.args)}, [node.body])

    def visit_ListComp(self, node: ast.ListComp) -> None:
        self._visit_comprehension(node)

    def visit_SetComp(self, node: ast.SetComp) -> None:
        self._visit_comprehension(node)

    def visit_DictComp(self, node: ast.DictComp) -> None:
        self._visit_comprehension(node)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> None:
        self._visit_comprehension(node)

    def _visit_function(self, node: _Function) -> None:
        for decorator in node.decorator_list:
            if not self._index.is_ignored_decorator(decorator):
                self.visit(decorator)
        self._visit_defaults(node.args)
        bound = _bound_names(node.body) | set(_parameters(node.args))
        for declared in _walk_scope(node.body):
            if isinstance(declared, ast.Global | ast.Nonlocal):
                bound -= set(declared.names)
        scope: dict[str, list[Imported]] = {name: [] for name in bound}
        for statement in node.body:
            for name, target in _imports(statement, self._index.package):
                scope.setdefault(name, []).append(target)
        self._visit_scope(scope, node.body)

    def _visit_defaults(self, arguments: ast.arguments) -> None:
        for default in (*arguments.defaults, *arguments.kw_defaults):
            if default is not None:
                self.visit(default)

    def _visit_comprehension(self, node: _Comprehension) -> None:
        self.visit(node.generators[0].iter)  # it is evaluated outside
        targets = [generator.target for generator in node.generators]
        names = {part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)}
        self._visit_scope({name: [] for name in names}, list(ast.iter_child_nodes(node)))

    def _visit_scope(self, scope: dict[str, list[Imported]], body: Iterable[ast.AST]) -> None:
        outer, self._in_class = self._in_class, False
        self._scopes.append(scope)
        for node in body:
            self.visit(node)
        self._scopes.pop()
        self._in_class = outer

    def _refer(self, name: str, attributes: tuple[str, ...]) -> None:
        for scope in reversed(self._scopes):
            if name in scope:
                self.references.update(Reference(name, attributes, target) for target in scope[name])
                return
        self.references.add(Reference(name, attributes))


def _spelt(node: ast.AST) -> list[str]:
    """`a.b.c` as its names; empty for anything else."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return [node.id, *reversed(names)] if isinstance(node, ast.Name) else []


def _is_text(node: ast.AST) -> bool:
    """A docstring, or a string that says something of the line before it."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _is_test_of(node: ast.AST, *names: str) -> bool:
    """`if TYPE_CHECKING:`, `if __name__ == "__main__":`: what does not run when a definition is used."""
    if not isinstance(node, ast.If) or node.orelse:
        return False
    test = node.test.left if isinstance(node.test, ast.Compare) else node.test
    return bool(spelt := _spelt(test)) and spelt[-1] in names


def _only_imports(node: ast.stmt) -> bool:
    return all(
        isinstance(part, ast.Import | ast.ImportFrom | ast.Pass | ast.If | ast.Try | ast.With)
        for part in _walk_scope([node])
        if isinstance(part, ast.stmt)
    )


def _imports(statement: ast.stmt, package: str) -> Iterator[tuple[str, Imported]]:
    """Each name that the imports in a statement bind, and to what; nested functions are not looked into."""
    for node in _walk_scope([statement]):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.asname:
                    yield alias.asname, Imported(alias.name)
                else:
                    top = alias.name.partition(".")[0]
                    yield top, Imported(top)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                parts = package.split(".")
                module = ".".join([*parts[: len(parts) - node.level + 1], *([module] if module else [])])
            for alias in node.names:
                yield alias.asname or alias.name, Imported(module, alias.name)


def _walk_scope(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """The nodes of a scope; of functions, classes and comprehensions in it, only they themselves."""
    pending = list(body)
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, _Function | ast.ClassDef | ast.Lambda | _Comprehension):
            pending.extend(ast.iter_child_nodes(node))


def _bound_names(body: Iterable[ast.stmt]) -> set[str]:
    names: set[str] = set()
    for node in _walk_scope(body):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                names.add(name)
            case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                names.add(name)
            case _:
                pass
    return names


def _parameters(arguments: ast.arguments) -> list[str]:
    every = [
        *arguments.posonlyargs,
        *arguments.args,
        *arguments.kwonlyargs,
        arguments.vararg,
        arguments.kwarg,
    ]
    return [argument.arg for argument in every if argument is not None]
