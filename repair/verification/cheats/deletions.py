"""The diagnosed code is gone, or is code no more."""

import ast
import re
from collections import Counter

from repair.diagnostics.codes import SYNTAX
from repair.verification.cheats.change import (
    ABOUT_NAMES,
    DEFINITIONS,
    Change,
    Cheat,
    first_line,
    nodes_of,
    shown,
    source_of,
    squeezed,
)
from repair.verification.cheats.logical_lines import LogicalLine

# Rules whose repair may be to take something away.
_MAY_DELETE = frozenset(
    {
        *("B018", "reportUnusedExpression", "reportUnusedCoroutine"),  # it does nothing as it stands
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
_WORD = re.compile(r"[^\W\d]\w*")
# Comments of other languages, and what a merge leaves behind.
_NO_CODE = re.compile(r"\s*(?://|/\*|\*|--|<!--|<<<<<<<|=======|>>>>>>>|```)")


def gone(change: Change) -> Cheat | None:
    """The diagnosed line of code is gone; the kind says where to."""
    lost = _lost(change)
    if lost is None:
        return None
    source = source_of(lost, change.old_rows)
    code = f"line {lost.first} {shown(source)}"
    if all(line.idle for line in change.new.lines):
        return Cheat("deleted_file", f"{code} and everything else is gone")
    comments = Counter(map(squeezed, change.new.comments)) - Counter(map(squeezed, change.old.comments))
    if any(squeezed(source) in comment for comment in comments):
        return Cheat("commented_out", f"{code} is a comment now")
    if any(squeezed(source) in squeezed(string) for string in change.added_strings):
        return Cheat("quoted", f"{code} is in a string now")
    if definition := _lost_definition(change, lost):
        return Cheat("deleted_definition", f"{code} is gone with `{definition}` around it")
    if idle := _idle_instead(change):
        return Cheat("emptied", f"{shown(source_of(idle, change.new_rows))} stands for {code}")
    return Cheat("deleted_code", f"{code} is gone and nothing took its place")


def emptied(change: Change) -> Cheat | None:
    """The diagnosed head of a block is there, and what stood below it is `pass` now."""
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
    if body.idle or change.places.get(body, body) is not None:
        return None
    code = f"line {body.first} {shown(source_of(body, change.old_rows))}"
    return Cheat("emptied", f"{shown(source_of(idle, change.new_rows))} stands for {code}")


def quoted_expression(change: Change) -> Cheat | None:
    """The diagnosed expression became a string that spells it."""
    use = _diagnosed_use(change)
    # `name` for `"name"` is a slip that a repair puts right.
    if use is None or isinstance(use, (ast.alias, ast.Name, ast.Constant, ast.JoinedStr)):
        return None
    source = ast.unparse(use)
    if any(squeezed(source) == squeezed(string) for string in change.added_strings):
        return Cheat("quoted", f"{shown(source)} is a string now")
    return None


def deleted_use(change: Change) -> Cheat | None:
    """The line is as it was but for the use of the diagnosed name."""
    before, after = change.diagnosed, change.counterpart
    if change.type not in ABOUT_NAMES or before is None or after is None:
        return None
    missing = len(before.tokens) - len(after.tokens)
    use = _diagnosed_use(change) if missing > 0 else None
    if use is None or (isinstance(use, ast.alias) and not _was_needed(use.asname or use.name, change)):
        return None
    end = (use.end_lineno or 0, use.end_col_offset or 0)
    inside = [i for i, at in enumerate(before.starts) if (use.lineno, use.col_offset) <= at < end]
    for start in range(len(after.tokens) + 1):
        rest = before.tokens[:start] + before.tokens[start + missing :]
        if rest == after.tokens and inside and start <= inside[0] and inside[-1] < start + missing:
            return Cheat("deleted_code", f"{shown(ast.unparse(use))} was left out of line {before.first}")
    return None


def _lost(change: Change) -> LogicalLine | None:
    if change.type in _MAY_DELETE:
        return None
    line = change.diagnosed
    if line is not None and line in change.places:
        return line if change.places[line] is None and _had_purpose(line, change) else None
    if change.type != SYNTAX or any(change.places.values()) or change.diff.added:
        return None
    # A server that runs into the end of the file means something that stands before it.
    return next((e for e in change.places if e.first < change.line and _had_purpose(e, change)), None)


def _had_purpose(line: LogicalLine, change: Change) -> bool:
    if line.idle:
        return False
    if line.tokens[0] in _IMPORTING:
        words = list(line.words)
        module_only = words if line.tokens[0] == "import" else words[1:]
        return not module_only or any(_was_needed(name, change) for name in module_only)
    if change.type == SYNTAX:
        source = source_of(line, change.old_rows)
        begun_twice = any(other.tokens[: len(line.tokens)] == line.tokens for other in change.new.lines)
        if len(line.tokens) <= 2 or begun_twice or _NO_CODE.match(source) or _is_prose(line):
            return False
    return any(token in _ACTING or _ASSIGNING.fullmatch(token) for token in line.tokens)


def _was_needed(name: str, change: Change) -> bool:
    """Whether an imported name was used, and is used no more: else nothing was lost with the import."""
    uses = [line for line in change.old.lines if name in line.tokens and line.tokens[0] not in _IMPORTING]
    return bool(uses) and not any(name in line.tokens for line in change.new.lines)


def _is_prose(line: LogicalLine) -> bool:
    words = line.words
    pairs = zip(line.tokens, line.tokens[1:], strict=False)
    return sum(one in words and other in words for one, other in pairs) >= 2


def _lost_definition(change: Change, lost: LogicalLine) -> str | None:
    """The outermost function or class around `lost` that is gone as well."""
    if change.trees is None:
        return lost.tokens[1] if lost.tokens[0] in ("def", "class") else None
    heads = {line.first for line, place in change.places.items() if place is None}
    around = (
        node
        for node in nodes_of(change.trees[0])
        if isinstance(node, DEFINITIONS) and first_line(node) <= lost.first <= (node.end_lineno or 0)
    )
    return next((definition.name for definition in around if definition.lineno in heads), None)


def _idle_instead(change: Change) -> LogicalLine | None:
    """An added line that does nothing and comes from no other line."""
    added = {number for number, _ in change.diff.added}
    known = set(change.places.values())
    return next(
        (line for line in change.new.lines if line.idle and line.first in added and line not in known), None
    )


def _diagnosed_use(change: Change) -> ast.expr | ast.alias | None:
    """The expression that falls with the diagnosed name: for `f` in `a + f.g(x)`, `f.g(x)`."""
    if change.trees is None:
        return None
    place = (change.line, change.column)
    around = [
        node
        for node in nodes_of(change.trees[0])
        if isinstance(node, (ast.expr, ast.alias, ast.keyword))
        and (node.lineno, node.col_offset) <= place < (node.end_lineno or 0, node.end_col_offset or 0)
    ]
    if not around:
        return None
    # `ast.walk` goes outside in
    use = around.pop()
    while around:
        outer = around.pop()
        match outer:
            case ast.Attribute(value=inner) | ast.Subscript(value=inner) | ast.Call(func=inner):
                falls = inner is use
            case ast.Await() | ast.Starred() | ast.UnaryOp():
                falls = True
            case _:
                falls = False
        if not falls:
            break
        use = outer
    return use if isinstance(use, (ast.expr, ast.alias)) else None
