"""Work that stops to ask the language servers, done for many rows at once.

A `Checking` is a generator: it yields requests and is sent their diagnostics, or has the servers' error
thrown into it. It reads as a straight line of steps for one row; `run` asks for all rows together, round by
round, so that every server is busy.
"""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
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
    returned: dict[int, T] = {}
    waiting: list[tuple[int, Checking[T], Request]] = []
    started = list(checkings)
    for index, checking in enumerate(started):
        try:
            waiting.append((index, checking, next(checking)))
        except StopIteration as stop:
            returned[index] = stop.value
    while waiting:
        results = servers.check_many([request for _, _, request in waiting])
        still: list[tuple[int, Checking[T], Request]] = []
        for (index, checking, _), result in zip(waiting, results, strict=True):
            try:
                if result.error is None:
                    request = checking.send(result.diagnostics)
                else:
                    request = checking.throw(result.error)
            except StopIteration as stop:
                returned[index] = stop.value
            else:
                still.append((index, checking, request))
        waiting = still
    return [returned[index] for index in range(len(started))]
