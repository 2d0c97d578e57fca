"""Reference mistakes: names, attributes and imports that do not exist, and assignments that are missing.

Tested by `tests/repair/sources/simulated/test_simulated.py`.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from random import Random

from repair.sources.simulated.edits import MistakeEdit, MistakeKind
from repair.sources.simulated.source_text import SourceText, misspelt

_FOREIGN_CONSTANTS = {None: "null", True: "true", False: "false"}
_FOREIGN_METHODS = {
    "append": "push",
    "strip": "trim",
    "startswith": "startsWith",
    "endswith": "endsWith",
    "lower": "toLowerCase",
    "upper": "toUpperCase",
    "items": "iteritems",
    "keys": "iterkeys",
    "decode": "toString",
    "extend": "concat",
    "join": "implode",
    "find": "indexOf",
    "get": "getOrDefault",
    "read": "readAll",
    "write": "writeln",
}


def _misspelt(source: SourceText, start: int, name: str, random: Random) -> Iterator[MistakeEdit]:
    slip = misspelt(name, source.names, random)
    if slip is not None:
        yield MistakeEdit(start, start + len(name), slip)


def misspelt_name(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A variable, function or class that is read under a name that does not exist."""
    for node in source.nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and len(node.id) > 2:
            yield from _misspelt(source, source.span(node)[0], node.id, random)


def _misspelt_attributes(source: SourceText, owners: frozenset[str], random: Random) -> Iterator[MistakeEdit]:
    for node in source.nodes:
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.ctx, ast.Load)
            and isinstance(node.value, ast.Name)
            and node.value.id in owners
            and len(node.attr) > 2
        ):
            start = source.span(node)[1] - len(node.attr)
            yield from _misspelt(source, start, node.attr, random)


def misspelt_own_attribute(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """`self.x` under a name that the class does not have."""
    return _misspelt_attributes(source, frozenset({"self", "cls"}), random)


def misspelt_module_attribute(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """`module.x` under a name that the module does not have."""
    return _misspelt_attributes(source, source.modules, random)


def foreign_method(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A method of a built-in type as another language calls it."""
    for node in source.nodes:
        if isinstance(node, ast.Call) and isinstance(method := node.func, ast.Attribute):
            foreign = _FOREIGN_METHODS.get(method.attr)
            if foreign is not None:
                end = source.span(method)[1]
                yield MistakeEdit(end - len(method.attr), end, foreign)


def foreign_constant(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """`None`, `True` and `False` as other languages write them."""
    for node in source.nodes:
        if isinstance(node, ast.Constant) and (node.value is None or isinstance(node.value, bool)):
            yield MistakeEdit(*source.span(node), _FOREIGN_CONSTANTS[node.value])


def dropped_self(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """`self.x` is read as `x`."""
    for node in source.nodes:
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.ctx, ast.Load)
            and isinstance(node.value, ast.Name)
            and node.value.id == "self"
        ):
            start, end = source.span(node)
            yield MistakeEdit(start, end - len(node.attr), "")


def missing_self(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A method without its first parameter."""
    for node in source.nodes:
        if not isinstance(node, ast.ClassDef):
            continue
        for method in node.body:
            if isinstance(method, ast.FunctionDef) and not method.decorator_list:
                parameters = [*method.args.posonlyargs, *method.args.args]
                if parameters and parameters[0].arg == "self" and not method.args.posonlyargs:
                    start, end = source.span(parameters[0])
                    # The comma and the blanks after `self` go too, if there are more parameters.
                    rest = source.text[end:]
                    comma = len(rest) - len(rest.removeprefix(",").lstrip(" ")) if rest[0] == "," else 0
                    yield MistakeEdit(start, end + comma, "")


def _imports(source: SourceText) -> Iterator[ast.Import | ast.ImportFrom]:
    for node in source.tree.body:
        if isinstance(node, ast.Import) or (isinstance(node, ast.ImportFrom) and node.module != "__future__"):
            yield node


def removed_import(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A needed import is removed."""
    used = Counter(node.id for node in source.nodes if isinstance(node, ast.Name))
    for node in _imports(source):
        names = [(alias.asname or alias.name).partition(".")[0] for alias in node.names]
        # Few uses: one mistake should not paint the whole file red each time.
        if source.alone(node) and 0 < sum(used[name] for name in names) <= 4:
            yield MistakeEdit(*source.lines_span(node), "")


def misspelt_import(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """`import collectons`, `from os import paht`."""
    for node in _imports(source):
        for alias in node.names:
            if alias.name != "*" and len(alias.name) > 2:
                yield from _misspelt(source, source.span(alias)[0], alias.name.partition(".")[0], random)


def _assignments(source: SourceText) -> Iterator[tuple[ast.Assign, bool]]:
    """Statements `name = ...` of functions, read later; and whether the name is bound elsewhere too."""
    for function in source.functions():
        inside = list(ast.walk(function))
        names = [node for node in inside if isinstance(node, ast.Name)]
        bound = Counter(node.id for node in names if isinstance(node.ctx, ast.Store))
        for node in function.body:
            match node:
                case ast.Assign(targets=[ast.Name(id=name)]) if source.alone(node):
                    end = node.end_lineno or node.lineno
                    read = any(
                        other.id == name and isinstance(other.ctx, ast.Load) and other.lineno > end
                        for other in names
                    )
                    if read and len(function.body) > 1:
                        yield node, bound[name] > 1
                case _:
                    pass


def removed_assignment(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A variable's only assignment is removed."""
    for node, elsewhere in _assignments(source):
        if not elsewhere:
            yield MistakeEdit(*source.lines_span(node), "")


def removed_initialisation(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A variable's first assignment is removed; those in branches and loops stay."""
    for node, elsewhere in _assignments(source):
        if elsewhere:
            yield MistakeEdit(*source.lines_span(node), "")


def compared_for_assigned(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """`x = y` becomes `x == y`."""
    for node, _ in _assignments(source):
        start, end = source.span(node.targets[0])[1], source.span(node.value)[0]
        offset = source.text.index("=", start, end)
        yield MistakeEdit(offset, offset + 1, "==")


def _bound(body: list[ast.stmt]) -> set[str]:
    nodes = [node for statement in body for node in ast.walk(statement)]
    return {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def removed_branch(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """The `else:` or `except:` branch that binds a variable as well no longer does."""
    for function in source.functions():
        for node in ast.walk(function):
            match node:
                case ast.If(body=body, orelse=[first, *_] as other) if _bound(body) & _bound(other):
                    # An `elif` is an `if` here, on the line of the branch itself.
                    start, end = source.lines_span(body[-1])[1], source.lines_span(first, other[-1])[1]
                    if source.text[start:end].lstrip().startswith("else"):
                        yield MistakeEdit(start, end, "")
                case ast.Try(body=body, handlers=[ast.ExceptHandler(body=[only])]) if isinstance(
                    only, ast.Assign
                ) and _bound(body) & _bound([only]):
                    yield MistakeEdit(*source.span(only), "pass")
                case _:
                    pass


def duplicate_definition(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A function is given the name of the one above it."""
    for body in source.bodies:
        for first, second in pairwise(body):
            if not isinstance(first, ast.FunctionDef) or not isinstance(second, ast.FunctionDef):
                continue
            if not first.decorator_list and not second.decorator_list and first.name != second.name:
                start = source.text.index(second.name, source.span(second)[0] + len("def"))
                yield MistakeEdit(start, start + len(second.name), first.name)


REFERENCE_MISTAKES = (
    MistakeKind("misspelt_name", misspelt_name, 8),
    MistakeKind("misspelt_own_attribute", misspelt_own_attribute, 5),
    MistakeKind("misspelt_module_attribute", misspelt_module_attribute, 4),
    MistakeKind("foreign_method", foreign_method, 2),
    MistakeKind("foreign_constant", foreign_constant, 2),
    MistakeKind("dropped_self", dropped_self, 2),
    MistakeKind("missing_self", missing_self, 3),
    MistakeKind("removed_import", removed_import, 3),
    MistakeKind("misspelt_import", misspelt_import, 2),
    MistakeKind("removed_assignment", removed_assignment, 2),
    MistakeKind("removed_initialisation", removed_initialisation, 3),
    MistakeKind("removed_branch", removed_branch, 2),
    MistakeKind("compared_for_assigned", compared_for_assigned, 1),
    MistakeKind("duplicate_definition", duplicate_definition, 2),
)
