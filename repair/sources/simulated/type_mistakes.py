"""Type mistakes, which a type checker reports, and a few mistakes that a linter fixes by itself.

Tested by `tests/repair/sources/simulated/test_simulated.py`.
"""

import ast
from collections.abc import Iterator
from random import Random

from repair.sources.simulated.edits import MistakeEdit, MistakeKind
from repair.sources.simulated.source_text import SourceText, misspelt

# A wrong only argument for a built-in function that is called with one.
_WRONG_ONLY_ARGUMENT = {
    "len": "0",
    "range": '"10"',
    "open": "None",
    "int": "None",
    "ord": "0",
    "chr": '"a"',
    "sum": "1",
    "sorted": "1",
    "list": "1",
    "tuple": "1",
    "set": "1",
    "iter": "1",
    "enumerate": "1",
    "reversed": "1",
    "float": "None",
    "abs": '"1"',
}
_CALLED_WITH_ARGUMENTS = frozenset(
    ("len", "isinstance", "getattr", "hasattr", "setattr", "int", "ord", "chr", "open", "repr", "range")
)


def _plain_calls(source: SourceText) -> Iterator[ast.Call]:
    """Calls with one or more positional arguments and nothing else."""
    for node in source.nodes:
        match node:
            case ast.Call(args=[_, *_] as arguments, keywords=[]) if not any(
                isinstance(argument, ast.Starred | ast.GeneratorExp) for argument in arguments
            ):
                yield node
            case _:
                pass


def _known_calls(source: SourceText) -> Iterator[ast.Call]:
    """Plain calls of functions with known parameters: built-in ones and the text's own."""
    own = {node.name for node in source.functions() if not node.decorator_list and not node.args.vararg}
    for call in _plain_calls(source):
        match call.func:
            case ast.Name(id=name) if name in own or name in _CALLED_WITH_ARGUMENTS:
                yield call
            case ast.Attribute(value=ast.Name(id="self"), attr=name) if name in own:
                yield call
            case _:
                pass


def index_for_call(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """`len(x)` becomes `len[x]`."""
    for call in _known_calls(source):
        start, end = source.span(call.func)[1], source.span(call)[1]
        if source.text[start] == "(":
            yield MistakeEdit(start, end, f"[{source.text[start + 1 : end - 1]}]")


def call_for_index(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """`x[i]` becomes `x(i)`."""
    for node in source.nodes:
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            start, end = source.span(node.value)[1], source.span(node)[1]
            if source.text[start] == "[" and not isinstance(node.slice, ast.Slice | ast.Tuple):
                yield MistakeEdit(start, end, f"({source.text[start + 1 : end - 1]})")


def misspelt_argument(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A keyword argument under a name that the function does not have."""
    for node in source.nodes:
        if isinstance(node, ast.keyword) and node.arg is not None and len(node.arg) > 2:
            slip = misspelt(node.arg, source.names, random)
            if slip is not None:
                start = source.span(node)[0]
                yield MistakeEdit(start, start + len(node.arg), slip)


def missing_argument(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """The last argument is left out."""
    for call in _known_calls(source):
        if len(call.args) > 1:
            yield MistakeEdit(source.span(call.args[-2])[1], source.span(call.args[-1])[1], "")
        else:
            yield MistakeEdit(*source.span(call.args[0]), "")


def extra_argument(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """One argument too many."""
    for call in _known_calls(source):
        end = source.span(call.args[-1])[1]
        yield MistakeEdit(end, end, random.choice([", None", ", 0", ', ""']))


def wrong_argument(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """An argument of a type that the function does not take."""
    for call in _plain_calls(source):
        match call.func:
            case ast.Name(id=name) if name in _WRONG_ONLY_ARGUMENT and len(call.args) == 1:
                yield MistakeEdit(*source.span(call.args[0]), _WRONG_ONLY_ARGUMENT[name])
            case ast.Name(id="isinstance" | "issubclass") if isinstance(call.args[-1], ast.Name):
                yield MistakeEdit(*source.span(call.args[-1]), f'"{call.args[-1].id}"')
            case ast.Name(id="getattr" | "hasattr") if len(call.args) > 1:
                yield MistakeEdit(*source.span(call.args[1]), "0")
            case ast.Attribute():
                for argument in call.args:
                    if isinstance(argument, ast.Constant) and isinstance(argument.value, str | bytes):
                        yield MistakeEdit(*source.span(argument), "0")
            case _:
                pass


def wrong_operand(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A number and a string are added."""
    for node in source.nodes:
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
            for side in (node.left, node.right):
                match side:
                    case ast.Constant(value=bool()):
                        pass
                    case ast.Constant(value=int()):
                        yield MistakeEdit(*source.span(side), f'"{source.of(side)}"')
                    case ast.Constant(value=str()) if side.lineno == side.end_lineno:
                        yield MistakeEdit(*source.span(side), "1")
                    case _:
                        pass


def removed_guard(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """`if x is None: ...` before a use of `x` is removed."""
    for body in source.bodies:
        for node in body[:-1]:
            match node:
                case ast.If(
                    test=ast.Compare(ops=[ast.Is()], comparators=[ast.Constant(value=None)])
                    | ast.UnaryOp(op=ast.Not(), operand=ast.Name() | ast.Attribute()),
                    orelse=[],
                ) if source.alone(node):
                    yield MistakeEdit(*source.lines_span(node), "")
                case _:
                    pass
    for node in source.nodes:
        if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
            match node.values[0]:
                case ast.Compare(ops=[ast.IsNot()], comparators=[ast.Constant(value=None)]):
                    yield MistakeEdit(source.span(node.values[0])[0], source.span(node.values[1])[0], "")
                case _:
                    pass


def _used_as_object(name: str, statements: list[ast.stmt]) -> bool:
    """Whether the variable is used in a way that `None` does not allow."""
    for node in (node for statement in statements for node in ast.walk(statement)):
        match node:
            case (
                ast.Attribute(value=ast.Name(id=used))
                | ast.Subscript(value=ast.Name(id=used))
                | ast.For(iter=ast.Name(id=used))
            ) if used == name:
                return True
            case _:
                pass
    return False


def optional_value(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A variable may be None (or starts as None) although it is used as before."""
    for function in source.functions():
        parameters = [argument.arg for argument in function.args.args if argument.arg not in ("self", "cls")]
        for number, node in enumerate(function.body):
            match node:
                case ast.Assign(
                    targets=[ast.Name(id=name)],
                    value=ast.Call() | ast.Attribute() | ast.List() | ast.Dict() | ast.Subscript() as value,
                ) if _used_as_object(name, function.body[number + 1 :]):
                    start, end = source.span(value)
                    if parameters:
                        yield MistakeEdit(end, end, f" if {parameters[0]} else None")
                    else:
                        yield MistakeEdit(start, end, "None")
                case _:
                    pass


def needless_f_string(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """An f-string without an expression, which the linter fixes by itself."""
    for node in source.nodes:
        match node:
            case ast.Call(args=[ast.Constant(value=str(text)), *_]) if "{" not in text and "}" not in text:
                start, _ = source.span(node.args[0])
                if source.text[start] in "'\"" and not source.text.startswith(('"""', "'''"), start):
                    yield MistakeEdit(start, start, "f")
            case _:
                pass


def unused_import(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """An unused import, which the linter removes by itself."""
    for node in source.tree.body:
        if isinstance(node, ast.Import) and source.alone(node):
            names = [name for name in ("json", "random", "math", "time") if name not in source.names]
            start = source.span(node)[0]
            if names:
                yield MistakeEdit(start, start, f"import {random.choice(names)}\n")


def bare_except(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """`except Error:` becomes `except:`."""
    for node in source.nodes:
        if isinstance(node, ast.Try) and len(node.handlers) == 1:
            handler = node.handlers[0]
            if handler.type is not None and handler.name is None:
                start, end = source.span(handler.type)
                yield MistakeEdit(start - 1, end, "")


def number_in_text(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """`"a" + str(x)` becomes `"a" + x`."""
    for node in source.nodes:
        match node:
            case ast.Call(func=ast.Name(id="str" | "int" | "float"), args=[argument], keywords=[]):
                if not isinstance(argument, ast.Starred | ast.GeneratorExp):
                    yield MistakeEdit(*source.span(node), source.of(argument))
            case _:
                pass


def missing_call(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """`x.strip().split()` becomes `x.strip.split()`."""
    for node in source.nodes:
        match node:
            case ast.Attribute(value=ast.Call(func=ast.Attribute(), args=[], keywords=[]) as call):
                end = source.span(call)[1]
                if source.text.endswith("()", 0, end):
                    yield MistakeEdit(end - 2, end, "")
            case _:
                pass


def argument_outside_call(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A call's bracket is closed before its last argument: `x = f(a), b`."""
    for call in _known_calls(source):
        if len(call.args) > 1:
            start, end = source.span(call.args[-2])[1], source.span(call)[1]
            if source.text[end - 1] == ")" and "\n" not in source.text[start:end]:
                yield MistakeEdit(start, end, ")" + source.text[start : end - 1])


def none_by_default(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """An annotated parameter or variable begins as None, which its type excludes."""
    for function in source.functions():
        arguments = [*function.args.posonlyargs, *function.args.args][-len(function.args.defaults) or None :]
        for argument, default in zip(arguments, function.args.defaults, strict=False):
            match argument.annotation:
                case ast.Name(id="int" | "str" | "float" | "bool" | "bytes" | "list" | "dict"):
                    if isinstance(default, ast.Constant) and default.value is not None:
                        yield MistakeEdit(*source.span(default), "None")
                case _:
                    pass


def none_returned(source: SourceText, random: Random) -> Iterator[MistakeEdit]:
    """A function whose annotation excludes it returns None."""
    for function in source.functions():
        match function.returns:
            case ast.Name(id="int" | "str" | "float" | "bool" | "bytes" | "list" | "dict") | ast.Subscript():
                for node in ast.walk(function):
                    if isinstance(node, ast.Return) and node.value is not None and source.simple(node):
                        start = source.span(node)[0] + len("return")
                        yield MistakeEdit(start, source.span(node)[1], random.choice(["", " None"]))
            case _:
                pass


TYPE_MISTAKES = (
    MistakeKind("index_for_call", index_for_call, 5),
    MistakeKind("call_for_index", call_for_index, 3),
    MistakeKind("misspelt_argument", misspelt_argument, 3),
    MistakeKind("missing_argument", missing_argument, 4),
    MistakeKind("extra_argument", extra_argument, 3),
    MistakeKind("argument_outside_call", argument_outside_call, 2),
    MistakeKind("wrong_argument", wrong_argument, 6),
    MistakeKind("wrong_operand", wrong_operand, 5),
    MistakeKind("number_in_text", number_in_text, 4),
    MistakeKind("missing_call", missing_call, 3),
    MistakeKind("removed_guard", removed_guard, 2),
    MistakeKind("optional_value", optional_value, 6),
    MistakeKind("none_by_default", none_by_default, 2),
    MistakeKind("none_returned", none_returned, 3),
    MistakeKind("needless_f_string", needless_f_string, 1),
    MistakeKind("unused_import", unused_import, 1),
    MistakeKind("bare_except", bare_except, 1),
)
