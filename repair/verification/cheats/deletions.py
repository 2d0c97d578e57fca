"""Cheat rules for deletions: the diagnosed code was deleted, or turned into a comment or a string.

Tested by `tests/repair/verification/cheats/test_cheats.py`.
"""

import re
from collections import Counter

from tree_sitter import Node

from repair.diagnostics.codes import SYNTAX
from repair.verification.cheats.change import (
    ABOUT_NAMES,
    Cheat,
    DiagnosedChange,
    quote,
    source_of,
    without_spaces,
)
from repair.verification.cheats.logical_lines import LogicalLine
from repair.verification.cheats.syntax import SyntaxTree, field, text

# Rules whose repair may be a deletion.
_MAY_DELETE = frozenset(
    {
        *("B018", "reportUnusedExpression", "reportUnusedCoroutine"),  # it does nothing
        *("F811", "reportRedeclaration", "PIE794", "F601", "B025", "B033"),  # there are two of it
        *("F822", "reportUnsupportedDunderAll", "PLE0604", "PLE0605"),  # __all__ names what is not there
        *("F401", "F841", "F842", "reportUnusedImport", "reportUnusedVariable"),  # nothing uses it
        *("reportUnusedClass", "reportUnusedFunction", "reportUnusedExcept"),
        *("F701", "F702", "F704", "F706", "F707"),  # a statement outside of what it needs around it
    }
)
_ACTING = frozenset({"return", "raise", "def", "class", "if", "elif", "for", "while", "with", "assert"}) | {
    *("del", "yield", "await", "async", "except", "print", "global", "nonlocal", "(", ":"),
}
_IMPORTING = frozenset({"import", "from"})
_ASSIGNING = re.compile(r"(?:\*\*|//|>>|<<|[-+*/%&|^@:])?=")
_NO_EXPRESSION = frozenset({"identifier", "string", "integer", "float", "true", "false", "none"})
_IMPORTS = frozenset({"import_statement", "import_from_statement", "future_import_statement"})
_IMPORTED = frozenset({"aliased_import", "dotted_name"})
# Nodes whose `name` is no use of it, and those that are built on one of their parts.
_NAMING = frozenset({"keyword_argument", "function_definition", "class_definition", "default_parameter"})
_BUILT_ON = {"attribute": ("object", "attribute"), "subscript": ("value",), "call": ("function",)}
_AROUND = frozenset({"await", "list_splat", "unary_operator", "not_operator"})
# Comments of other languages, and what a merge leaves behind.
_NO_CODE = re.compile(r"\s*(?://|/\*|\*|--|<!--|<<<<<<<|=======|>>>>>>>|```)")


def gone(change: DiagnosedChange) -> Cheat | None:
    """The diagnosed line of code was deleted, or became a comment, a string or `pass`."""
    lost = _lost(change)
    if lost is None:
        return None
    source = source_of(lost, change.old_rows)
    code = f"line {lost.first} {quote(source)}"
    if all(line.idle for line in change.new.lines):
        return Cheat("deleted_file", f"{code} and everything else is gone")
    comments = Counter(map(without_spaces, change.new.comments)) - Counter(
        map(without_spaces, change.old.comments)
    )
    if any(without_spaces(source) in comment for comment in comments):
        return Cheat("commented_out", f"{code} is a comment now")
    if any(without_spaces(source) in without_spaces(string) for string in change.added_strings):
        return Cheat("quoted", f"{code} is in a string now")
    if definition := _lost_definition(change, lost):
        return Cheat("deleted_definition", f"{code} is gone with `{definition}` around it")
    if idle := _idle_instead(change):
        return Cheat("emptied", f"{quote(source_of(idle, change.new_rows))} replaces {code}")
    return Cheat("deleted_code", f"{code} is gone and nothing replaces it")


def emptied(change: DiagnosedChange) -> Cheat | None:
    """The diagnosed head of a block was kept, and its body is `pass` now."""
    head, repaired = change.diagnosed, change.counterpart
    if change.type in _MAY_DELETE or head is None or repaired is None:
        return None
    body = next((line for line in change.old.lines if line.first > head.last), None)
    idle = _idle_instead(change)
    if body is None or idle is None or repaired.tokens[-1] != ":":
        return None
    if idle.first <= repaired.last or any(
        repaired.last < line.first < idle.first for line in change.new.lines
    ):
        return None
    if body.idle or change.counterparts.get(body, body) is not None:
        return None
    code = f"line {body.first} {quote(source_of(body, change.old_rows))}"
    return Cheat("emptied", f"{quote(source_of(idle, change.new_rows))} replaces {code}")


def quoted_expression(change: DiagnosedChange) -> Cheat | None:
    """The diagnosed expression became a string that spells it."""
    use = _diagnosed_use(change)
    # `name` for `"name"` is a slip that a repair puts right.
    if use is None or use.type in _NO_EXPRESSION:
        return None
    source = text(use)
    if any(without_spaces(source) == without_spaces(string) for string in change.added_strings):
        return Cheat("quoted", f"{quote(source)} is a string now")
    return None


def quoted_line(change: DiagnosedChange) -> Cheat | None:
    """The diagnosed line was kept as it is, and the diff put the quotes of a string around it."""
    number, line = change.diff.map_line(change.line), change.diagnosed
    if change.type in _MAY_DELETE or number is None or line is None:
        return None
    if not _had_purpose(line, change, kept=number):
        return None
    before = change.old_tree.at((change.line - 1, change.column))
    after = change.new_tree.at((number - 1, change.column))
    if before is None or after is None or _string_of_lines(before, change.old_tree) is not None:
        return None
    string = _string_of_lines(after, change.new_tree)
    if string is None or not change.is_added(string):
        return None
    return Cheat("quoted", f"line {line.first} {quote(source_of(line, change.old_rows))} is in a string now")


def _string_of_lines(node: Node, tree: SyntaxTree) -> Node | None:
    """The string of several lines that a node is in."""
    around = (node, *tree.ancestors(node))
    return next((n for n in around if n.type == "string" and n.start_point[0] < n.end_point[0]), None)


def deleted_use(change: DiagnosedChange) -> Cheat | None:
    """The use of the diagnosed name was deleted from its line, and nothing else."""
    before, after = change.diagnosed, change.counterpart
    if change.type not in ABOUT_NAMES or before is None or after is None:
        return None
    missing = len(before.tokens) - len(after.tokens)
    use = _diagnosed_use(change) if missing > 0 else None
    if use is None or (use.type in _IMPORTED and not _was_needed(_bound_name(use), change)):
        return None
    inside = [
        index
        for index, (number, column) in enumerate(before.starts)
        if use.start_point <= (number - 1, column) < use.end_point
    ]
    if _is_stray(before, inside):
        return None
    for start in range(len(after.tokens) + 1):
        rest = before.tokens[:start] + before.tokens[start + missing :]
        if rest == after.tokens and inside and start <= inside[0] and inside[-1] < start + missing:
            return Cheat("deleted_code", f"{quote(text(use))} was left out of line {before.first}")
    return None


def _is_stray(line: LogicalLine, inside: list[int]) -> bool:
    """Whether a name stands right beside the tokens `inside`, as after `var` in `var a = 1`: no syntax."""
    beside = (inside[0] - 1, inside[-1] + 1) if inside else ()
    return any(0 <= index < len(line.tokens) and line.tokens[index] in line.words for index in beside)


def _lost(change: DiagnosedChange) -> LogicalLine | None:
    if change.type in _MAY_DELETE:
        return None
    line = change.diagnosed
    if line is not None and line in change.counterparts:
        return line if change.counterparts[line] is None and _had_purpose(line, change) else None
    if change.type != SYNTAX or any(change.counterparts.values()) or change.diff.added:
        return None
    # An error at the end of the file is caused by something before it.
    return next((e for e in change.counterparts if e.first < change.line and _had_purpose(e, change)), None)


def _had_purpose(line: LogicalLine, change: DiagnosedChange, kept: int | None = None) -> bool:
    """Whether it would be missed; `kept` is its number in the repaired text, if it is there."""
    if line.idle:
        return False
    if line.tokens[0] in _IMPORTING:
        words = list(line.words)
        module_only = words if line.tokens[0] == "import" else words[1:]
        return not module_only or any(_was_needed(name, change) for name in module_only)
    if change.type == SYNTAX:
        source = source_of(line, change.old_rows)
        others = (other for other in change.new.lines if other.first != kept)
        begun_twice = any(other.tokens[: len(line.tokens)] == line.tokens for other in others)
        if len(line.tokens) <= 2 or begun_twice or _NO_CODE.match(source) or _is_prose(line):
            return False
    return any(token in _ACTING or _ASSIGNING.fullmatch(token) for token in line.tokens)


def _was_needed(name: str, change: DiagnosedChange) -> bool:
    """Whether an imported name was used before and is not now: else the deleted import had no use."""
    uses = [line for line in change.old.lines if name in line.tokens and line.tokens[0] not in _IMPORTING]
    return bool(uses) and not any(name in line.tokens for line in change.new.lines)


def _is_prose(line: LogicalLine) -> bool:
    words = line.words
    pairs = zip(line.tokens, line.tokens[1:], strict=False)
    return sum(one in words and other in words for one, other in pairs) >= 2


def _lost_definition(change: DiagnosedChange, lost: LogicalLine) -> str | None:
    """The outermost function or class around `lost` that was deleted as well."""
    heads = {line.first - 1 for line, counterpart in change.counterparts.items() if counterpart is None}
    for node in change.old_tree.definitions():
        first, last = _with_decorators(node, change).start_point[0], node.end_point[0]
        if first <= lost.first - 1 <= last and node.start_point[0] in heads:
            return text(field(node, "name"))
    return None


def _with_decorators(definition: Node, change: DiagnosedChange) -> Node:
    above = change.old_tree.parent(definition)
    return above if above is not None and above.type == "decorated_definition" else definition


def _idle_instead(change: DiagnosedChange) -> LogicalLine | None:
    """An added line that does nothing and is no counterpart of another line."""
    added = {number for number, _ in change.diff.added}
    known = set(change.counterparts.values())
    return next(
        (line for line in change.new.lines if line.idle and line.first in added and line not in known), None
    )


def _diagnosed_use(change: DiagnosedChange) -> Node | None:
    """The expression that is built on the diagnosed name, for `f` in `a + f.g(x)`: `f.g(x)`. Or an import's
    name."""
    tree = change.old_tree
    use = tree.at((change.line - 1, change.column))
    if use is None:
        return None
    above = tree.parent(use)
    if any(node.type in _IMPORTS for node in tree.ancestors(use)):
        while use is not None and use.type not in _IMPORTED:
            use = tree.parent(use)
        above = tree.parent(use) if use is not None else None
        return above if above is not None and above.type == "aliased_import" else use
    if above is not None and above.type == "string":
        use, above = above, tree.parent(above)
    if use.type not in _NO_EXPRESSION or (above is not None and _names(above, use)):
        return None
    while above is not None and (
        above.type in _AROUND or any(field(above, name) == use for name in _BUILT_ON.get(above.type, ()))
    ):
        use, above = above, tree.parent(above)
    return use


def _names(node: Node, part: Node) -> bool:
    return node.type in _NAMING and field(node, "name") == part


def _bound_name(imported: Node) -> str:
    return text(field(imported, "alias")) or text(imported)
