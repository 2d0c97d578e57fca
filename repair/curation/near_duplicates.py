"""Near-duplicate detection: MinHash and LSH over 5-grams of words, as for StarCoder.

About 4,000 texts of 4 kB a second; each indexed text takes about 1.3 kB.
"""

import re
from typing import Any

from repair.extras import extra

with extra("pipeline"):
    import rensa

_rensa: Any = rensa  # its classes are compiled, so that type checkers do not see them

JACCARD = 0.7
WORDS = 5
PERMUTATIONS = 256
# 32 bands of 8: a pair at 0.7 collides in one of them with 85 %, at 0.8 with 99.7 %, at 0.5 with 12 %.
# The similarity of colliding pairs is then estimated by all permutations.
BANDS = 32
SEED = 1

_WORD = re.compile(r"\w+")


class NearDuplicates:
    """Index of texts that finds the near-duplicate of a text.

    The results depend on the order of the texts, and on nothing else.
    """

    def __init__(self) -> None:
        self._index = _rensa.RMinHashLSH(JACCARD, PERMUTATIONS, BANDS)
        self._known: list[tuple[str, Any]] = []

    def find_or_add(self, key: str, text: str) -> str | None:
        """The key of an indexed near-duplicate of `text`; else None, and `text` is added to the index."""
        signature = _signature(text)
        duplicate_of = self._find(signature)
        if duplicate_of is None:
            self._add(key, signature)
        return duplicate_of

    def find(self, text: str) -> str | None:
        """The key of an indexed near-duplicate of `text`, which is not added itself."""
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


def grams_of(text: str) -> list[str]:
    """The 5-grams of the words of a text, in order; one with fewer words is its own only gram."""
    words = _WORD.findall(text)
    grams = zip(*(words[start:] for start in range(WORDS)), strict=False)
    return [" ".join(gram) for gram in grams] or [" ".join(words)]


def _signature(text: str) -> Any:
    signature = _rensa.RMinHash(PERMUTATIONS, SEED)
    signature.update(grams_of(text))
    return signature
