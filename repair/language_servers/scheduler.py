"""Scheduler for check coroutines: batches the language-server requests of many rows.

So all servers stay busy. A check coroutine is a generator: it yields requests and is sent their diagnostics,
or has the servers' error thrown into it. The code for one row reads as a straight line of steps.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Protocol, TypeVar

from repair.diagnostics.diagnostic import Diagnostic
from repair.language_servers import Request, Result

T = TypeVar("T")
CheckCoroutine = Generator[Request, Sequence[Diagnostic], T]
_Pending = tuple[int, CheckCoroutine[T], Request]  # the coroutine's index, and the request that it yielded
_HALVES = 2


class Servers(Protocol):
    """The method of `repair.language_servers.LanguageServers` that the scheduler calls."""

    def check_many(self, requests: Iterable[Request]) -> Iterator[Result]:
        """For each request, in order, the diagnostics of its workspace or the error."""
        ...


class VersionedServers(Servers, Protocol):
    """Servers that also report their versions and environment."""

    @property
    def versions(self) -> Mapping[str, str]:
        """`{"pyright": ..., "ruff": ...}`."""
        ...

    @property
    def environment(self) -> str:
        """Which third-party packages are seen: `none`, or the name and hash of an environment."""
        ...


def run_all(coroutines: Iterable[CheckCoroutine[T]], servers: Servers) -> list[T]:
    """Runs all coroutines at once; their return values, in order."""
    started = list(coroutines)
    return list(run_stream(started, servers, at_once=max(len(started), 1)))


def run_stream(coroutines: Iterable[CheckCoroutine[T]], servers: Servers, *, at_once: int) -> Iterator[T]:
    """Runs at most `at_once` coroutines at a time; yields their return values, in order.

    The running coroutines are split into two halves: the servers check the requests of one while the other
    is advanced. New coroutines start as others end, so that the halves stay full until the last. One that
    yields many requests delays the results after it; at most `at_once` of those are buffered.
    """
    source = enumerate(coroutines)
    returned: dict[int, T] = {}
    next_index = 0  # of the result that is yielded next
    more = True

    def advance(
        half: list[_Pending[T]], index: int, coroutine: CheckCoroutine[T], step: Callable[[], Request]
    ) -> None:
        try:
            half.append((index, coroutine, step()))
        except StopIteration as stop:
            returned[index] = stop.value

    def check(half: list[_Pending[T]]) -> list[Result]:
        return list(servers.check_many([request for _, _, request in half]))

    submitted: deque[tuple[list[_Pending[T]], Future[list[Result]]]] = deque()

    def has_room(half: list[_Pending[T]]) -> bool:
        running = len(half) + sum(len(pending) for pending, _ in submitted)
        full = len(half) >= -(-at_once // _HALVES) or len(submitted) == _HALVES
        return more and not full and max(running, len(returned)) < at_once

    with ThreadPoolExecutor(_HALVES, "check-scheduler") as threads:
        while True:
            half: list[_Pending[T]] = []
            if submitted and not has_room(half):
                pending, results = submitted.popleft()
                for (index, coroutine, _), result in zip(pending, results.result(), strict=True):
                    if result.error is None:
                        advance(half, index, coroutine, partial(coroutine.send, result.diagnostics))
                    else:
                        advance(half, index, coroutine, partial(coroutine.throw, result.error))
            while True:
                while next_index in returned:
                    yield returned.pop(next_index)
                    next_index += 1
                if not has_room(half):
                    break
                if (started := next(source, None)) is None:
                    more = False
                else:
                    advance(half, *started, partial(next, started[1]))
            if half:
                submitted.append((half, threads.submit(check, half)))
            elif not submitted and not more:
                return
