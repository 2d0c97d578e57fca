"""Values of strangers in messages: cut to 80 characters, control characters escaped.

Tested by `tests/repair/test_declared_types.py`.
"""

import reprlib
from collections.abc import Iterable

LONGEST = 80
"""Characters of a shown value."""
_NAMES = 6
_repr = reprlib.Repr()
_repr.maxstring = _repr.maxother = _repr.maxlong = LONGEST
_repr.maxlevel = 3


def shown(value: object) -> str:
    """`repr` of a value, of which what is long is elided; nothing in it moves a terminal's cursor."""
    text = _repr.repr(value[: LONGEST + 1] if isinstance(value, str | bytes) else value)
    return text if len(text) <= LONGEST + 2 else f"{text[:LONGEST]}..."


def shown_names(names: Iterable[str]) -> str:
    """The first few names, sorted, and the number of the others."""
    ordered = sorted(names)
    rest = len(ordered) - _NAMES
    return ", ".join(map(shown, ordered[:_NAMES])) + (f" and {rest} more" if rest > 0 else "")


def printable(text: str) -> str:
    """`text` with escapes for what is no printable character, but for line breaks."""
    if text.isprintable():
        return text
    return "".join(
        character if character == "\n" or character.isprintable() else repr(character)[1:-1]
        for character in text
    )
