"""The diagnosed code is there, and is kept from being looked at."""

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator

from repair.verification.cheats.change import (
    ABOUT_NAMES,
    FUNCTIONS,
    Change,
    Cheat,
    Texts,
    first_line,
    nodes_of,
    shown,
    statement_at,
)
from repair.verification.cheats.logical_lines import Code

_SILENCE = re.compile(
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


def suppression(texts: Texts) -> Cheat | None:
    """A checker is told to be silent."""
    added = _silences(texts.new, texts.new_rows) - _silences(texts.old, texts.old_rows)
    return Cheat("suppression", f"added {shown(next(iter(added)))}") if added else None


def unreachable(change: Change) -> Cheat | None:
    """The diagnosed code never runs now."""
    added = _added_around(change, _hiding)
    return Cheat("unreachable", f"it stands behind {shown(added)}") if added else None


def swallowed(change: Change) -> Cheat | None:
    """What the diagnosed code raises is dropped now."""
    added = _added_around(change, _swallowing)
    return Cheat("swallowed", f"its errors end in {shown(added)}") if added else None


def dynamic_access(change: Change) -> Cheat | None:
    """The diagnosed name is looked up by a string."""
    name = change.word.strip()
    if change.trees is None or not name:
        return None
    old, new = (Counter(_by_string(tree, name)) for tree in change.trees)
    added = new - old
    return Cheat("dynamic_access", f"added {shown(next(iter(added)))}") if added else None


def any_type(change: Change) -> Cheat | None:
    """A type is said to be anything."""
    # `any`, the function, is a common slip for it
    return None if change.word.strip() == "any" else added_any(change)


def added_any(texts: Texts) -> Cheat | None:
    """A cast or an annotation by `Any` that was not there."""
    if texts.trees is None:
        return None
    old, new = texts.trees
    known = {node.name for node in nodes_of(old) if isinstance(node, FUNCTIONS)}
    added = Counter(_anys(new, known)) - Counter(_anys(old, known))
    return Cheat("any_type", f"added {shown(next(iter(added)))}") if added else None


def stub(change: Change) -> Cheat | None:
    """The undefined name is defined, by a function that does nothing."""
    return added_stub(change, change.word) if change.type in ABOUT_NAMES else None


def added_stub(texts: Texts, name: str) -> Cheat | None:
    """A function `name` that was not there, and does nothing."""
    if texts.trees is None:
        return None
    named = [e for tree in texts.trees for e in nodes_of(tree) if isinstance(e, FUNCTIONS) and e.name == name]
    if len(named) != 1 or named[0].decorator_list or not all(map(_does_nothing, named[0].body)):
        return None
    return Cheat("stub", f"`{name}` was added and does nothing")


def _silences(code: Code, rows: list[str]) -> Counter[str]:
    found = Counter(match[0].strip() for comment in code.comments if (match := _SILENCE.search(comment)))
    found.update(match[1].strip() for row in rows if (match := _NO_TYPE_CHECK.match(row)))
    return found


# A node, the list of its statements through which the way leads, and the index of the next one there.
_Step = tuple[ast.AST, list[ast.stmt], int]


def _added_around(change: Change, told: Callable[[ast.stmt, list[_Step]], Iterator[str]]) -> str | None:
    """The first thing that `told` finds around the diagnosed code now and did not find before."""
    if change.trees is None:
        return None
    found: list[Counter[str]] = []
    for line, tree in zip((change.diagnosed, change.counterpart), change.trees, strict=True):
        statement = statement_at(line, tree)
        if statement is None:
            return None
        found.append(Counter(told(statement, list(_way(tree, statement)))))
    return next(iter(found[1] - found[0]), None)


def _way(node: ast.AST, statement: ast.stmt) -> Iterator[_Step]:
    """The way from `node` down to `statement`."""
    bodies: list[list[ast.stmt]] = [getattr(node, name, []) for name in ("body", "orelse", "finalbody")]
    for body in bodies:
        for index, item in enumerate(body):
            if first_line(item) <= statement.lineno <= (item.end_lineno or 0):
                yield node, body, index
                if item is not statement:
                    yield from _way(item, statement)
    for inner in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
        yield from _way(inner, statement)


def _hiding(statement: ast.stmt, way: list[_Step]) -> Iterator[str]:
    is_import = isinstance(statement, (ast.Import, ast.ImportFrom))
    for node, body, index in way:
        before = (ast.unparse(earlier) for earlier in body[:index] if isinstance(earlier, _SIMPLE))
        yield from (source for source in before if _LEAVING.match(source))
        if not isinstance(node, (ast.If, ast.While)):
            continue
        test = ast.unparse(node.test)
        in_body = body is node.body
        checking = _FOR_CHECKERS.fullmatch(test)
        # Imports that annotations need stand there by custom.
        hidden_from_programs = checking and in_body and not checking["negated"] and not is_import
        hidden_from_checkers = checking and in_body == bool(checking["negated"])
        never = _NEVER.fullmatch(test) if in_body else test in ("True", "1")
        if never or hidden_from_programs or hidden_from_checkers:
            keyword = "if" if isinstance(node, ast.If) else "while"
            yield f"{keyword} {test}:" if in_body else f"{keyword} {test}: ... else:"


_SIMPLE = (ast.Return, ast.Raise, ast.Break, ast.Continue, ast.Expr)


def _swallowing(_: ast.stmt, way: list[_Step]) -> Iterator[str]:
    for node, body, _index in way:
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


def _anys(tree: ast.Module, known: set[str]) -> Iterator[str]:
    """Casts to `Any` and annotations by it alone. A function that was not `known` may say what it likes."""
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
