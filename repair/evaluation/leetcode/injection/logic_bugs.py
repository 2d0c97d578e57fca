"""Mutators of DebugBench's bugs of logic that a server may report: of type checking, on the syntax tree.

Tested by `tests/repair/evaluation/leetcode/injection/test_mutators.py`.
"""

import ast
from collections.abc import Iterator

from repair.evaluation.leetcode.injection.solution import Function, ParsedSolution, Replacement

_SIGNS: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.FloorDiv: "//",
    ast.Mod: "%",
}
_WRONG = {"+": "-", "-": "+", "*": "+", "//": "/", "%": "/"}


def operation_error(solution: ParsedSolution) -> Iterator[Replacement]:
    """`left + right / 2` for `//`, `words - [word]` for `+`."""
    for node in solution.nodes:
        match node:
            case ast.BinOp(left=before, op=op, right=after) if type(op) in _SIGNS:
                sign, equals = _SIGNS[type(op)], ""
            case ast.AugAssign(target=before, op=op, value=after) if type(op) in _SIGNS:
                sign, equals = _SIGNS[type(op)], "="
            case _:
                continue
        start, end = solution.span(before)[1], solution.span(after)[0]
        if token := solution.between(start, end, sign + equals):
            yield Replacement(token.start, token.end, _WRONG[sign] + equals)


def variable_error(solution: ParsedSolution) -> Iterator[Replacement]:
    """A parameter or local variable of the function in the place of another."""
    for function in solution.functions:
        inside = [node for statement in function.body for node in ast.walk(statement)]
        names = _local_names(function, inside)
        for node in inside:
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in names:
                for other in sorted(names - {node.id}):
                    yield Replacement(*solution.span(node), other)


def other_error(solution: ParsedSolution) -> Iterator[Replacement]:
    """A call of a function of the solution without its last argument, `return [ans]` for `return ans`."""
    own = {function.name for function in solution.functions}
    for node in solution.nodes:
        match node:
            case ast.Call(
                func=ast.Name(id=name) | ast.Attribute(attr=name), args=[*_, before, last], keywords=[]
            ):
                start, comma_to, end = solution.span(before)[1], *solution.span(last)
                if name in own and solution.text[start:comma_to].strip() == ",":
                    yield Replacement(start, end, "")
            case ast.Return(value=ast.Name() as value):
                yield Replacement(*solution.span(value), f"[{value.id}]")
            case _:
                pass


def _local_names(function: Function, inside: list[ast.AST]) -> set[str]:
    arguments = function.args
    parameters = {
        argument.arg for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    }
    stored = {node.id for node in inside if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return (parameters | stored) - {"self", "_"}
