"""Memory budget of concurrent requests: what bodies take, as bytes, text and values, is reserved before.

Tested by `tests/repair/language_servers/test_slow_clients.py`.
"""

import threading
from types import TracebackType
from typing import Self


class NoRoomError(Exception):
    """Other requests hold the memory that this one needs; later there is room again."""


class MemoryBudget:
    """So many bytes for all requests together."""

    def __init__(self, total: int) -> None:
        self._left = total
        self._lock = threading.Lock()

    def take(self, count: int) -> None:
        """Reserve `count` bytes; give them back if it is negative. Raises `NoRoomError`."""
        with self._lock:
            if count > self._left:
                raise NoRoomError
            self._left -= count


class Share:
    """What one request holds of a budget. A context manager, which gives all of it back."""

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget
        self._held = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hold(0)

    def hold(self, count: int) -> None:
        """Hold `count` bytes from now on instead of those before. Raises `NoRoomError`."""
        self._budget.take(count - self._held)
        self._held = count
