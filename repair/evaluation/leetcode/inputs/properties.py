"""Properties of values that a page names: sorted, distinct, edges of a tree, a permutation.

Tested by `tests/repair/evaluation/leetcode/test_inputs.py`.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any


def strings(value: Any) -> Iterator[str]:
    """The strings in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


def leaves(value: Any) -> Iterator[Any]:
    """The values in lists of lists, but None."""
    if isinstance(value, list):
        for item in value:
            yield from leaves(item)
    elif value is not None:
        yield value


def of_any_form(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """The check, False for values of a form that it does not know."""

    def holds(value: Any) -> bool:
        try:
            return check(value)
        except (TypeError, ValueError, LookupError):
            return False

    return holds


def _numbers(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) > 1
        and all(isinstance(item, int | float | str) for item in value)
    )


def _rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, list) for item in value)


def _pairs(value: Any) -> bool:
    return _rows(value) and all(
        len(item) >= 2 and all(isinstance(end, int) and end >= 0 for end in item[:2]) for item in value
    )


def _integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _monotone(compare: Callable[[Any, Any], bool], *, of_rows: bool = False) -> Callable[[Any], bool]:
    def holds(value: Any) -> bool:
        try:
            if of_rows:
                return all(all(compare(a, b) for a, b in pairwise(row)) for row in value)
            return all(compare(a, b) for a, b in pairwise(value))
        except TypeError:
            return False

    return holds


def _sorted(value: Any) -> Any:
    try:
        return sorted(value)
    except TypeError:
        return value


def _each(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: [change(row) if isinstance(row, list) else row for row in value]


def _distinct(value: Any) -> Any:
    return list({repr(item): item for item in value}.values())


def _is_distinct(value: Any) -> bool:
    return len({repr(item) for item in value}) == len(value)


def _is_edges_distinct(value: Any) -> bool:
    return len({tuple(sorted(row[:2])) for row in value}) == len(value)


def ends(value: Any) -> int:
    return 1 + max((end for row in value for end in row[:2]), default=-1)


def is_tree(value: Any) -> bool:
    """Whether edges connect all nodes from the least without a circle."""
    nodes = {end for row in value for end in row[:2]}
    parent = {node: node for node in nodes}

    def root(node: Any) -> Any:
        while parent[node] != node:
            node = parent[node]
        return node

    for row in value:
        one, other = root(row[0]), root(row[1])
        if one == other:
            return False
        parent[one] = other
    return len(nodes) == len(value) + 1 and max(nodes) - min(nodes) == len(nodes) - 1


def is_connected(value: Any) -> bool:
    nodes = {end for row in value for end in row[:2]}
    reached: set[Any] = set()
    pending = [value[0][0]]
    while pending:
        node = pending.pop()
        if node not in reached:
            reached.add(node)
            pending += [a if b == node else b for a, b, *_ in value if node in (a, b)]
    return reached == nodes


def is_acyclic(value: Any) -> bool:
    left = [tuple(row[:2]) for row in value]
    while left:
        targets = {b for _, b in left}
        after = [(a, b) for a, b in left if a in targets]
        if len(after) == len(left):
            return False
        left = after
    return True


def _is_parents(value: Any) -> bool:
    return value[0] == -1 and all(0 <= parent < place for place, parent in enumerate(value) if place)


def _is_search_tree(value: Any) -> bool:
    """Whether the values by level are those of a binary search tree."""
    remaining = iter(value[1:])
    level: list[tuple[Any, float, float]] = [(value[0], float("-inf"), float("inf"))]
    for node, low, high in level:
        if not low < node < high:
            return False
        for least, most in ((low, node), (node, high)):
            child = next(remaining, None)
            if child is not None:
                level.append((child, least, most))
    return True


def _permutation(value: Any) -> bool:
    return sorted(value) in (list(range(len(value))), list(range(1, len(value) + 1)))


def _renumbered(value: Any) -> Any:
    first = min(value, default=0)
    order = sorted(range(len(value)), key=lambda place: value[place])
    ranks = [0] * len(value)
    for rank, place in enumerate(order):
        ranks[place] = rank + (first > 0)
    return ranks


def _is_power(value: int) -> bool:
    return value > 0 and value & (value - 1) == 0


def _is_prime(value: int) -> bool:
    return value > 1 and all(value % divisor for divisor in range(2, int(min(value, 10**8) ** 0.5) + 1))


def _same(value: Any) -> Any:
    return value


def _no_zero(value: Any) -> bool:
    if isinstance(value, list) and value and all(_integer(item) for item in value):
        return len(value) == 1 or value[0] != 0
    return all(text == "0" or not text.startswith("0") for text in strings(value))


_INTEGERS = lambda value: isinstance(value, list) and len(value) > 1 and all(map(_integer, value))  # noqa: E731

CHECKS: dict[str, tuple[Callable[[Any], bool], Callable[[Any], bool], Callable[[Any], Any]]] = {
    "increasing": (_numbers, _monotone(lambda a, b: a < b), lambda value: _sorted(_distinct(value))),
    "not decreasing": (_numbers, _monotone(lambda a, b: a <= b), _sorted),
    "decreasing": (_numbers, _monotone(lambda a, b: a > b), lambda value: _sorted(_distinct(value))[::-1]),
    "not increasing": (_numbers, _monotone(lambda a, b: a >= b), lambda value: _sorted(value)[::-1]),
    "rows by first": (
        lambda value: _rows(value) and len(value) > 1,
        _monotone(lambda a, b: a[:1] <= b[:1]),
        _sorted,
    ),
    "increasing rows": (
        _rows,
        _monotone(lambda a, b: a < b, of_rows=True),
        _each(lambda r: _sorted(_distinct(r))),
    ),
    "not decreasing rows": (_rows, _monotone(lambda a, b: a <= b, of_rows=True), _each(_sorted)),
    "not increasing rows": (
        _rows,
        _monotone(lambda a, b: a >= b, of_rows=True),
        _each(lambda row: _sorted(row)[::-1]),
    ),
    "not decreasing columns": (
        _rows,
        lambda value: all(a <= b for one, two in pairwise(value) for a, b in zip(one, two, strict=False)),
        _same,
    ),
    "distinct": (lambda value: isinstance(value, list) and len(value) > 1, _is_distinct, _distinct),
    "distinct in rows": (_rows, lambda value: all(map(_is_distinct, value)), _each(_distinct)),
    "distinct in all": (
        _rows,
        lambda value: _is_distinct([item for row in value for item in row]),
        _same,
    ),
    "distinct characters": (
        lambda value: any(len(text) > 1 for text in strings(value)),
        lambda value: all(len(set(text)) == len(text) for text in strings(value)),
        _same,
    ),
    "distinct firsts": (_rows, lambda value: _is_distinct([row[:1] for row in value]), _same),
    "distinct edges": (_pairs, _is_edges_distinct, _same),
    "no loops": (_pairs, lambda value: all(row[0] != row[1] for row in value), _same),
    "tree": (_pairs, is_tree, _same),
    "connected": (_pairs, is_connected, _same),
    "acyclic": (_pairs, is_acyclic, _same),
    "parents": (_INTEGERS, _is_parents, _same),
    "search tree": (
        lambda value: (
            isinstance(value, list)
            and len(value) > 1
            and all(_integer(i) or i is None for i in value)
            and value[0] is not None
        ),
        _is_search_tree,
        _same,
    ),
    "permutation": (_INTEGERS, _permutation, _renumbered),
    "no leading zeros": (lambda value: isinstance(value, str | list), _no_zero, _same),
    "even": (_integer, lambda value: value % 2 == 0, lambda value: value * 2),
    "odd": (_integer, lambda value: value % 2 == 1, lambda value: value | 1),
    "even items": (
        _INTEGERS,
        lambda value: all(item % 2 == 0 for item in value),
        lambda v: [i * 2 for i in v],
    ),
    "even length": (
        lambda value: isinstance(value, str | list) and bool(value),
        lambda value: len(value) % 2 == 0,
        lambda value: value[: len(value) // 2 * 2],
    ),
    "odd length": (lambda v: isinstance(v, str | list), lambda v: len(v) % 2 == 1, _same),
    "odd items": (_INTEGERS, lambda value: all(item % 2 == 1 for item in value), _same),
    "power of two": (_integer, _is_power, _same),
    "power of two less one": (_integer, lambda value: _is_power(value + 1), _same),
    "power of two items": (_INTEGERS, lambda value: all(map(_is_power, value)), _same),
    "prime": (_integer, _is_prime, _same),
    "prime items": (_INTEGERS, lambda value: all(map(_is_prime, value)), _same),
    "palindrome": (
        lambda v: isinstance(v, str | list) and bool(v),
        lambda v: v == v[::-1],
        lambda v: v + v[::-1],
    ),
}

PROPERTIES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        r"sorted|increasing|ascending|decreasing|descending|\border(?:ed)?\b|monoton|chronolog"
        r"|\w+\[i\] [<>]=? \w+\[(?:j|i ?\+ ?1)\]",
        (
            *("increasing", "not decreasing", "decreasing", "not increasing", "rows by first"),
            *("increasing rows", "not decreasing rows", "not increasing rows", "not decreasing columns"),
        ),
    ),
    (
        r"unique|distinct|duplicate|no two|different|repeated|pairwise|at most once|\bset\b",
        (
            *("distinct", "distinct in rows", "distinct in all", "distinct firsts", "distinct characters"),
            *("distinct edges", "no loops"),
        ),
    ),
    (r"\btrees?\b", ("tree", "parents")),
    (r"acyclic|\bDAG\b|no cycle|cyclic dep|prerequisite", ("acyclic",)),
    (r"connected", ("connected",)),
    (r"self-?\s?(?:loop|edge)|simple graph|multiple edges|multi-?edges", ("no loops", "distinct edges")),
    (r"search tree|\bBST\b", ("search tree",)),
    (r"permutation", ("permutation",)),
    (r"leading (?:zero|0)", ("no leading zeros",)),
    (r"\beven\b", ("even", "even items", "even length")),
    (r"\bodd\b", ("odd", "odd items", "odd length")),
    (r"power of (?:2|two)", ("power of two", "power of two less one", "power of two items")),
    (r"palindrom", ("palindrome",)),
    (r"\bprimes?\b", ("prime", "prime items")),
)
