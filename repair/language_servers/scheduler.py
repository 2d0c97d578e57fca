"""Work that stops to ask the language servers, done for many rows at once.

A `Checking` is a generator: it yields requests and is sent their diagnostics, or has the servers' error
thrown into it. It reads as a straight line of steps for one row; `run` asks for all rows together, round by
round, so that every server is busy.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Protocol, TypeVar

from repair.diagnostics.diagnostic import Diagnostic
from repair.language_servers import Request, Result

T = TypeVar("T")
Checking = Generator[Request, Sequence[Diagnostic], T]
_Waiting = tuple[int, Checking[T], Request]  # its number, and what it asks
_HALVES = 2


class Servers(Protocol):
    """What is asked of `repair.language_servers.LanguageServers`."""

    def check_many(self, requests: Iterable[Request]) -> Iterator[Result]:
        """For each request, in order, the diagnostics of its workspace or what went wrong."""
        ...


class VersionedServers(Servers, Protocol):
    """The same, and of which release they are."""

    @property
    def versions(self) -> Mapping[str, str]:
        """`{"pyright": ..., "ruff": ...}`."""
        ...

    @property
    def environment(self) -> str:
        """Which third-party packages are seen: `none`, or the name and hash of an environment."""
        ...


def run(checkings: Iterable[Checking[T]], servers: Servers) -> list[T]:
    """What each checking returns, in order."""
    started = list(checkings)
    return list(stream(started, servers, at_once=max(len(started), 1)))


def stream(checkings: Iterable[Checking[T]], servers: Servers, *, at_once: int) -> Iterator[T]:
    """What each checking returns, in order, while at most `at_once` wait for the servers.

    They go in two halves: the servers have one of them while the other goes on. New ones join as others end,
    so that the halves stay full until the last. One that takes many rounds holds up the results behind it,
    of which no more than `at_once` are kept.
    """
    source = enumerate(checkings)
    returned: dict[int, T] = {}
    following = 0  # the number of the result that is handed out next
    more = True

    def go_on(
        half: list[_Waiting[T]], index: int, checking: Checking[T], step: Callable[[], Request]
    ) -> None:
        try:
            half.append((index, checking, step()))
        except StopIteration as stop:
            returned[index] = stop.value

    def answers(half: list[_Waiting[T]]) -> list[Result]:
        return list(servers.check_many([request for _, _, request in half]))

    asked: deque[tuple[list[_Waiting[T]], Future[list[Result]]]] = deque()

    def takes_more(half: list[_Waiting[T]]) -> bool:
        waiting = len(half) + sum(len(each) for each, _ in asked)
        full = len(half) >= -(-at_once // _HALVES) or len(asked) == _HALVES
        return more and not full and max(waiting, len(returned)) < at_once

    with ThreadPoolExecutor(_HALVES, "rounds") as threads:
        while True:
            half: list[_Waiting[T]] = []
            if asked and not takes_more(half):
                waited, results = asked.popleft()
                for (index, checking, _), result in zip(waited, results.result(), strict=True):
                    if result.error is None:
                        go_on(half, index, checking, partial(checking.send, result.diagnostics))
                    else:
                        go_on(half, index, checking, partial(checking.throw, result.error))
            while True:
                while following in returned:
                    yield returned.pop(following)
                    following += 1
                if not takes_more(half):
                    break
                if (started := next(source, None)) is None:
                    more = False
                else:
                    go_on(half, *started, partial(next, started[1]))
            if half:
                asked.append((half, threads.submit(answers, half)))
            elif not asked and not more:
                return
