"""Whether a row is of its `TypedDict`, which only a type checker looks at."""

from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints, is_typeddict


def faults(value: Any, kind: Any, place: str = "") -> list[str]:
    """Where `value` is not of the type."""
    if isinstance(kind, UnionType):
        found = [faults(value, option, place) for option in get_args(kind)]
        return min(found, key=len)
    if get_origin(kind) is list:
        if not isinstance(value, list):
            return [f"{place}: {value!r}"]
        [item] = get_args(kind)
        return [
            fault
            for number, element in enumerate(value)
            for fault in faults(element, item, f"{place}[{number}]")
        ]
    if is_typeddict(kind):
        hints = get_type_hints(kind)
        if not isinstance(value, dict) or set(value) != set(hints):
            return [f"{place}keys {sorted(value)}"]
        return [
            fault for name, hint in hints.items() for fault in faults(value[name], hint, f"{place}.{name}")
        ]
    return [] if type(value) is kind else [f"{place}: {value!r}"]
