"""Seeded hash: a deterministic random order of rows, the same in every process."""

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def rank(seed: int, *parts: str) -> str:
    """A number-like text that orders things at random, the same way in every run with this seed."""
    return hashlib.sha256("\0".join((str(seed), *parts)).encode()).hexdigest()


def fraction(seed: int, *parts: str) -> float:
    """The `rank` as a number from 0 up to 1, evenly spread."""
    return int(rank(seed, *parts)[:16], 16) / 2**64


def rank_column(seed: int, bits: "npt.NDArray[np.uint64]") -> "npt.NDArray[np.uint64]":
    """A seeded rank of each of many ids, which are 64 bits of a hash already (splitmix64)."""
    uint64 = bits.dtype.type
    x = bits ^ uint64(int(rank(seed)[:16], 16))
    x = (x ^ (x >> uint64(30))) * uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> uint64(27))) * uint64(0x94D049BB133111EB)
    return x ^ (x >> uint64(31))
