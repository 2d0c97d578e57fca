"""Definition mistakes: a name is wrong where it is defined, so that a later line is reported.

Tested by `tests/repair/sources/simulated/test_mistakes.py`.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from random import Random

from repair.sources.simulated.edits import MistakeEdit, MistakeKind
from repair.sources.simulated.source_text import SourceText, misspelt

_MOST_USES = 4
"""One mistake should not paint the whole file red each time."""


def _slip(source: SourceText, start: int, name: str, random: Random) -> Iterator[MistakeEdit]:
    slip = misspelt(name, source.names, random)
    if slip is not None:
        yield MistakeEdit(start, start + len(name), slip)


def _names(node: ast.AST) -> tuple[Counter[str], Counter[str]]:
    """How often each name is bound and read in `node`."""
    names = [inner for inner in ast.walk(node) if isinstance(inner, ast.Name)]
    return (
        Counter(inner.id for inner in names if isinstance(inner.ctx, ast.Store)),
        Counter(inner.id for inner in names if isinstance(inner.ctx, ast.Load)),
    )


def misspelt_target(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A local variable is bound under another name than it is read."""
    for function in source.functions():
        bound, read = _names(function)
        for node in ast.walk(function):
            match node:
                case ast.Name(id=name, ctx=ast.Store()) if len(name) > 2 and bound[name] == 1:
                    if 0 < read[name] <= _MOST_USES:
                        yield from _slip(source, source.span(node)[0], name, random)
                case _:
                    pass


def misspelt_parameter(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A parameter has another name than the function's body reads."""
    for function in source.functions():
        _, read = _names(function)
        for argument in function.args.args:
            if len(argument.arg) > 2 and argument.arg != "self" and 0 < read[argument.arg] <= _MOST_USES:
                yield from _slip(source, source.span(argument)[0], argument.arg, random)


def misspelt_definition(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A function or class is defined under another name than it is used."""
    _, read = _names(source.tree)
    read.update(node.attr for node in source.nodes if isinstance(node, ast.Attribute))
    for node in source.nodes:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and 0 < read[node.name] <= _MOST_USES:
            head = "class" if isinstance(node, ast.ClassDef) else "def"
            start = source.text.index(node.name, source.span(node)[0] + len(head))
            yield from _slip(source, start, node.name, random)


def wrong_loop_variable(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A loop's body reads another variable than the loop has."""
    for node in source.nodes:
        match node:
            case ast.For(target=ast.Name(id=name) as target):
                inside = {name for statement in node.body for name in _names(statement)[1]}
                for other in ("i", "j", "item", "element", "line", "x"):
                    if name in inside and other not in source.names:
                        yield MistakeEdit(*source.span(target), other)
            case _:
                pass


def wrong_case(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A name is read with a capital letter too many or too few."""
    for node in source.nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and len(node.id) > 1:
            first = node.id[0]
            changed = (first.lower() if first.isupper() else first.upper()) + node.id[1:]
            if changed not in source.names and changed.isidentifier() and changed != node.id:
                yield MistakeEdit(*source.span(node), changed)


DEFINITION_MISTAKES = (
    MistakeKind("misspelt_target", misspelt_target, 3),
    MistakeKind("misspelt_parameter", misspelt_parameter, 2),
    MistakeKind("misspelt_definition", misspelt_definition, 2),
    MistakeKind("wrong_loop_variable", wrong_loop_variable, 1),
    MistakeKind("wrong_case", wrong_case, 3),
)
