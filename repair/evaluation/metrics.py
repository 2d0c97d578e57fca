"""Exact-match metrics: equal syntax trees, or equal text."""

import ast
from typing import Any, cast

from repair.text.python_syntax import tree_of


def ast_match(prediction: str, target: str) -> bool:
    """AST match: whether both are Python programs with the same syntax tree.

    Layout, comments and the spelling of literals do not count; docstrings do. A text that this Python
    can't parse, or only with more memory or depth than it has, matches nothing, not even itself.
    """
    expected = tree_of(target)
    found = None if expected is None else tree_of(prediction)
    return expected is not None and found is not None and _same(found, expected)


def ast_or_string_match(prediction: str, target: str) -> bool:
    """`ast_match`, or the texts are equal to the character: this also covers code that does not parse."""
    return prediction == target or ast_match(prediction, target)


def _same(left: ast.AST, right: ast.AST) -> bool:
    """Equality of `ast.dump`, without its recursion: a sum of a thousand terms is a thousand nodes deep."""
    pending: list[tuple[Any, Any]] = [(left, right)]
    while pending:
        one, other = pending.pop()
        if type(one) is not type(other):  # 1, 1.0 and True are equal and not the same
            return False
        if isinstance(one, ast.AST):
            pending.extend((getattr(one, field, None), getattr(other, field, None)) for field in one._fields)
        elif isinstance(one, list):
            items, others = cast("list[Any]", one), cast("list[Any]", other)
            if len(items) != len(others):
                return False
            pending.extend(zip(items, others, strict=True))
        elif one != other:
            return False
    return True
