"""Cheat rules for lost types: the diagnosed code is as it was, and a checker no longer knows its type.

Tested by `tests/repair/verification/cheats/test_cheat_set.py`.
"""

import re
from collections import Counter
from collections.abc import Iterator

from tree_sitter import Node

from repair.diagnostics.codes import SYNTAX
from repair.verification.cheats.change import (
    ABOUT_NAMES,
    Cheat,
    DiagnosedChange,
    TextPair,
    position_of,
    quote,
    source_of,
    without_spaces,
)
from repair.verification.cheats.syntax import SyntaxTree, field, name_of, text, within

_FUNCTIONS = ("function_definition", "lambda")
_TYPE_COMMENT = re.compile(r"#\s*type:\s*+([^#]*[^#\s])")


def any_type(change: DiagnosedChange) -> Cheat | None:
    """A type was replaced by `Any`, or a checker was told another one than the value has."""
    # `any`, the function, is a common slip for it
    if change.diagnosed_text.strip() == "any":
        return None
    return added_any(change) or _mere_cast(change) or _in_any_container(change)


def added_any(texts: TextPair) -> Cheat | None:
    """A cast to `Any`, or an annotation by it, was added."""
    known = {text(field(node, "name")) for node in texts.old_tree.of_type("function_definition")}
    new = (found for node, found in _any_annotations(texts.new_tree, known) if texts.is_added(node))
    added = Counter(new) - Counter(found for _, found in _any_annotations(texts.old_tree, known))
    return Cheat("any_type", f"added {quote(next(iter(added)))}") if added else None


def untyped(change: DiagnosedChange) -> Cheat | None:
    """A parameter lost its annotation, or the missing attribute is read from one that has none."""
    if change.type == SYNTAX:
        return None
    return _unannotated(change) or _untyped_helper(change)


def _any_annotations(tree: SyntaxTree, known: set[str]) -> Iterator[tuple[Node, str]]:
    """Casts to `Any` and annotations that are `Any`, except on functions that are not `known`."""
    names, casts = _names_of(tree, "Any"), _names_of(tree, "cast")
    for node in tree.nodes:
        if node.type == "assignment" and _is_any(field(node, "type"), names):
            yield node, f"{text(field(node, 'left'))}: Any"
        elif node.type == "comment" and (found := _TYPE_COMMENT.match(text(node))):
            if _is_any_text(found[1], names):
                yield node, found[0]
        elif node.type == "call" and name_of(field(node, "function")) in casts:
            arguments = _arguments(node)
            if arguments and _is_any(arguments[0], names):
                yield node, text(node)
        elif node.type == "function_definition" and text(field(node, "name")) in known:
            typed = (part for part in _parameters(node) if _is_any(field(part, "type"), names))
            yield from ((part, text(part)) for part in typed)
            returned = field(node, "return_type")
            if returned is not None and _is_any(returned, names):
                yield returned, f"def {text(field(node, 'name'))}(...) -> Any"


def _mere_cast(change: DiagnosedChange) -> Cheat | None:
    """The diagnosed line of code with casts put into it: the program does what it did."""
    before, after = change.diagnosed, change.counterpart
    if change.type == SYNTAX or before is None or after is None or before.tokens == after.tokens:
        return None
    tree, casts = change.new_tree, _names_of(change.new_tree, "cast")
    node = tree.at(position_of(after))
    statement = tree.enclosing_statement(node) if node else None
    inside = [
        call
        for call in (within(statement) if statement else ())
        if call.type == "call"
        and name_of(field(call, "function")) in casts
        and after.first <= call.start_point[0] + 1 <= after.last
        and len(_arguments(call)) == 2
    ]
    if not inside:
        return None
    rows = [row.encode(errors="replace") for row in change.new_rows[after.first - 1 : after.last]]
    source, starts = b"\n".join(rows), [0]
    for row in rows:
        starts.append(starts[-1] + len(row) + 1)
    removed: set[int] = set()
    for call in inside:
        value = _arguments(call)[1]
        at = [
            starts[row - after.first + 1] + column
            for row, column in (call.start_point, value.start_point, value.end_point, call.end_point)
            if row - after.first + 1 < len(starts)
        ]
        if len(at) == 4:
            removed.update((*range(at[0], at[1]), *range(at[2], at[3])))
    rest = bytes(byte for index, byte in enumerate(source) if index not in removed).decode(errors="replace")
    original = "\n".join(change.old_rows[before.first - 1 : before.last])
    if _bare(rest) == _bare(original):
        return Cheat(
            "any_type", f"{quote(text(inside[0]))} is all that changed: the program does what it did"
        )
    return None


def _bare(source: str) -> str:
    return without_spaces(source.partition("#")[0]).replace("(", "").replace(")", "")


def _in_any_container(change: DiagnosedChange) -> Cheat | None:
    """The diagnosed code is about a new variable with `Any` in its type or value, or has it in itself."""
    before, after = change.diagnosed, change.counterpart
    if before is None or after is None or change.type not in ABOUT_NAMES:
        return None
    if change.diagnosed_text.strip() not in after.tokens:
        return None
    names = _names_of(change.new_tree, "Any")
    if any(after.tokens.count(name) > before.tokens.count(name) for name in names):
        return Cheat("any_type", f"`Any` is in {quote(source_of(after, change.new_rows))} now")
    known = set(change.old_tree.identifiers())
    for node in change.new_tree.of_type("assignment"):
        target = text(field(node, "left"))
        if target in known or target not in after.tokens or not change.is_added(node):
            continue
        if any(name_of(inner) in names for inner in within(node)):
            return Cheat("any_type", f"the code is about {quote(text(node))} now")
    return None


def _unannotated(change: DiagnosedChange) -> Cheat | None:
    """The annotation of a parameter was taken away, and was not itself what was diagnosed."""
    diagnosed = (change.line - 1, change.column)
    old, new = _annotations(change.old_tree), _annotations(change.new_tree)
    for (function, parameter), node in old.items():
        annotation = field(node, "type")
        if annotation is None or new.get((function, parameter), node) is node:
            continue
        if annotation.start_point <= diagnosed < annotation.end_point:
            continue
        after = new[function, parameter]
        if after.type == "identifier" and change.is_added(after):
            return Cheat("any_type", f"{quote(text(node))} of `{function}` has no type any more")
    return None


def _annotations(tree: SyntaxTree) -> dict[tuple[str, str], Node]:
    """The parameters of the functions whose names are unique, by function and parameter."""
    heads = ((node, field(node, "parameters")) for node in tree.of_type("function_definition"))
    # in a head that does not parse, the code after it passes for an annotation
    functions = [node for node, head in heads if head is not None and not head.has_error]
    counts = Counter(text(field(node, "name")) for node in functions)
    return {
        (name, _parameter_name(parameter)): parameter
        for node in functions
        if counts[name := text(field(node, "name"))] == 1
        for parameter in _parameters(node)
        if parameter.start_point[0] == parameter.end_point[0]
    }


def _untyped_helper(change: DiagnosedChange) -> Cheat | None:
    """The missing attribute is read from an untyped parameter of a new function now."""
    name = change.diagnosed_text.strip()
    if change.type not in ABOUT_NAMES or not name:
        return None
    tree = change.new_tree
    names = {"", "object"} | _names_of(tree, "Any")
    known = Counter(_head(node) for node in _functions(change.old_tree))
    for read in tree.of_type("attribute"):
        owner = field(read, "object")
        if owner is None or owner.type != "identifier" or text(field(read, "attribute")) != name:
            continue
        function, parameter = _binding(tree, read, text(owner))
        if function is None or parameter is None or not change.is_added(function):
            continue
        if text(owner) in ("self", "cls") or known[_head(function)]:
            continue
        loose = text(field(parameter, "type")).strip("'\"") in names
        if loose and not any(text(inner) in ("hasattr", "isinstance") for inner in within(function)):
            return Cheat("any_type", f"{quote(text(read))} is about a parameter without a type now")
    return None


def _binding(tree: SyntaxTree, node: Node, name: str) -> tuple[Node | None, Node | None]:
    """The innermost function around `node` with a parameter `name`, and that parameter."""
    for above in tree.ancestors(node):
        if above.type in _FUNCTIONS:
            for parameter in _parameters(above):
                if _parameter_name(parameter) == name:
                    return above, parameter
    return None, None


def _functions(tree: SyntaxTree) -> Iterator[Node]:
    return tree.of_type(*_FUNCTIONS)


def _head(function: Node) -> str:
    return text(field(function, "name")) if function.type == "function_definition" else text(function)


def _parameters(function: Node) -> list[Node]:
    found = field(function, "parameters")
    return [node for node in found.named_children if node.type != "comment"] if found else []


def _parameter_name(parameter: Node) -> str:
    named = field(parameter, "name") or next(iter(parameter.named_children), parameter)
    return text(parameter if parameter.type == "identifier" else named)


def _arguments(call: Node) -> list[Node]:
    found = field(call, "arguments")
    return [node for node in found.named_children if node.type != "comment"] if found else []


def _names_of(tree: SyntaxTree, name: str) -> set[str]:
    """The name, and what else it is imported or assigned as."""
    names = {name}
    for node in tree.of_type("aliased_import"):
        if text(field(node, "name")).rpartition(".")[2] == name:
            names.add(text(field(node, "alias")))
    for node in tree.of_type("assignment"):
        if name_of(field(node, "right")) == name:
            names.add(text(field(node, "left")))
    return names


def _is_any(annotation: Node | None, names: set[str]) -> bool:
    return annotation is not None and _is_any_text(text(annotation), names)


def _is_any_text(annotation: str, names: set[str]) -> bool:
    return annotation.strip("'\" ").rpartition(".")[2] in names
