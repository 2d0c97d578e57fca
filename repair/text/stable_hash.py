"""Seeded hash: a deterministic rank of rows, the same in every process."""

import hashlib


def rank(seed: int, *parts: str) -> str:
    """A number-like text that orders things at random, the same way in every run with this seed."""
    return hashlib.sha256("\0".join((str(seed), *parts)).encode()).hexdigest()
