"""Retry policy: a step is tried again where its fault is transient, and only there.

A server that died, a network that broke, a service that is down, answers too late or turns requests away
(429, 5xx), a database that is locked: later it may work. Data, settings and code that are wrong are so on
every attempt. A process that was killed is no matter of a step: run monitoring and run retries in
`dagster.yaml` see to it.
"""

import socket
import sqlite3
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import dagster as dg
from dagster import DagsterError

from repair.database import DatabaseUnavailableError
from repair.errors import ConfigurationError, InputError, TeacherUnavailableError
from repair.language_servers.errors import (
    ServerCrashError,
    ServersChangedError,
    ServersUnreachableError,
    ServerTimeoutError,
)

WAITS_S = (10.0, 60.0, 300.0)
"""Seconds before the second, third and fourth attempt."""

_TRANSIENT = (
    ConnectionError,
    TimeoutError,
    socket.gaierror,
    DatabaseUnavailableError,
    ServerCrashError,
    ServerTimeoutError,
    ServersChangedError,
    ServersUnreachableError,
    TeacherUnavailableError,
)
_PERMANENT = (dg.Failure, ConfigurationError, InputError)
_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
_TRANSIENT_OF_LIBRARIES = {
    "aiohttp": ("ClientConnectionError", "ClientPayloadError"),
    "httpx": ("TransportError",),
    "psycopg": ("OperationalError",),
    "requests": ("ConnectionError", "Timeout"),
}
"""Classes by the package that has them: none of these is imported for the sake of its errors."""
_LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_SIGNALLED = "failed with code -"
"""What Pipes says of a child process that a signal ended."""


def is_transient(error: BaseException) -> bool:
    """Whether another attempt may succeed: by the error, or by the one that caused it."""
    for cause in _causes(error):
        if isinstance(cause, _PERMANENT):
            return False
        if isinstance(cause, _TRANSIENT) or _is_of_a_library(cause):
            return True
        if isinstance(cause, sqlite3.OperationalError) and cause.sqlite_errorcode in _LOCKED:
            return True
        if isinstance(cause, DagsterError) and _SIGNALLED in str(cause):
            return True
    return False


@contextmanager
def retry_transient_faults(attempt: int) -> Generator[None]:
    """Asks Dagster for another attempt where a fault is transient; `attempt` counts from 0.

    Raises:
        dagster.RetryRequested: the step is tried again after a pause, as often as there are pauses.
    """
    try:
        yield
    except Exception as error:
        if not is_transient(error):
            raise
        wait = WAITS_S[min(attempt, len(WAITS_S) - 1)]
        raise dg.RetryRequested(max_retries=len(WAITS_S), seconds_to_wait=wait) from error


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, what caused it, and so on."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def _is_of_a_library(error: BaseException) -> bool:
    for kind in type(error).__mro__:
        package = kind.__module__.partition(".")[0]
        if kind.__name__ in _TRANSIENT_OF_LIBRARIES.get(package, ()):
            return True
        if package in ("gcsfs", "google", "requests") and _status(error) in _STATUSES:
            return True
    return False


def _status(error: BaseException) -> object:
    """The HTTP status that a client of Google's storage met."""
    response = getattr(error, "response", None)
    code: object = getattr(error, "code", None) or getattr(response, "status_code", None)
    return int(code) if isinstance(code, int) or (isinstance(code, str) and code.isdecimal()) else code
