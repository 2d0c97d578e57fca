"""Cheat rules for the other files that a diff changes.

There the diagnosed code can't be followed: only what is a cheat anywhere counts.

Tested by `tests/repair/verification/cheats/test_cheats.py`.
"""

import ast

from repair.text.paths import is_python
from repair.verification.cheats.change import (
    ABOUT_NAMES,
    FUNCTIONS,
    Cheat,
    DiagnosedChange,
    TextPair,
    nodes_of,
)
from repair.verification.cheats.evasions import added_any, added_stub, suppression


def other_file_cheat(path: str, original: str, repaired: str, target: DiagnosedChange) -> Cheat | None:
    """The cheat in the change of the file `path`; `target` is the change of the diagnostic's own file."""
    found = _find_cheat(path, TextPair(original, repaired), target)
    return found and Cheat(found.kind, f"{path}: {found.evidence}")


def _find_cheat(path: str, texts: TextPair, target: DiagnosedChange) -> Cheat | None:
    if not is_python(path):
        return Cheat("settings", "a repair must not change the servers' settings")
    if all(line.idle for line in texts.new.lines) and not all(line.idle for line in texts.old.lines):
        return Cheat("deleted_file", "all of its code is gone")
    # in a stub file nothing has a body
    may_be_stub = target.type in ABOUT_NAMES and not path.endswith(".pyi")
    return (
        suppression(texts)
        or added_any(texts)
        or (added_stub(texts, target.diagnosed_text.strip()) if may_be_stub else None)
        or _added_getattr(texts)
    )


def _added_getattr(texts: TextPair) -> Cheat | None:
    if texts.trees is None:
        return None
    old, new = (sum(_is_getattr(node) for node in nodes_of(tree)) for tree in texts.trees)
    return Cheat("dynamic_access", "added `__getattr__`, which knows every name") if new > old else None


def _is_getattr(node: ast.AST) -> bool:
    return isinstance(node, FUNCTIONS) and node.name in ("__getattr__", "__getattribute__")
