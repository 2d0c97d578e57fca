"""Missing names that a repair takes for misspelt ones: `bit = Bit(8)` becomes `bit = bit(8)`.

A name that is undefined in several places is rarely wrong in all of them: its definition or its import is
missing. The servers accept a variable of the file in its place, for they know no type of what it holds; and
in `self.a = f(a)` they accept `self.a`, which is made right there. The same holds of an attribute that a
class of the file does not have.
"""

import ast
import builtins
import re
from collections import Counter
from collections.abc import Iterable

from repair.diagnostics.codes import SYNTAX, type_of_code
from repair.diagnostics.diagnostic import Diagnostic
from repair.diagnostics.equal_findings import is_undefined_name, subject
from repair.text.python_names import bound, definitions, loaded
from repair.text.python_syntax import tree_of

_KNOWN = frozenset({*dir(builtins), "self", "cls"})
_NO_ATTRIBUTE = re.compile(r'Cannot access (?:attribute|member) "(\w+)" for (?:class|type) "(?:type\[)?(\w+)')


def takes_for_misspelt(original: str, repaired: str, diagnostic: Diagnostic) -> bool:
    """Whether a repair of an undefined name

    - puts variables or values of the file in its place, while other places of the file still read it (a
      function, a class, an import or Python's own name may be misspelt alike in all of them);
    - puts an attribute of that name in its place, in the only statement that makes it;

    or a repair of an attribute that a class of the file does not have puts one of its other attributes in its
    place, which is no method, while other places still read it.
    """
    of_class = _NO_ATTRIBUTE.match(diagnostic.message)
    if not of_class and not is_undefined_name(diagnostic):
        return False
    old, new = tree_of(original), tree_of(repaired)
    if old is None or new is None:
        return False
    if of_class:
        name, owner = of_class.groups()
        return (
            owner in definitions(new)
            and not _is_attribute(name, new)
            and _replaces_one(
                name, Counter(_read_attributes(old)), Counter(_read_attributes(new)), definitions(new)
            )
        )
    name = subject(diagnostic)
    if _is_made_of_itself(name, new) and not _is_made_of_itself(name, old):
        return True
    return name not in bound(new) and _replaces_one(
        name, Counter(loaded(old)), Counter(loaded(new)), definitions(new) | _KNOWN
    )


def is_of_no_code(diagnostic: Diagnostic, before: Iterable[Diagnostic], after: Iterable[Diagnostic]) -> bool:
    """Whether a repaired name stands in a line with an error of syntax, and the file has as many of them
    after the repair as before: what the line says need not be code, and a word of it no name."""
    if not is_undefined_name(diagnostic):
        return False
    errors = [known for known in before if _is_syntax_error_of(diagnostic.path, known)]
    left = sum(_is_syntax_error_of(diagnostic.path, known) for known in after)
    return left >= len(errors) and any(
        known.start_line <= diagnostic.start_line <= known.end_line for known in errors
    )


def _is_syntax_error_of(path: str, diagnostic: Diagnostic) -> bool:
    return diagnostic.path == path and type_of_code(diagnostic.code) == SYNTAX


def _replaces_one(name: str, before: Counter[str], after: Counter[str], known: frozenset[str]) -> bool:
    """Whether fewer places read a name than before, but some do, and no `known` name is read instead."""
    return 0 < after[name] < before[name] and (after - before).keys().isdisjoint(known)


def _is_attribute(name: str, tree: ast.AST) -> bool:
    """Whether something of this name is made anywhere: as an attribute, a method, or a name of a class."""
    return name in bound(tree) or any(isinstance(part.ctx, ast.Store) for part in _attributes(name, tree))


def _read_attributes(tree: ast.AST) -> list[str]:
    return [
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    ]


def _is_made_of_itself(attribute: str, tree: ast.AST) -> bool:
    """Whether the only assignment to an attribute of this name reads that attribute of the same object."""
    made = [part for part in _attributes(attribute, tree) if isinstance(part.ctx, ast.Store)]
    if len(made) != 1:
        return False
    owner = ast.dump(made[0].value)
    return any(
        isinstance(part.ctx, ast.Load) and ast.dump(part.value) == owner
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and made[0] in node.targets
        for part in _attributes(attribute, node.value)
    )


def _attributes(name: str, tree: ast.AST) -> list[ast.Attribute]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == name]
