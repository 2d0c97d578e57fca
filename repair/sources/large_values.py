"""File of large values: each is kept once, by its SHA-256, and is read back when it is needed.

So a value that many rows share takes memory and disk once.

Tested by `tests/repair/sources/test_events.py`.
"""

import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

LARGE = 4096
"""Bytes from which a value is large."""


class LargeValues:
    """The values in a new file at `path`. A context manager."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b")
        self._numbers: dict[bytes, int] = {}
        self._places: list[tuple[int, int]] = []
        self._end = 0
        self.get = lru_cache(maxsize=2)(self._read)
        """The value of a number, decoded; neighbours that share it share the object."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.get.cache_clear()
        self._file.close()

    def put(self, value: bytes) -> int:
        """Keep `value`; returns its number."""
        digest = hashlib.sha256(value).digest()
        number = self._numbers.setdefault(digest, len(self._places))
        if number == len(self._places):
            self._file.seek(self._end)
            self._file.write(value)
            self._places.append((self._end, len(value)))
            self._end += len(value)
        return number

    def _read(self, number: int, decode: Callable[[bytes], Any]) -> Any:
        start, length = self._places[number]
        self._file.seek(start)
        return decode(self._file.read(length))
