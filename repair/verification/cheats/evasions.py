"""Cheat rules for evasions: the diagnosed code was kept, but hidden from the checkers.

Tested by `tests/repair/verification/cheats/test_cheats.py`.
"""

import re
from collections import Counter
from collections.abc import Iterator

from tree_sitter import Node

from repair.verification.cheats.change import (
    ABOUT_NAMES,
    Cheat,
    DiagnosedChange,
    TextPair,
    position_of,
    quote,
)
from repair.verification.cheats.logical_lines import LogicalLine
from repair.verification.cheats.syntax import (
    SyntaxTree,
    field,
    name_of,
    statements,
    string_value,
    text,
    within,
)

# What finds a module or a variable by a text, or runs it: any name of the diagnosed code in it is enough.
_FINDS_ALL = frozenset(
    {
        *("eval", "exec", "compile", "import_module", "__import__", "import_string", "locate", "modules"),
        *("resolve_name", "globals", "locals", "vars", "__dict__", "__builtins__", "_getframe"),
    }
)
# What finds an attribute by its name, as well.
_LOOKUPS = _FINDS_ALL | {
    *("getattr", "setattr", "delattr", "getattr_static", "attrgetter", "methodcaller", "getmembers"),
    *("__getattribute__", "__getattr__", "__setattr__", "__delattr__"),
}
# An attribute by a computed name.
_BY_NAME = frozenset({"getattr", "setattr", "delattr", "attrgetter", "methodcaller", "getattr_static"})
# Names that mean something else, unless they are used so.
_COMMON_WORDS = {
    "compile": ("call",),
    "locate": ("call",),
    "modules": ("call", "subscript", "attribute"),
}
_COMPUTED = frozenset({"binary_operator", "call", "subscript", "string", "concatenated_string"})
_FORBIDDEN = frozenset({"no_type_check", "no_type_check_decorator"})
_IDLE = frozenset({"pass_statement", "continue_statement"})
_CONSTANT = frozenset(
    {"string", "concatenated_string", "ellipsis", "none", "true", "false", "integer", "float"}
)


def no_type_check(texts: TextPair) -> Cheat | None:
    """A decorator was added that switches the checkers off."""
    new = filter(texts.is_added, _no_type_checks(texts.new_tree))
    added = Counter(map(text, new)) - Counter(map(text, _no_type_checks(texts.old_tree)))
    return Cheat("suppression", f"added {quote(next(iter(added)))}") if added else None


def swallowed(change: DiagnosedChange) -> Cheat | None:
    """Exceptions of the diagnosed code are swallowed now."""
    new = filter(change.is_added, _find_swallowed(change.new_tree, change.counterpart))
    added = Counter(map(text, new)) - Counter(map(text, _find_swallowed(change.old_tree, change.diagnosed)))
    return Cheat("swallowed", f"its errors end in {quote(next(iter(added)))}") if added else None


def dynamic_access(change: DiagnosedChange) -> Cheat | None:
    """The diagnosed name, or the object that it is an attribute of, is looked up by a text."""
    name = change.diagnosed_text.strip()
    if not name:
        return None
    kept = (text(node) for node in _lookups(change.new_tree) if not change.is_added(node))
    known = Counter(text(node) for node in _lookups(change.old_tree)) - Counter(kept)
    around = set(change.diagnosed.words) if change.diagnosed and change.type in ABOUT_NAMES else set[str]()
    strings = set(change.added_strings)
    examined = 0  # up to this byte
    for node in _lookups(change.new_tree):
        if not change.is_added(node):
            continue
        if known[text(node)]:
            known[text(node)] -= 1
            continue
        if node.end_byte <= examined:  # it is part of another one
            continue
        expression = _whole_expression(change.new_tree, node)
        examined = expression.end_byte
        inside = list(within(expression))
        values = [value for inner in inside if (value := string_value(inner)) is not None]
        joined = "".join(string_value(inner) or "" for inner in _outermost_strings(expression))
        finds_all = any(inner.type == "identifier" and text(inner) in _FINDS_ALL for inner in inside)
        names = {name} | (around if finds_all else set())
        texts = (*values, joined, joined[::-1])
        if any(_holds(value, wanted) for wanted in names for value in texts) or not names.isdisjoint(strings):
            return Cheat("dynamic_access", f"added {quote(text(expression))}")
        if change.type in ABOUT_NAMES and _is_disguised(expression):
            return Cheat("dynamic_access", f"added {quote(text(expression))}")
    return None


def stub(change: DiagnosedChange) -> Cheat | None:
    """The undefined name was defined by a function that does nothing, or declared without a value."""
    return added_stub(change, change.diagnosed_text.strip()) if change.type in ABOUT_NAMES else None


def added_stub(texts: TextPair, name: str) -> Cheat | None:
    """A function `name` that does nothing was added, or a declaration of it without a value."""
    old, new = ([*_definitions_of(tree, name)] for tree in (texts.old_tree, texts.new_tree))
    if len(new) == 1 and not old and texts.is_added(new[0]) and _is_idle_definition(texts.new_tree, new[0]):
        return Cheat("stub", f"`{name}` was added and does nothing")
    declared = [node for node in _bare_declarations(texts.new_tree) if text(field(node, "left")) == name]
    before = [node for node in _bare_declarations(texts.old_tree) if text(field(node, "left")) == name]
    bound = [text(node) for node in _bound(texts.new_tree)]
    if declared and texts.is_added(declared[0]) and not before and name not in bound:
        return Cheat("stub", f"{quote(text(declared[0]))} declares `{name}` and gives it no value")
    return None


def _bound(tree: SyntaxTree) -> Iterator[Node]:
    """What is given a value: targets of assignments and loops, and names that a function makes global."""
    for node in tree.of_type("assignment", "named_expression", "for_statement"):
        target = field(node, "left") or field(node, "name")
        if target is not None and (node.type != "assignment" or field(node, "right") is not None):
            yield from within(target)
    for node in tree.of_type("global_statement", "nonlocal_statement"):
        yield from node.named_children


def _no_type_checks(tree: SyntaxTree) -> Iterator[Node]:
    return (
        node
        for node in tree.of_type("decorator")
        if any(name_of(inner) in _FORBIDDEN for inner in node.named_children)
    )


def _find_swallowed(tree: SyntaxTree, line: LogicalLine | None) -> Iterator[Node]:
    """The handlers and context managers that swallow the errors of a line of code."""
    inner = tree.at(position_of(line)) if line else None
    for above in tree.ancestors(inner) if inner else ():
        if above.type == "try_statement" and field(above, "body") == inner:
            handlers = [part for part in above.named_children if part.type.startswith("except")]
            if handlers and all(map(_is_idle_handler, handlers)):
                yield handlers[0]
        elif above.type == "with_statement" and field(above, "body") == inner:
            clauses = (part for part in above.named_children if part.type == "with_clause")
            yield from (part for part in clauses if any(map(_is_suppress, within(part))))
        inner = above


def _is_suppress(node: Node) -> bool:
    return node.type == "call" and name_of(field(node, "function")) == "suppress"


def _is_idle_handler(handler: Node) -> bool:
    bodies = [part for part in handler.named_children if part.type == "block"]
    return bool(bodies) and all(map(does_nothing, statements(bodies[-1])))


def does_nothing(statement: Node) -> bool:
    """Whether a statement is `pass`, `continue`, a constant, or `return` of nothing."""
    if statement.type in _IDLE:
        return True
    parts = statements(statement)
    if statement.type == "expression_statement":
        return all(part.type in _CONSTANT for part in parts)
    return statement.type == "return_statement" and all(part.type == "none" for part in parts)


def _lookups(tree: SyntaxTree) -> Iterator[Node]:
    """The names of `_LOOKUPS` where they are used. `re.compile` is none of them."""
    for node in tree.of_type("identifier"):
        name = text(node)
        if name not in _LOOKUPS:
            continue
        above = tree.parent(node)
        if above is not None and above.type == "attribute" and field(above, "attribute") == node:
            owner = text(field(above, "object"))
            if (name == "compile" and owner != "builtins") or (name == "modules" and owner != "sys"):
                continue
        elif name in _COMMON_WORDS and (above is None or above.type not in _COMMON_WORDS[name]):
            continue
        yield node


def _whole_expression(tree: SyntaxTree, node: Node) -> Node:
    """The largest attribute, call, subscript or argument list around a name that is built on it."""
    for above in tree.ancestors(node):
        if above.type not in ("attribute", "call", "subscript"):
            break
        node = above
    return node


def _outermost_strings(node: Node) -> Iterator[Node]:
    stack = [node]
    while stack:
        inner = stack.pop()
        if inner.type in ("string", "concatenated_string"):
            yield inner
        else:
            stack.extend(reversed(inner.children))


def _holds(value: str, name: str) -> bool:
    return name in value and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", value) is not None


def _is_disguised(expression: Node) -> bool:
    """Whether an attribute's name is put together of constants: no name of a variable is in it."""
    for call in within(expression):
        arguments = field(call, "arguments") if call.type == "call" else None
        if arguments is None or name_of(field(call, "function")) not in _BY_NAME:
            continue
        for argument in arguments.named_children:
            literal = not any(part.type == "identifier" for part in within(argument))
            if literal and argument.type in _COMPUTED - {"string", "concatenated_string"}:
                return True
    return False


def _definitions_of(tree: SyntaxTree, name: str) -> Iterator[Node]:
    for node in tree.of_type("function_definition"):
        if text(field(node, "name")) == name:
            yield node
    for node in tree.of_type("assignment"):
        value = field(node, "right")
        if text(field(node, "left")) == name and value is not None and value.type == "lambda":
            yield node


def _is_idle_definition(tree: SyntaxTree, node: Node) -> bool:
    if node.type == "assignment":
        value = field(node, "right")
        body = field(value, "body") if value else None
        return body is not None and body.type in _CONSTANT
    above = tree.parent(node)
    if above is not None and above.type == "decorated_definition":
        return False
    return all(map(does_nothing, statements(field(node, "body"))))


def _bare_declarations(tree: SyntaxTree) -> Iterator[Node]:
    """`name: type` outside of a class: in a class it declares a field."""
    for node in tree.of_type("assignment"):
        if field(node, "type") is None or field(node, "right") is not None:
            continue
        around = next((above for above in tree.ancestors(node) if above.type.endswith("_definition")), None)
        if around is None or around.type != "class_definition":
            yield node
