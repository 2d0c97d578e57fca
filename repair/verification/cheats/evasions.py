"""Cheat rules for evasions: the diagnosed code was kept, but hidden from the checkers.

Tested by `tests/repair/verification/cheats/test_cheats.py`.
"""

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator

from repair.verification.cheats.change import (
    ABOUT_NAMES,
    FUNCTIONS,
    Cheat,
    DiagnosedChange,
    TextPair,
    first_line,
    nodes_of,
    quote,
    statement_at,
)
from repair.verification.cheats.logical_lines import LogicalLines

_SUPPRESSION = re.compile(
    r"#\s*(?:type:\s*ignore|pyright:\s*(?!strict\b)\w|(?:(?:ruff|flake8):\s*)?noqa\b|pylint:\s*disable"
    r"|mypy:\s*\w|pyre-(?:ignore|fixme|unsafe)).*",
    re.IGNORECASE,
)
_NO_TYPE_CHECK = re.compile(r"\s*(@\s*(?:\w+\s*\.\s*)*no_type_check\b.*)")
_NEVER = re.compile(r"False|0|None|''|(?:False|0) and .*")
_FOR_CHECKERS = re.compile(r"(?P<negated>not )?(?:\w+\.)?TYPE_CHECKING")
_LEAVING = re.compile(r"(?:return|raise|break|continue)\b|(?:sys\.|os\.)?_?(?:exit|quit)\(")
_SUPPRESS = re.compile(r"(?:\w+\.)?suppress\(")
_LOOKUPS = frozenset({"getattr", "setattr", "delattr", "eval", "exec", "import_module", "__import__"})
_NAMESPACE = re.compile(r"(?:\b(?:globals|locals|vars)\(.*\)|\.__dict__)$")


def suppression(texts: TextPair) -> Cheat | None:
    """A comment or decorator that suppresses diagnostics was added."""
    added = _suppressions(texts.new, texts.new_rows) - _suppressions(texts.old, texts.old_rows)
    return Cheat("suppression", f"added {quote(next(iter(added)))}") if added else None


def unreachable(change: DiagnosedChange) -> Cheat | None:
    """The diagnosed code never runs now."""
    added = _first_added(change, _find_unreachable)
    return Cheat("unreachable", f"it never runs, because of {quote(added)}") if added else None


def swallowed(change: DiagnosedChange) -> Cheat | None:
    """Exceptions of the diagnosed code are swallowed now."""
    added = _first_added(change, _find_swallowed)
    return Cheat("swallowed", f"its errors end in {quote(added)}") if added else None


def dynamic_access(change: DiagnosedChange) -> Cheat | None:
    """The diagnosed name is looked up by a string."""
    name = change.diagnosed_text.strip()
    if change.trees is None or not name:
        return None
    old, new = (Counter(_by_string(tree, name)) for tree in change.trees)
    added = new - old
    return Cheat("dynamic_access", f"added {quote(next(iter(added)))}") if added else None


def any_type(change: DiagnosedChange) -> Cheat | None:
    """A type was replaced by `Any`."""
    # `any`, the function, is a common slip for it
    return None if change.diagnosed_text.strip() == "any" else added_any(change)


def added_any(texts: TextPair) -> Cheat | None:
    """A cast to `Any`, or an annotation by it, was added."""
    if texts.trees is None:
        return None
    old, new = texts.trees
    known = {node.name for node in nodes_of(old) if isinstance(node, FUNCTIONS)}
    added = Counter(_any_annotations(new, known)) - Counter(_any_annotations(old, known))
    return Cheat("any_type", f"added {quote(next(iter(added)))}") if added else None


def stub(change: DiagnosedChange) -> Cheat | None:
    """The undefined name was defined by a function that does nothing."""
    return added_stub(change, change.diagnosed_text) if change.type in ABOUT_NAMES else None


def added_stub(texts: TextPair, name: str) -> Cheat | None:
    """A function `name` that does nothing was added."""
    if texts.trees is None:
        return None
    named = [e for tree in texts.trees for e in nodes_of(tree) if isinstance(e, FUNCTIONS) and e.name == name]
    if len(named) != 1 or named[0].decorator_list or not all(map(_does_nothing, named[0].body)):
        return None
    return Cheat("stub", f"`{name}` was added and does nothing")


def _suppressions(code: LogicalLines, rows: list[str]) -> Counter[str]:
    found = Counter(match[0].strip() for comment in code.comments if (match := _SUPPRESSION.search(comment)))
    found.update(match[1].strip() for row in rows if (match := _NO_TYPE_CHECK.match(row)))
    return found


# A node on the path to a statement, its list of statements that contains the next step, and the index there.
_PathStep = tuple[ast.AST, list[ast.stmt], int]


def _first_added(
    change: DiagnosedChange, find: Callable[[ast.stmt, list[_PathStep]], Iterator[str]]
) -> str | None:
    """The first thing that `find` yields for the diagnosed code now and did not yield before."""
    if change.trees is None:
        return None
    found: list[Counter[str]] = []
    for line, tree in zip((change.diagnosed, change.counterpart), change.trees, strict=True):
        statement = statement_at(line, tree)
        if statement is None:
            return None
        found.append(Counter(find(statement, list(_path_to(tree, statement)))))
    return next(iter(found[1] - found[0]), None)


def _path_to(node: ast.AST, statement: ast.stmt) -> Iterator[_PathStep]:
    """The path from `node` down to `statement`."""
    bodies: list[list[ast.stmt]] = [getattr(node, name, []) for name in ("body", "orelse", "finalbody")]
    for body in bodies:
        for index, item in enumerate(body):
            if first_line(item) <= statement.lineno <= (item.end_lineno or 0):
                yield node, body, index
                if item is not statement:
                    yield from _path_to(item, statement)
    for inner in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
        yield from _path_to(inner, statement)


def _find_unreachable(statement: ast.stmt, path: list[_PathStep]) -> Iterator[str]:
    is_import = isinstance(statement, (ast.Import, ast.ImportFrom))
    for node, body, index in path:
        before = (ast.unparse(earlier) for earlier in body[:index] if isinstance(earlier, _SIMPLE))
        yield from (source for source in before if _LEAVING.match(source))
        if not isinstance(node, (ast.If, ast.While)):
            continue
        test = ast.unparse(node.test)
        in_body = body is node.body
        checking = _FOR_CHECKERS.fullmatch(test)
        # By custom, imports for annotations are under `if TYPE_CHECKING:`.
        hidden_from_programs = checking and in_body and not checking["negated"] and not is_import
        hidden_from_checkers = checking and in_body == bool(checking["negated"])
        never = _NEVER.fullmatch(test) if in_body else test in ("True", "1")
        if never or hidden_from_programs or hidden_from_checkers:
            keyword = "if" if isinstance(node, ast.If) else "while"
            yield f"{keyword} {test}:" if in_body else f"{keyword} {test}: ... else:"


_SIMPLE = (ast.Return, ast.Raise, ast.Break, ast.Continue, ast.Expr)


def _find_swallowed(_: ast.stmt, path: list[_PathStep]) -> Iterator[str]:
    for node, body, _index in path:
        if isinstance(node, ast.Try) and body is node.body and node.handlers:
            if all(all(map(_does_nothing, handler.body)) for handler in node.handlers):
                yield ast.unparse(node.handlers[0])
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            managers = (ast.unparse(item.context_expr) for item in node.items)
            yield from (manager for manager in managers if _SUPPRESS.match(manager))


def _does_nothing(statement: ast.stmt) -> bool:
    match statement:
        case ast.Pass() | ast.Expr(value=ast.Constant()):
            return True
        case ast.Return(value=None) | ast.Return(value=ast.Constant(value=None)) | ast.Continue():
            return True
        case _:
            return False


def _by_string(tree: ast.Module, name: str) -> Iterator[str]:
    word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
    for node in nodes_of(tree):
        match node:
            case ast.Call(func=function, args=arguments):
                texts = [argument.value for argument in arguments if isinstance(argument, ast.Constant)]
                called = ast.unparse(function).rpartition(".")[2]
                if called in _LOOKUPS and any(isinstance(text, str) and word.search(text) for text in texts):
                    yield ast.unparse(node)
            case ast.Subscript(value=value, slice=ast.Constant(value=key)) if key == name:
                if _NAMESPACE.search(ast.unparse(value)):
                    yield ast.unparse(node)
            case _:
                pass


def _any_annotations(tree: ast.Module, known: set[str]) -> Iterator[str]:
    """Casts to `Any` and annotations that are `Any`, except on functions that are not `known`."""
    for node in nodes_of(tree):
        match node:
            case ast.AnnAssign(target=target, annotation=annotation) if _is_any(annotation):
                yield f"{ast.unparse(target)}: Any"
            case ast.Call(func=function, args=[first, *_]) if _is_any(first):
                if ast.unparse(function).rpartition(".")[2] == "cast":
                    yield ast.unparse(node)
            case ast.FunctionDef(args=arguments) | ast.AsyncFunctionDef(args=arguments) if node.name in known:
                every = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
                yield from (f"{argument.arg}: Any" for argument in every if _is_any(argument.annotation))
                if _is_any(node.returns):
                    yield f"def {node.name}(...) -> Any"
            case _:
                pass


def _is_any(annotation: ast.expr | None) -> bool:
    return annotation is not None and ast.unparse(annotation).strip("'\"").rpartition(".")[2] == "Any"
