"""Conversion of JSON values into declared types (msgspec), with errors that name the place and the value.

`$.op[3].count` of a packet is shown as `packet.op[3].count is '7', expected a whole number`. A text may hold
lone surrogates. A type that forbids unknown fields names those that it has.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar, cast

import msgspec

from repair.messages import shown

T = TypeVar("T")
_JSON_NAMES: dict[type, str] = {
    **{str: "str", int: "int", float: "float", bool: "bool"},
    **{type(None): "null", list: "array", tuple: "array", dict: "object"},
}
_WORDS = {
    **{"str": "a string", "int": "a whole number", "float": "a number", "bool": "true or false"},
    **{"null": "null", "array": "a list", "object": "an object"},
}
_EXPECTED = re.compile(r"Expected `(?P<kinds>[^`]*)`(?P<range>[^,]*)(?:, got `(?P<found>\w+)`)?")
_STEP = re.compile(r"\.(?P<name>\w+)|\[(?P<index>\d+)\]|\[\.\.\.\]")


class UnexpectedValueError(ValueError):
    """The value is not of the declared type."""


def converted(value: object, declared: type[T], name: str, expected: Mapping[str, str] | None = None) -> T:
    """`value`, called `name`, as a `declared` type.

    `expected`: what places hold, in words, such as `{"op[].count": "a number above 0"}`; for others the words
    follow from the type.
    Raises `UnexpectedValueError`.
    """
    try:
        return msgspec.convert(value, declared)
    except UnicodeEncodeError:  # msgspec writes an unknown name into its message, which UTF-8 can't hold
        raise UnexpectedValueError(f"{name} has an unknown name with a lone surrogate") from None
    except msgspec.ValidationError as error:
        raise UnexpectedValueError(_explained(str(error), value, declared, name, expected or {})) from None


def _explained(message: str, value: object, declared: Any, name: str, expected: Mapping[str, str]) -> str:
    what, _, path = message.rpartition(" - at `$")
    if not what:
        what, path = message, ""
    place, pattern, found, known = _at(path.removesuffix("`"), value, name, what)
    if what.startswith("Object missing required field "):
        return f"{place} lacks {what.split('`')[1]}"
    if what.startswith("Object contains unknown field "):
        return f"{place} has the unknown field {shown(what[31:-1])}{_known_fields(declared, path)}"
    words = expected.get(pattern) or _in_words(what)
    is_what = "null" if found is None else shown(found)
    return f"{place} is {is_what}, expected {words}" if known else f"{place}: expected {words}"


def _at(path: str, value: Any, name: str, what: str) -> tuple[str, str, Any, bool]:
    """The place that msgspec means, the same without indices, what is there, and whether that is known."""
    place, pattern, known = name, "", True
    for step in _STEP.finditer(path):
        if step["name"]:
            field, place = step["name"], f"{place}.{step['name']}"
            pattern += f".{field}"
            known = known and isinstance(value, dict) and field in value
            value = cast("dict[str, Any]", value)[field] if known else None
        elif step["index"]:
            place, index = f"{place}{step[0]}", int(step["index"])
            pattern += "[]"
            known = known and isinstance(value, list) and index < len(cast("list[Any]", value))
            value = value[index] if known else None
        else:
            key = next(_keys_of_kind(value, what), None) if step.end() == len(path) else None
            place, known = f"{place}[{'...' if key is None else shown(key)}]", key is not None
            value = value[key] if known else None
    return place, pattern.removeprefix("."), value, known


def _keys_of_kind(table: Any, what: str) -> Iterator[str]:
    """The keys whose values are of the JSON type that was found; the first one is what msgspec means."""
    expected = _EXPECTED.fullmatch(what)
    if expected and isinstance(table, dict):
        for key, value in cast("dict[str, Any]", table).items():
            if _JSON_NAMES.get(type(value)) == expected["found"]:
                yield key


def _in_words(what: str) -> str:
    expected = _EXPECTED.match(what)
    if expected is None:
        return f"another value ({what[:100]})"
    kinds = expected["kinds"].split(" | ")
    return " or ".join(_WORDS.get(kind, kind) for kind in kinds) + expected["range"]


def _known_fields(declared: Any, path: str) -> str:
    if path or not (isinstance(declared, type) and issubclass(declared, msgspec.Struct)):
        return ""
    names = (field.encode_name for field in msgspec.structs.fields(declared))
    return f", expected {', '.join(names)}"
