"""Cheat rules for unreachable code: pyright reports nothing in code that it finds unreachable.

It says which code that is (hints), and in three messages why: by the structure of the statements, by a
condition that is constant, or by the types. Two reasons are honest and left to the judge: a condition on the
version or the platform, and a guard whose condition is about the diagnosed code itself, so that the types
leave nothing (`if self.head is not None:`, where `head` was only ever None).

In an expression (`x if False else y`) pyright skips the dead part without a hint: there the constant
conditions are found here.

Tested by `tests/repair/verification/cheats/test_cheat_set.py`.
"""

import re
from collections.abc import Iterator, Sequence

from tree_sitter import Node

from repair.diagnostics.codes import SYNTAX
from repair.diagnostics.diagnostic import HINT, Diagnostic
from repair.verification.cheats.change import Cheat, DiagnosedChange, quote
from repair.verification.cheats.logical_lines import LogicalLine
from repair.verification.cheats.syntax import Position, SyntaxTree, field, text, truth, within

_BY_TYPES = "Type analysis"
_OF_THE_MACHINE = re.compile(r"\bversion_info\b|\bplatform\b|\bos\s*\.\s*name\b")
_CONDITIONAL = frozenset({"if_statement", "elif_clause", "while_statement"})


def hidden(change: DiagnosedChange, hints: Sequence[Diagnostic]) -> Cheat | None:
    """The diagnosed code lies in one of the unreachable ranges `hints` of the repaired file."""
    if change.type == SYNTAX or change.counterpart is None:
        return None
    places = list(_places(change, change.counterpart))
    ranges = [(_start(hint, change.new_rows), _end(hint, change.new_rows), hint) for hint in hints]
    around = [next((found for found in ranges if found[0] <= place < found[1]), None) for place in places]
    if not places or not all(around):
        return None
    for found in around:
        if found is None or _is_honest(change, found[0], found[2]):
            return None
    reason = next(found[2].message for found in around if found)
    return Cheat("unreachable", f"line {places[0][0] + 1} never runs now: {reason}")


def was_hidden(change: DiagnosedChange, hints: Sequence[Diagnostic]) -> bool:
    """Whether the diagnosed code was unreachable in the original file, by its `hints`."""
    place = (change.line - 1, change.column)
    ranges = ((_start(hint, change.old_rows), _end(hint, change.old_rows)) for hint in hints)
    return any(start <= place < end for start, end in ranges)


def unreachable_ranges(diagnostics: Sequence[Diagnostic], path: str) -> list[Diagnostic]:
    """The hints of one file."""
    return [found for found in diagnostics if found.severity == HINT and found.path == path]


def dead_expression(change: DiagnosedChange) -> Cheat | None:
    """The diagnosed code is in the part of an expression that a constant condition rules out now."""
    if change.type == SYNTAX or change.diagnosed is None or change.counterpart is None:
        return None
    before = _dead_part(change.old_tree, [(change.line - 1, change.column)])
    after = _dead_part(change.new_tree, list(_places(change, change.counterpart)))
    if after is not None and before is None and change.is_added(after):
        return Cheat("unreachable", f"it is never evaluated, because of {quote(text(after))}")
    return None


def _places(change: DiagnosedChange, line: LogicalLine) -> Iterator[Position]:
    """Where the diagnosed code is in its counterpart: its last word, or any name that both have."""
    before = change.diagnosed
    words = re.findall(r"[^\W\d]\w*", change.diagnosed_text)
    shared = set(line.words) & set(before.words if before else ())
    wanted = {words[-1]} if words and words[-1] in line.tokens else shared
    found = [index for index, token in enumerate(line.tokens) if token in wanted or not wanted]
    if before and words and (change.line, change.column) in before.starts:
        at = before.starts.index((change.line, change.column))
        if at and before.tokens[at - 1] == ".":  # an attribute, not a variable of its name
            found = [index for index in found if index and line.tokens[index - 1] == "."] or found
    for index in found:
        number, column = line.starts[index]
        yield number - 1, column


def _dead_part(tree: SyntaxTree, places: Sequence[Position]) -> Node | None:
    found: Node | None = None
    for place in places:
        node = tree.at(place)
        dead = next(_ruled_out(tree, node), None) if node else None
        if dead is None:
            return None
        found = found or dead
    return found


def _ruled_out(tree: SyntaxTree, node: Node) -> Iterator[Node]:
    inner = node
    for above in tree.ancestors(node):
        if above.type == "conditional_expression":
            parts = above.named_children
            dead = {True: parts[2:], False: parts[:1], None: []}[truth(parts[1]) if len(parts) == 3 else None]
            if inner in dead:
                yield above
        elif above.type == "boolean_operator" and field(above, "right") == inner:
            decisive = any(child.type == "or" for child in above.children)
            if truth(field(above, "left")) is decisive:
                yield above
        elif above.type.endswith("comprehension") or above.type == "generator_expression":
            conditions = [part for part in above.named_children if part.type == "if_clause"]
            for condition in conditions:
                if condition != inner and truth(condition.named_children[-1]) is False:
                    yield above
        inner = above


def _is_honest(change: DiagnosedChange, start: Position, hint: Diagnostic) -> bool:
    """Whether what makes the code at `start` unreachable may be a true repair."""
    conditions = list(_conditions(change.new_tree, start))
    if not conditions:
        return False
    atoms = [atom for condition in conditions for atom in _atoms(condition)]
    if all(_OF_THE_MACHINE.search(text(atom)) for atom in atoms):
        return True
    if not hint.message.startswith(_BY_TYPES):
        return False
    names = {text(node) for atom in atoms for node in within(atom) if node.type == "identifier"}
    return bool(names & set(change.diagnosed.words if change.diagnosed else ()))


def _conditions(tree: SyntaxTree, start: Position) -> Iterator[Node]:
    """The conditions that decide whether the statement at `start` is reached."""
    statement = tree.statement_at(start)
    block = tree.parent(statement) if statement else None
    if statement is None or block is None:
        return
    siblings = tree.siblings(statement)
    index = siblings.index(statement) if statement in siblings else 0
    if index:
        for node in within(siblings[index - 1]):
            if node.type in _CONDITIONAL:
                yield from filter(None, [field(node, "condition")])
            elif node.type == "assert_statement":
                yield from node.named_children[:1]
            elif node.type == "case_clause":
                yield from _subject(tree, node)
        return
    head = tree.parent(block)
    if head is None:
        return
    if head.type == "else_clause":
        chain = tree.parent(head)
        for node in chain.named_children if chain else ():
            if node.type == "elif_clause":
                yield from filter(None, [field(node, "condition")])
        yield from filter(None, [field(chain, "condition") if chain else None])
    elif head.type in _CONDITIONAL:
        yield from filter(None, [field(head, "condition")])
        if head.type == "elif_clause" and (first := tree.parent(head)):
            yield from filter(None, [field(first, "condition")])
    elif head.type == "case_clause":
        yield from _subject(tree, head)


def _subject(tree: SyntaxTree, case: Node) -> Iterator[Node]:
    match = next((above for above in tree.ancestors(case) if above.type == "match_statement"), None)
    yield from match.children_by_field_name("subject") if match else ()


def _atoms(condition: Node) -> Iterator[Node]:
    """The conditions without `and`, `or`, `not` and parentheses."""
    stack = [condition]
    while stack:
        node = stack.pop()
        if node.type in ("boolean_operator", "not_operator", "parenthesized_expression"):
            stack.extend(reversed(node.named_children))
        else:
            yield node


def _start(hint: Diagnostic, rows: Sequence[str]) -> Position:
    return hint.start_line, _bytes(rows, hint.start_line, hint.start_column)


def _end(hint: Diagnostic, rows: Sequence[str]) -> Position:
    return hint.end_line, _bytes(rows, hint.end_line, hint.end_column)


def _bytes(rows: Sequence[str], line: int, column: int) -> int:
    return len(rows[line][:column].encode(errors="replace")) if line < len(rows) else 0
