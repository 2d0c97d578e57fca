"""Work that stops to ask the language servers, done for many rows at once.

A `Checking` is a generator: it yields requests and is sent their diagnostics, or has the servers' error
thrown into it. It reads as a straight line of steps for one row; `run` asks for all rows together, round by
round, so that every server is busy.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Protocol, TypeVar

from repair.diagnostics import Diagnostic
from repair.language_servers import Request, Result

T = TypeVar("T")
Checking = Generator[Request, Sequence[Diagnostic], T]


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

    New ones join as others end, so that rounds stay large until the last. One that takes many rounds holds
    up the results behind it, of which no more than `at_once` are kept.
    """
    source = enumerate(checkings)
    returned: dict[int, T] = {}
    waiting: list[tuple[int, Checking[T], Request]] = []
    following = 0  # the number of the result that is handed out next

    def go_on(index: int, checking: Checking[T], step: Callable[[], Request]) -> None:
        try:
            waiting.append((index, checking, step()))
        except StopIteration as stop:
            returned[index] = stop.value

    while True:
        asked, waiting = waiting, []
        results = servers.check_many([request for _, _, request in asked]) if asked else ()
        for (index, checking, _), result in zip(asked, results, strict=True):
            if result.error is None:
                go_on(index, checking, partial(checking.send, result.diagnostics))
            else:
                go_on(index, checking, partial(checking.throw, result.error))
        while True:
            while following in returned:
                yield returned.pop(following)
                following += 1
            if len(waiting) == at_once or len(returned) == at_once:
                break
            if (started := next(source, None)) is None:
                break
            go_on(*started, partial(next, started[1]))
        if not waiting:
            return
