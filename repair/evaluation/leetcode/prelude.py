"""Prelude of a LeetCode solution: the imports and node classes that it uses.

LeetCode's editor imports for its users and defines the nodes of lists and trees, so a solution alone is full
of undefined names. A prelude makes it the file that a person would have: imports by name, and LeetCode's own
definitions. It is computed from the correct solution; the buggy one gets the same, as if the bug were made
later. Tested by `tests/repair/evaluation/leetcode/test_leetcode.py`.
"""

import builtins
import importlib
import symtable
from collections.abc import Iterator
from functools import cache

# LeetCode's modules; a name that several hold comes from the first.
_MODULES = (
    "collections",  # before typing, which has a Counter too, as a type
    "typing",
    "functools",
    "itertools",
    "heapq",
    "bisect",
    "math",
    "string",
    "operator",
)
_MORE_MODULES = ("copy", "datetime", "fractions", "random", "re", "statistics", "sys")

_NODES = {
    "ListNode": """\
class ListNode:
    def __init__(self, val=0, next=None):
        self.val = val
        self.next = next
""",
    "TreeNode": """\
class TreeNode:
    def __init__(self, val=0, left=None, right=None):
        self.val = val
        self.left = left
        self.right = right
""",
}


def prelude(correct: str) -> str:
    """The prelude of `correct`: empty, or imports and definitions with two empty lines at the end.

    A solution that does not parse has an empty prelude.
    """
    try:
        table = symtable.symtable(correct, "main.py", "exec")
    except (SyntaxError, ValueError):
        return ""
    names = sorted(set(_free(table)))
    modules: list[str] = []
    members: dict[str, list[str]] = {}
    for name in names:
        if name in (*_MODULES, *_MORE_MODULES) and f"{name}." in correct:
            modules.append(f"import {name}\n")
        elif source := _source(name):
            members.setdefault(source, []).append(name)
    imports = modules + [f"from {source} import {', '.join(members[source])}\n" for source in sorted(members)]
    parts = ["".join(imports), *(_NODES[name] for name in names if name in _NODES)]
    return "".join(f"{part}\n\n" for part in parts if part)


def file_of(above: str, code: str) -> str:
    """The whole file: a prelude, then the solution without empty lines around it, then one line feed."""
    return above + code.strip("\r\n") + "\n"


def _free(table: symtable.SymbolTable) -> Iterator[str]:
    """Free variables: names that the code reads and nothing defines."""
    own = {
        defined.get_name()
        for defined in table.get_symbols()
        if defined.is_assigned() or defined.is_imported()
    }
    pending = [table]
    while pending:
        current = pending.pop()
        pending += current.get_children()
        for symbol in current.get_symbols():
            name = symbol.get_name()
            outside = symbol.is_global() or current is table
            if outside and symbol.is_referenced() and name not in own and not hasattr(builtins, name):
                yield name


@cache
def _source(name: str) -> str | None:
    for module_name in _MODULES:
        module = importlib.import_module(module_name)
        if not name.startswith("_") and name in getattr(module, "__all__", vars(module)):
            return module_name
    return None
