"""Diversity of edits: size, normalised form, and the entropy of a teacher's edits.

A teacher that answers everything in one way has collapsed: its data teaches that one way. So an edit is
*normalised* until only its kind is left: line numbers and indentation are gone, names become `_0`, `_1`, ...
in order of appearance, and every number and every string becomes one token. The diversity of a set of edits
is the number of distinct normalised ones and their entropy.
"""

import keyword
import re
from collections import Counter
from collections.abc import Iterable
from math import log2

from repair.line_diff.numbered import parse

_TOKEN = re.compile(
    r"""(?P<text>[rbfuRBFU]{0,2}(?:"(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?))"""
    r"""|(?P<number>\d[\w.]*)|(?P<name>[^\W\d]\w*)|(?P<sign>\S)"""
)


def signed_lines(line_diff: str) -> int:
    """The number of lines that a numbered line diff removes and adds."""
    diff = parse(line_diff)
    return len(diff.removed) + len(diff.added)


def normalised(line_diff: str) -> str:
    """The normalised edit of a numbered line diff, as a text: equal for edits that differ in names alone."""
    diff = parse(line_diff)
    names: dict[str, str] = {}
    lines = [("-", text) for _, text in diff.removed] + [("+", text) for _, text in diff.added]
    return "\n".join(f"{sign}{_normalised_line(text, names)}" for sign, text in lines)


def _normalised_line(text: str, names: dict[str, str]) -> str:
    words: list[str] = []
    for token in _TOKEN.finditer(text):
        if token["text"]:
            words.append('""')
        elif token["number"]:
            words.append("0")
        elif token["name"] and not keyword.iskeyword(token["name"]):
            words.append(names.setdefault(token["name"], f"_{len(names)}"))
        else:
            words.append(token[0])
    return " ".join(words)


def entropy(edits: Iterable[str]) -> float:
    """Shannon entropy of the edits' distribution, in bits: 0 if all are equal, log2(n) if all n differ."""
    counts = Counter(edits)
    total = counts.total()
    return sum(-count / total * log2(count / total) for count in counts.values()) + 0.0
