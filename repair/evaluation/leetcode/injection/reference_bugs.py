"""Mutators of DebugBench's reference bugs, on the syntax tree: each yields every place for its bug.

Tested by `tests/repair/evaluation/leetcode/injection/test_mutators.py`.
"""

import ast
import builtins
from collections.abc import Iterator

from repair.evaluation.leetcode.injection.solution import ParsedSolution, Replacement

_NUMBERS = frozenset({"int", "float", "bool"})
_FOREIGN_CALLS = {
    "append": ("push", "push_back"),
    "pop": ("removeLast",),
    "popleft": ("shift", "poll"),
    "appendleft": ("unshift",),
    "lower": ("toLowerCase",),
    "upper": ("toUpperCase",),
    "startswith": ("startsWith",),
    "find": ("indexOf",),
    "items": ("entrySet",),
    "add": ("insert",),
}
_FOREIGN_FUNCTIONS = {
    "max": ("Math.max",),
    "min": ("Math.min",),
    "abs": ("Math.abs",),
    "int": ("parseInt",),
    "float": ("parseFloat",),
    "str": ("toString",),
    "list": ("ArrayList",),
    "set": ("HashSet",),
    "dict": ("HashMap",),
    "defaultdict": ("HashMap",),
    "Counter": ("HashMap",),
    "deque": ("ArrayDeque",),
    "sorted": ("sort",),
    "heappush": ("priority_queue.push",),
    "print": ("console.log", "println"),
    "len": ("sizeof",),
}
_FOREIGN_TOKENS = {
    **{"None": "null", "True": "true", "False": "false", "and": "&&", "or": "||", "elif": "else if"},
    **{"def": "function", "self": "this"},
}
_FOREIGN_DECLARATIONS = ("var", "let", "int")


def undefined_objects(solution: ParsedSolution) -> Iterator[Replacement]:
    """A variable under a name that nothing defines: `for x in nums_list`."""
    for name in _variables(solution):
        for new in (f"{name.id}_list", f"new_{name.id}", f"undefined_{name.id}", "undefined_variable"):
            if new not in solution.names:
                yield Replacement(*solution.span(name), new)


def undefined_methods(solution: ParsedSolution) -> Iterator[Replacement]:
    """`stack.appendAll(x)`, `self.max(a, b)`, `undefinedFunction(x)`: what is called does not exist."""
    for node in solution.nodes:
        match node:
            case ast.Call(func=ast.Attribute(attr=attribute) as called):
                end = solution.span(called)[1]
                for new in (f"{attribute}All", f"{attribute}_item", "undefined_method"):
                    if new not in solution.names:
                        yield Replacement(end - len(attribute), end, new)
            case ast.Call(func=ast.Name(id=name) as called):
                start, end = solution.span(called)
                if "self" in solution.names:
                    yield Replacement(start, end, f"self.{name}")
                for new in (f"compute_{name}", "undefinedFunction"):
                    if new not in solution.names:
                        yield Replacement(start, end, new)
            case _:
                pass


def illegal_keywords(solution: ParsedSolution) -> Iterator[Replacement]:
    """`null`, `&&`, `else if`, `var x = 1`, `x++`, `Math.max(a, b)`, `nums.length`, `stack.push(x)`."""
    for token in solution.tokens:
        if new := _FOREIGN_TOKENS.get(token.string):
            yield Replacement(token.start, token.end, new)
    for node in solution.nodes:
        match node:
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                yield Replacement(solution.span(node)[0], solution.span(operand)[0], "!")
            case ast.Assign(targets=[ast.Name()]):
                start = solution.span(node)[0]
                for keyword in _FOREIGN_DECLARATIONS:
                    yield Replacement(start, start, f"{keyword} ")
            case ast.AugAssign(target=target, op=ast.Add() | ast.Sub(), value=ast.Constant(value=1)):
                sign = "++" if isinstance(node.op, ast.Add) else "--"
                yield Replacement(*solution.span(node), f"{solution.part(target)}{sign}")
            case ast.Call(func=ast.Name(id="len"), args=[ast.Name(id=name)]):
                yield Replacement(*solution.span(node), f"{name}.length")
            case ast.Call(func=ast.Name(id=name) as called):
                for new in _FOREIGN_FUNCTIONS.get(name, ()):
                    yield Replacement(*solution.span(called), new)
            case ast.Call(func=ast.Attribute(attr=attribute) as called):
                end = solution.span(called)[1]
                for new in _FOREIGN_CALLS.get(attribute, ()):
                    yield Replacement(end - len(attribute), end, new)
            case ast.Subscript(value=ast.Name(id="List" | "list") as name, slice=index, ctx=ast.Load()):
                if not isinstance(index, ast.Slice):
                    yield Replacement(*solution.span(name), "Array")
                    yield Replacement(*solution.span(node), f"List<{solution.part(index)}>")
            case _:
                pass


def faulty_indexing(solution: ParsedSolution) -> Iterator[Replacement]:
    """`n[0]` of a number, `nums[i][0]` of an item, `grid[i, j]`, `nums["i"]`, `return ans[0]`.

    An index that is one too high is no bug that a server could see.
    """
    numbers = _numbers(solution)
    for name in _variables(solution):
        if name.id in numbers:
            end = solution.span(name)[1]
            yield Replacement(end, end, "[0]")
    annotations = _inside_annotations(solution)
    for node in solution.nodes:
        match node:
            case _ if id(node) in annotations:
                pass
            case ast.Subscript(value=ast.Subscript(value=inner, slice=first), slice=second, ctx=ast.Load()):
                if not isinstance(first, ast.Slice) and not isinstance(second, ast.Slice):
                    index = f"[{solution.part(first)}, {solution.part(second)}]"
                    yield Replacement(solution.span(inner)[1], solution.span(node)[1], index)
            case ast.Subscript(value=ast.Name(), slice=ast.Name(id=index) as place, ctx=ast.Load()):
                end = solution.span(node)[1]
                yield Replacement(end, end, "[0]")
                yield Replacement(*solution.span(place), f'"{index}"')
            case ast.Return(value=ast.Name() as value):
                end = solution.span(value)[1]
                yield Replacement(end, end, "[0]")
            case _:
                pass


def _variables(solution: ParsedSolution) -> Iterator[ast.Name]:
    """Variables that are read: no builtins, no called functions, nothing in an annotation."""
    called = {id(node.func) for node in solution.nodes if isinstance(node, ast.Call)}
    passed_over = called | _inside_annotations(solution)
    for node in solution.nodes:
        match node:
            case ast.Name(id=name, ctx=ast.Load()) if name != "self" and not hasattr(builtins, name):
                if id(node) not in passed_over:
                    yield node
            case _:
                pass


def _inside_annotations(solution: ParsedSolution) -> set[int]:
    """The ids of the nodes in annotations and decorators."""
    outer = (found for node in solution.nodes for found in _annotations(node))
    return {id(inner) for node in outer for inner in ast.walk(node)}


def _annotations(node: ast.AST) -> Iterator[ast.expr]:
    match node:
        case ast.arg(annotation=ast.expr() as found) | ast.AnnAssign(annotation=found):
            yield found
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            yield from node.decorator_list
            if node.returns:
                yield node.returns
        case _:
            pass


def _numbers(solution: ParsedSolution) -> set[str]:
    """Names that only ever are numbers: parameters declared so, results of `len`, constants."""
    values = {
        id(node.targets[0]): node.value
        for node in solution.nodes
        if isinstance(node, ast.Assign) and len(node.targets) == 1
    }
    changed = {id(node.target) for node in solution.nodes if isinstance(node, ast.AugAssign)}
    found: dict[str, bool] = {}
    for node in solution.nodes:
        match node:
            case ast.arg(arg=name, annotation=annotation):
                number = isinstance(annotation, ast.Name) and annotation.id in _NUMBERS
            case ast.Name(id=name, ctx=ast.Store()) if id(node) not in changed:
                number = _is_number(values.get(id(node)))
            case _:
                continue
        found[name] = found.get(name, True) and number
    return {name for name, number in found.items() if number}


def _is_number(value: ast.expr | None) -> bool:
    match value:
        case ast.Constant(value=int() | float()):
            return True
        case ast.Call(func=ast.Name(id="len")):
            return True
        case _:
            return False
