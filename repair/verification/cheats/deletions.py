"""Cheat rules for deletions: the diagnosed code was deleted, or turned into a comment or a string.

Tested by `tests/repair/verification/cheats/test_cheats.py`.
"""

import ast
import re
from collections import Counter

from repair.diagnostics.codes import SYNTAX
from repair.verification.cheats.change import (
    ABOUT_NAMES,
    DEFINITIONS,
    Cheat,
    DiagnosedChange,
    first_line,
    nodes_of,
    quote,
    source_of,
    without_spaces,
)
from repair.verification.cheats.logical_lines import LogicalLine

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
_WORD = re.compile(r"[^\W\d]\w*")
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
    if use is None or isinstance(use, (ast.alias, ast.Name, ast.Constant, ast.JoinedStr)):
        return None
    source = ast.unparse(use)
    if any(without_spaces(source) == without_spaces(string) for string in change.added_strings):
        return Cheat("quoted", f"{quote(source)} is a string now")
    return None


def deleted_use(change: DiagnosedChange) -> Cheat | None:
    """The use of the diagnosed name was deleted from its line, and nothing else."""
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
            return Cheat("deleted_code", f"{quote(ast.unparse(use))} was left out of line {before.first}")
    return None


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


def _had_purpose(line: LogicalLine, change: DiagnosedChange) -> bool:
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
    if change.trees is None:
        return lost.tokens[1] if lost.tokens[0] in ("def", "class") else None
    heads = {line.first for line, counterpart in change.counterparts.items() if counterpart is None}
    around = (
        node
        for node in nodes_of(change.trees[0])
        if isinstance(node, DEFINITIONS) and first_line(node) <= lost.first <= (node.end_lineno or 0)
    )
    return next((definition.name for definition in around if definition.lineno in heads), None)


def _idle_instead(change: DiagnosedChange) -> LogicalLine | None:
    """An added line that does nothing and is no counterpart of another line."""
    added = {number for number, _ in change.diff.added}
    known = set(change.counterparts.values())
    return next(
        (line for line in change.new.lines if line.idle and line.first in added and line not in known), None
    )


def _diagnosed_use(change: DiagnosedChange) -> ast.expr | ast.alias | None:
    """The expression that is built on the diagnosed name: for `f` in `a + f.g(x)`, `f.g(x)`."""
    if change.trees is None:
        return None
    position = (change.line, change.column)
    around = [
        node
        for node in nodes_of(change.trees[0])
        if isinstance(node, (ast.expr, ast.alias, ast.keyword))
        and (node.lineno, node.col_offset) <= position < (node.end_lineno or 0, node.end_col_offset or 0)
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
