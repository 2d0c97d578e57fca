"""Randomness of a value: the share of neighbouring characters that no word or identifier would have.

Entropy alone can't tell 20 random characters from 20 of an identifier: there are too few of them. In random
letters and digits about 70 % of the neighbours are unusual, in identifiers 5 to 15 %.
"""

import re
from itertools import pairwise

_USUAL = frozenset(
    first + second
    for first, seconds in (
        part.split(":")
        for part in [
            "a:bcdfgiklmnprstuvwxy",
            "b:aceilorsuy",
            "c:acdehiklorstu",
            "d:adeilorstu",
            "e:abcdefghilmnopqrstvwxy",
            "f:aefilorstu",
            "g:aehilnorsu",
            "h:aeiortu",
            "i:abcdefglmnoprstvxz",
            "k:eis",
            "l:acdeilopstuy",
            "m:abeilmopsu",
            "n:acdefgiklnopstuv",
            "o:abcdfgiklmnoprstuvw",
            "p:aehiloprstuy",
            "q:u",
            "r:acdefgiklmnoprstuvy",
            "s:acehiklmnopstuwy",
            "t:acdefhilmoprstuy",
            "u:abcdefgilmnprst",
            "v:aeio",
            "w:aehinors",
            "x:ceipt",
            "y:npst",
            "z:e",
        ]
    )
    for second in seconds
)
"""Pairs of letters that make 95 % of the pairs in the words of Python's standard library."""

_HEX = re.compile(r"[0-9a-f]+|[0-9A-F]+")


def unusual_share(value: str) -> float:
    """The share of neighbours in `value` that are unusual: from 0 to 1.

    Neighbours are letters or digits side by side. Unusual are a letter beside a digit and a pair of letters
    that few words have; steps through the alphabet (`abc`, `123`) are not.
    """
    unusual = pairs = 0
    for first, second in pairwise(value):
        if not (first.isalnum() and second.isalnum()):
            continue
        pairs += 1
        if first.isdigit() or second.isdigit():
            unusual += first.isdigit() is not second.isdigit()
        elif ord(second) - ord(first) != 1:
            unusual += (first + second).lower() not in _USUAL
    return unusual / pairs if pairs else 0.0


def is_hex(value: str) -> bool:
    """Whether a value is hexadecimal digits of one case (dashes aside), with several letters among them."""
    digits = value.replace("-", "")
    letters = sum(map(str.isalpha, set(digits)))
    return _HEX.fullmatch(digits) is not None and letters >= 3 and len(set(digits)) > max(6, letters)


def looks_random(value: str, least: int = 16) -> bool:
    """Whether `value` of at least `least` characters was drawn and not written."""
    core = value.strip("=")
    if len(core) < least or not core.isascii():
        return False
    if is_hex(core):
        return len(core) >= max(least, 20)
    if len(set(core)) < min(10, least):
        return False
    if not any(map(str.isdigit, core)) and (core.islower() or core.isupper()) and len(core) < 24:
        return False  # too short to tell from an abbreviation
    return unusual_share(core) >= (0.4 if len(core) < 32 else 0.33)
