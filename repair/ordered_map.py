"""Concurrent map with results in order and bounded lookahead."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Executor, Future
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ordered_map(
    executor: Executor, function: Callable[[Item], Result], items: Iterable[Item], *, ahead: int
) -> Generator[Result]:
    """`function` of each item, in order; at most `ahead` items are taken before their results are.

    (`Executor.map` takes all items at once.) What has not begun when the caller stops is cancelled.
    """
    remaining = iter(items)
    running: deque[Future[Result]] = deque()
    try:
        while True:
            for item in islice(remaining, ahead - len(running)):
                running.append(executor.submit(function, item))
            if not running:
                return
            yield running.popleft().result()
    finally:
        for future in running:
            future.cancel()
