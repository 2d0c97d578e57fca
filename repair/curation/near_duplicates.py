"""Texts that say nearly the same, found as StarCoder found them: MinHash over 5-grams of words.

Some 4,000 texts of 4 kB a second; each remembered text holds about 1.3 kB.
"""

import re
from typing import Any

import rensa

_rensa: Any = rensa  # its classes are compiled, so that type checkers do not see them

JACCARD = 0.7
WORDS = 5
PERMUTATIONS = 256
# 32 bands of 8: a pair at 0.7 meets in one of them with 85 %, at 0.8 with 99.7 %, at 0.5 with 12 %.
# Whoever meets is then measured by all permutations.
BANDS = 32
SEED = 1

_WORD = re.compile(r"\w+")


class NearDuplicates:
    """Remembers texts, and finds the remembered one that a text nearly repeats.

    What is found depends on the order of the texts, and on nothing else.
    """

    def __init__(self) -> None:
        self._index = _rensa.RMinHashLSH(JACCARD, PERMUTATIONS, BANDS)
        self._known: list[tuple[str, Any]] = []

    def twin_of(self, key: str, text: str) -> str | None:
        """The key of a remembered text that `text` nearly repeats; else None, and it is remembered."""
        signature = _signature(text)
        twin = self._find(signature)
        if twin is None:
            self._add(key, signature)
        return twin

    def find(self, text: str) -> str | None:
        """The key of a remembered text that `text` nearly repeats; it is not remembered itself."""
        return self._find(_signature(text))

    def _add(self, key: str, signature: Any) -> None:
        self._index.insert(len(self._known), signature)
        self._known.append((key, signature))

    def _find(self, signature: Any) -> str | None:
        for number in sorted(self._index.query(signature)):
            key, known = self._known[number]
            if known.jaccard(signature) >= JACCARD:
                return key
        return None


def _signature(text: str) -> Any:
    words = _WORD.findall(text)
    grams = zip(*(words[start:] for start in range(WORDS)), strict=False)
    signature = _rensa.RMinHash(PERMUTATIONS, SEED)
    # A text of fewer words than a gram has is its own only gram.
    signature.update([" ".join(gram) for gram in grams] or [" ".join(words)])
    return signature
