"""Cheat rules for the other files that a diff changes.

There the diagnosed code can't be followed: only what is a cheat anywhere counts.

Tested by `tests/repair/verification/cheats/test_cheats.py`.
"""

from collections.abc import Iterator, Mapping

from tree_sitter import Node

from repair.text.paths import is_python
from repair.verification.cheats.change import ABOUT_NAMES, Cheat, DiagnosedChange, TextPair
from repair.verification.cheats.evasions import added_stub, no_type_check
from repair.verification.cheats.syntax import SyntaxTree, field, text
from repair.verification.cheats.types import added_any

_BUILTINS = "__builtins__.pyi"


def other_file_cheat(
    path: str, original: str, repaired: str, target: DiagnosedChange, workspace: Mapping[str, str]
) -> Cheat | None:
    """The cheat in the change of the file `path`; `target` is the change of the diagnostic's own file."""
    found = _find_cheat(path, TextPair(original, repaired), target, workspace)
    return found and Cheat(found.kind, f"{path}: {found.evidence}")


def _find_cheat(
    path: str, texts: TextPair, target: DiagnosedChange, workspace: Mapping[str, str]
) -> Cheat | None:
    if not is_python(path):
        return Cheat("settings", "a repair must not change the servers' settings")
    if path.rpartition("/")[2] == _BUILTINS:
        return Cheat("settings", "it declares for the checker alone what every module sees")
    if all(line.idle for line in texts.new.lines) and not all(line.idle for line in texts.old.lines):
        return Cheat("deleted_file", "all of its code is gone")
    return no_type_check(texts) or added_any(texts) or _added_name(path, texts, target, workspace)


def _added_name(
    path: str, texts: TextPair, target: DiagnosedChange, workspace: Mapping[str, str]
) -> Cheat | None:
    name = target.diagnosed_text.strip()
    if target.type in ABOUT_NAMES and path.endswith(".pyi"):
        # in a stub file nothing has a body; beside a module it must declare what the module has
        module = workspace.get(path.removesuffix("i"))
        added = name in texts.new_tree.identifiers() and name not in texts.old_tree.identifiers()
        if module is not None and added and name not in TextPair(module, module).new_tree.identifiers():
            return Cheat("stub", f"it declares `{name}`, which {path.removesuffix('i')} does not have")
    elif target.type in ABOUT_NAMES and (found := added_stub(texts, name)):
        return found
    old = list(_getattrs(texts.old_tree))
    new = [node for node in _getattrs(texts.new_tree) if texts.is_added(node)]
    return Cheat("dynamic_access", "added `__getattr__`, which knows every name") if new and not old else None


def _getattrs(tree: SyntaxTree) -> Iterator[Node]:
    functions = tree.of_type("function_definition")
    return (node for node in functions if text(field(node, "name")) in ("__getattr__", "__getattribute__"))
