"""Another file is changed so that the diagnostic falls silent.

There the diagnosed code can't be followed: only what is a way around wherever it stands is told.
"""

import ast

from repair.text.paths import is_python
from repair.verification.cheats.change import ABOUT_NAMES, FUNCTIONS, Change, Cheat, Texts, nodes_of
from repair.verification.cheats.evasions import added_any, added_stub, suppression


def elsewhere(path: str, original: str, repaired: str, target: Change) -> Cheat | None:
    """How the change of the file `path` goes around the diagnostic, which `target` has in its own file."""
    found = _found(path, Texts(original, repaired), target)
    return found and Cheat(found.kind, f"{path}: {found.evidence}")


def _found(path: str, texts: Texts, target: Change) -> Cheat | None:
    if not is_python(path):
        return Cheat("settings", "the servers' settings are no place for a repair")
    if all(line.idle for line in texts.new.lines) and not all(line.idle for line in texts.old.lines):
        return Cheat("deleted_file", "all of its code is gone")
    # in a stub file nothing has a body
    may_be_stub = target.type in ABOUT_NAMES and not path.endswith(".pyi")
    return (
        suppression(texts)
        or added_any(texts)
        or (added_stub(texts, target.word.strip()) if may_be_stub else None)
        or _answers_to_any_name(texts)
    )


def _answers_to_any_name(texts: Texts) -> Cheat | None:
    if texts.trees is None:
        return None
    old, new = (sum(_is_getattr(node) for node in nodes_of(tree)) for tree in texts.trees)
    return Cheat("dynamic_access", "added `__getattr__`, which knows every name") if new > old else None


def _is_getattr(node: ast.AST) -> bool:
    return isinstance(node, FUNCTIONS) and node.name in ("__getattr__", "__getattribute__")
