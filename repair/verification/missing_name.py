"""Missing names that a repair takes for misspelt ones: `bit = Bit(8)` becomes `bit = bit(8)`.

A name that is undefined in several places is rarely wrong in all of them: its definition or its import is
missing. The servers accept a variable of the file in its place, for they know no type of what it holds; and
in `self.a = f(a)` they accept `self.a`, which is made right there.
"""

import ast
import builtins
from collections import Counter

from repair.diagnostics.diagnostic import Diagnostic
from repair.diagnostics.equal_findings import is_undefined_name, subject
from repair.text.python_names import bound, definitions, loaded
from repair.text.python_syntax import tree_of

_KNOWN = frozenset({*dir(builtins), "self", "cls"})


def takes_for_misspelt(original: str, repaired: str, diagnostic: Diagnostic) -> bool:
    """Whether a repair of an undefined name

    - puts variables or values of the file in its place, while other places of the file still read it (a
      function, a class, an import or Python's own name may be misspelt alike in all of them);
    - puts an attribute of that name in its place, in the only statement that makes it.
    """
    old, new = tree_of(original), tree_of(repaired)
    if not is_undefined_name(diagnostic) or old is None or new is None:
        return False
    name, before, after = subject(diagnostic), Counter(loaded(old)), Counter(loaded(new))
    if _is_made_of_itself(name, new) and not _is_made_of_itself(name, old):
        return True
    if name in bound(new) or not 0 < after[name] < before[name]:
        return False
    return (after - before).keys().isdisjoint(definitions(new) | _KNOWN)


def _is_made_of_itself(attribute: str, tree: ast.AST) -> bool:
    """Whether the only assignment to an attribute of this name reads that attribute of the same object."""
    bound = [part for part in _attributes(attribute, tree) if isinstance(part.ctx, ast.Store)]
    if len(bound) != 1:
        return False
    owner = ast.dump(bound[0].value)
    return any(
        isinstance(part.ctx, ast.Load) and ast.dump(part.value) == owner
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and bound[0] in node.targets
        for part in _attributes(attribute, node.value)
    )


def _attributes(name: str, tree: ast.AST) -> list[ast.Attribute]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == name]
