"""JSON codec of errors: a worker's error as data, which runs no code where it is read.

An error comes back as one of its class if that is a loaded one of the project's tree (`repair.errors`) or one
of Python's own in `BUILTIN`, and if its text makes it; else as a RuntimeError that names the class.
"""

import json
from collections.abc import Iterator
from contextlib import suppress

from repair.errors import RepairError

BUILTIN = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    FileNotFoundError,
    MemoryError,
    NotImplementedError,
    OSError,
    PermissionError,
    RuntimeError,
    TimeoutError,
    TypeError,
    ValueError,
    ZeroDivisionError,
)


def encode_error(error: Exception) -> bytes:
    """The error's class and text."""
    return json.dumps({"class": _name(type(error)), "text": str(error)}).encode()


def decode_error(data: bytes) -> Exception | None:
    """The inverse of `encode_error`, as far as it goes; null: `data` is nothing that it writes."""
    try:
        row = json.loads(data)
        name, text = row["class"], row["text"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not isinstance(name, str) or not isinstance(text, str):
        return None
    known = {_name(kind): kind for kind in (*BUILTIN, *_tree(RepairError))}
    with suppress(Exception):  # some need more than a text
        kind = known[name]
        error = kind.__new__(kind)
        error.args = (text,)
        if str(error) == text:
            return error
    return RuntimeError(f"a worker failed with {name}: {text}")


def _tree(kind: type[Exception]) -> Iterator[type[Exception]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _tree(below)


def _name(kind: type[Exception]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
