"""Code as text: does a repair close a quote, or write a comment, around what reads as code?

`total = '0` may have been meant as `'0'`, or as `0` with a stray quote: the servers are content with both.
Such a repair may be right, so that this is no cheat rule, but it is less often right than others.
"""

import ast
import builtins

from repair.text.python_syntax import tree_of
from repair.verification.cheats.change import TextPair
from repair.verification.cheats.syntax import CostlySyntaxError, text

_LONGEST = 2_000
_BUILTINS = frozenset(dir(builtins))
_SILENT = (ast.Name, ast.Constant, ast.Attribute, ast.Tuple)


def code_as_text(original: str, repaired: str) -> bool:
    """Whether an added comment or string of the repaired text reads as code of this file.

    A comment does if it is a statement that does something; a string if it is an expression whose names are
    known in the file. A text that takes the parser too much work does.
    """
    try:
        pair = TextPair(original, repaired)
        known = {_comment(text(node)) for node in pair.old_tree.of_type("comment")}
        comments = [_comment(text(node)) for node in pair.new_tree.of_type("comment") if pair.is_added(node)]
        names = set(pair.new_tree.identifiers())
        return any(_acts(comment) for comment in comments if comment not in known) or any(
            _is_expression(value, names) for value in pair.added_strings
        )
    except CostlySyntaxError:
        return True


def _comment(source: str) -> str:
    return source.lstrip("#").strip()


def _acts(comment: str) -> bool:
    body = _parsed(comment)
    return not all(isinstance(found, ast.Expr) and isinstance(found.value, _SILENT) for found in body)


def _is_expression(value: str, names: set[str]) -> bool:
    match _parsed(value.strip()):
        case [ast.Expr(ast.Name(name))]:
            return name in names  # a built-in function alone is a word like any other
        case [ast.Expr(expression)]:
            found = [node for node in ast.walk(expression) if isinstance(node, ast.Name)]
            bound = {node.id for node in found if isinstance(node.ctx, ast.Store)}
            return {node.id for node in found} <= names | bound | _BUILTINS
        case _:
            return False


def _parsed(source: str) -> list[ast.stmt]:
    if len(source) > _LONGEST:
        return []
    tree = tree_of(source)
    return tree.body if tree else []
