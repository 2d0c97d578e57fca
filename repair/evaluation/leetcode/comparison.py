"""Comparison of a solution's answers with the expected values, both as JSON.

Tested by `tests/repair/evaluation/leetcode/test_functional.py`.
"""

import json
import math
from collections.abc import Sequence
from typing import Any, cast

TOLERANCE = 1e-5
"""Of a real number, absolute or relative, as LeetCode's problems promise."""


def equal(expected: Any, answer: Any, *, any_order: bool = False, nodes: bool = False) -> bool:
    """Whether an answer is the expected one.

    `any_order`: the items of the outer list may come in any order, and those of an inner list too where the
    expected ones are all sorted (sets, not paths). `nodes`: the answer is a list or a tree of nodes. None
    stands for an empty one, and for an empty list, as LeetCode writes it.
    """
    if answer is None and (nodes or isinstance(expected, list)):
        answer = []
    if expected is None and nodes:
        expected = []
    if any_order and isinstance(expected, list) and isinstance(answer, list):
        inner = [item for item in expected if isinstance(item, list)]
        sets = bool(inner) and all(item == sorted(item, key=_key) for item in inner)
        expected, answer = (
            sorted((_as_set(item) if sets else item for item in items), key=_key)
            for items in (expected, answer)
        )
    return _same(expected, answer)


def _as_set(item: Any) -> Any:
    return sorted(item, key=_key) if isinstance(item, list) else item


def _key(value: Any) -> tuple[int, Any]:
    """An order of all JSON values, the same for 2 and 2.0."""
    if isinstance(value, (bool, int, float)):
        return 0, value
    return (1, value) if isinstance(value, str) else (2, json.dumps(value))


def _same(expected: Any, answer: Any) -> bool:
    if isinstance(expected, list) and isinstance(answer, list):
        return _same_items(cast("list[Any]", expected), cast("list[Any]", answer))
    if isinstance(expected, float) or isinstance(answer, float):
        if isinstance(expected, (int, float)) and isinstance(answer, (int, float)):
            return _close(expected, answer)
        return False
    return expected == answer


def _same_items(expected: Sequence[Any], answer: Sequence[Any]) -> bool:
    return len(expected) == len(answer) and all(map(_same, expected, answer))


def _close(expected: float, answer: float) -> bool:
    try:
        return math.isclose(expected, answer, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    except OverflowError:  # an integer that no real number reaches
        return False
