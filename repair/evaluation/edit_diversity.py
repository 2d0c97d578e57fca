"""Diversity of edits: size, normalised form, and the entropy of a teacher's edits.

A teacher that answers everything in one way has collapsed: its data teaches that one way. So an edit is
*normalised* until only its kind is left: line numbers and indentation are gone, names become `_0`, `_1`, ...
in order of appearance, and every number and every string becomes one token. The diversity of a set of edits
is the number of distinct normalised ones and their entropy.
"""

import keyword
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import log2
from random import Random

from repair.line_diff.workspace import parse
from repair.verification.needless import changed_spans

_TOKEN = re.compile(
    r"""(?P<text>[rbfuRBFU]{0,2}(?:"(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?))"""
    r"""|(?P<number>\d[\w.]*)|(?P<name>[^\W\d]\w*)|(?P<sign>\S)"""
)


def signed_lines(line_diff: str) -> int:
    """The number of lines that a numbered line diff removes and adds, in all its files."""
    return sum(len(diff.removed) + len(diff.added) for diff in parse(line_diff).values())


def normalised(line_diff: str) -> str:
    """The normalised edit of a numbered line diff, as a text: equal for edits that differ in names alone.

    Of a diff of several files the changes of all, one file after the other.
    """
    names: dict[str, str] = {}
    lines = [
        (sign, text)
        for diff in parse(line_diff).values()
        for sign, changed in (("-", diff.removed), ("+", diff.added))
        for _, text in changed
    ]
    return "\n".join(f"{sign}{_normalised_line(text, names)}" for sign, text in lines)


def changed_tokens(originals: Mapping[str, str], repaired: Mapping[str, str]) -> str:
    """The normalised edit from one state of some files to another, of the changed tokens alone.

    Coarser than `normalised`, which has whole lines: a colon that is put in is one edit wherever it is.
    """
    names: dict[str, str] = {}
    changes = [
        f"{_normalised_line(span.old, names)} -> {_normalised_line(text[span.start : span.end], names)}"
        for path, text in repaired.items()
        for span in changed_spans(originals[path], text)
    ]
    return "\n".join(changes)


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


@dataclass(frozen=True, slots=True)
class Spread:
    """Of two systems' edits of the same samples: how far each is spread, and how often they are the same."""

    samples: int
    distinct: tuple[int, int]
    entropy: tuple[float, float]
    interval: tuple[float, float]
    """95 % interval of the difference of the entropies, first less second."""
    commonest: tuple[float, float]
    """The share of each system's commonest edit."""
    same: int
    """Samples that both edit in one way."""


def spread(pairs: Sequence[tuple[str, str]], *, seed: int, draws: int = 1000) -> Spread:
    """The spread of pairs of normalised edits, one pair a sample; at least one.

    The interval is the basic bootstrap's over the samples, which allows for it that the entropy of drawn
    edits is too low, the more so the more there are of one each.
    """
    first, second = ([pair[side] for pair in pairs] for side in (0, 1))
    chance = Random(seed)  # noqa: S311 - a draw that can be repeated
    found: list[float] = []
    for _ in range(draws):
        drawn = chance.choices(pairs, k=len(pairs))
        found.append(entropy(one for one, _ in drawn) - entropy(other for _, other in drawn))
    found.sort()
    difference = entropy(first) - entropy(second)
    low, high = (2 * difference - found[round(q * (draws - 1))] for q in (0.975, 0.025))
    return Spread(
        samples=len(pairs),
        distinct=(len(set(first)), len(set(second))),
        entropy=(entropy(first), entropy(second)),
        interval=(low, high),
        commonest=(_commonest(first), _commonest(second)),
        same=sum(one == other for one, other in pairs),
    )


def _commonest(edits: Sequence[str]) -> float:
    return Counter(edits).most_common(1)[0][1] / len(edits)
