"""SPDX expressions of licences: whether one permits to learn from what it covers.

Only an allow-list permits. Permissive licences and dedications to the public domain are on the default list:
they grant use for any purpose to anybody and ask for no more than a notice. Copyleft (GPL, LGPL, AGPL, MPL,
CC-BY-SA) is not: what it asks of derived works is not answered by whoever only learns from it. Nor are
licences that restrict who or what for (BUSL, SSPL, Elastic, CC-BY-NC), and BSD-4-Clause, whose clause reaches
into advertising.

Tested by `tests/repair/sources/test_licences.py`.
"""

from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

from license_expression import ExpressionError, Licensing, get_spdx_licensing

PERMISSIVE = (
    *("0BSD", "Apache-2.0", "BlueOak-1.0.0", "BSD-1-Clause", "BSD-2-Clause", "BSD-2-Clause-Patent"),
    *("BSD-3-Clause", "BSL-1.0", "CC0-1.0", "CNRI-Python", "HPND", "ISC", "MIT", "MIT-0", "MIT-CMU", "NCSA"),
    *("PostgreSQL", "PSF-2.0", "Python-2.0", "Python-2.0.1", "Unlicense", "UPL-1.0", "WTFPL", "X11", "Zlib"),
    *("zlib-acknowledgement", "libpng-2.0", "Unicode-3.0", "CDLA-Permissive-2.0"),
)
"""SPDX identifiers of the licences that permit."""

PERMISSIVE_LIST = "permissive"

HARMLESS_EXCEPTIONS = ("LLVM-exception", "Swift-exception")
"""Exceptions that only give more than the licence before them."""

_LARGEST_EXPRESSION = 500


def permitted_expression(expression: str, permissive: Collection[str] = PERMISSIVE) -> str | None:
    """An SPDX expression in its usual spelling if it permits by these licences, else None.

    AND needs both sides, OR one of them, WITH a known exception. NONE, NOASSERTION and what is no SPDX
    identifier make the whole expression invalid; `LicenseRef-` and `DocumentRef-` permit nothing.
    """
    tree = _parsed(expression)
    try:
        return str(_spelled(tree)) if tree is not None and _permits(tree, permissive) else None
    except (LookupError, TypeError, ValueError, RecursionError):
        return None


def consenting_licences(names: str) -> frozenset[str]:
    """SPDX identifiers out of a list with commas; `permissive` is the list `PERMISSIVE`.

    Raises ValueError for a name that SPDX does not know.
    """
    found = set[str]()
    for name in filter(None, (part.strip() for part in names.split(","))):
        if name == PERMISSIVE_LIST:
            found.update(PERMISSIVE)
        else:
            found.add(_known(name))
    return frozenset(found)


def is_expression(expression: str) -> bool:
    """Whether this is an SPDX expression of known licences, whatever they permit."""
    tree = _parsed(expression)
    try:
        return tree is not None and _spelled(tree) is not None
    except (LookupError, TypeError, ValueError, RecursionError):
        return False


def _parsed(expression: str) -> Any:
    if len(expression) > _LARGEST_EXPRESSION:
        return None
    try:
        return Licensing().parse(expression.strip())
    except (ExpressionError, LookupError, TypeError, ValueError, RecursionError):
        return None


def _permits(tree: Any, permissive: Collection[str]) -> bool:
    """Whether a parsed expression permits; raises ValueError for what is no SPDX identifier."""
    operator = getattr(tree, "operator", "").strip().upper()
    if operator in ("AND", "OR"):
        sides = [_permits(side, permissive) for side in tree.args]  # all of them: each is checked
        return all(sides) if operator == "AND" else any(sides)
    if hasattr(tree, "exception_symbol"):
        exception = _known(tree.exception_symbol.key)
        return _permits(tree.license_symbol, permissive) and exception in HARMLESS_EXCEPTIONS
    return _known(tree.key) in permissive


def _known(key: str) -> str:
    """An identifier in SPDX's spelling. Raises ValueError."""
    if key.startswith(("LicenseRef-", "DocumentRef-")):
        return key
    spelled = _spdx_identifiers().get(key.lower())
    if spelled is None:
        raise ValueError(key)
    return spelled


def _spelled(tree: Any) -> Any:
    for symbol in tree.symbols if hasattr(tree, "symbols") else [tree]:
        for part in (getattr(symbol, "license_symbol", symbol), getattr(symbol, "exception_symbol", None)):
            if part is not None:
                part.key = _known(part.key)
    return tree


@cache
def _spdx_identifiers() -> dict[str, str]:
    known: Mapping[str, Any] = get_spdx_licensing().known_symbols
    return {key.lower(): key for key in known if not key.startswith("LicenseRef-")}
