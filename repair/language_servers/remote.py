"""HTTP client of the language servers, with the interface of the pool in this process.

Failures, after retries with exponential backoff:

| what happens | result |
|---|---|
| no connection; 429, 503 | retried until `patience` is over, then raises `ServersUnreachableError` |
| timeout, reset, half a response, nonsense; 500, 502, 504 | the same, unless the server is healthy (below) |
| one workspace is too large | the error `too_large_request` in its result |
| the servers' versions changed | raises `ServersChangedError`: all rows of a run have the same versions |
| wrong token, wrong format version, another service | raises `ConfigurationError` |

Where a batch fails although the server's health check succeeds, its workspaces are sent one by one. One that
fails so `_TRIES` times has `server_timeout` (a timeout) or `server_crashed` as its error. So a server that is
down fails a run, which can be repeated, and never rejects a row; and a workspace that crashes every server
does not stop its neighbours. Sending a workspace twice does no harm, since a check has no side effects.
"""

import logging
import random
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from typing import NoReturn, cast

from repair.closing import Closing
from repair.credentials import Credentials, origin, proxies, split_url
from repair.diagnostics.diagnostic import Diagnostic
from repair.errors import ConfigurationError
from repair.extras import extra
from repair.language_servers import wire
from repair.language_servers.errors import (
    LanguageServerError,
    ServerCrashError,
    ServersChangedError,
    ServersClosedError,
    ServersUnreachableError,
    ServerTimeoutError,
    TooLargeRequestError,
)
from repair.language_servers.servers import Request, Result
from repair.language_servers.settings import TOKEN_VARIABLE, is_loopback
from repair.ordered_map import ordered_map

with extra("pipeline"):
    import httpx
    from tenacity import (
        RetryCallState,
        Retrying,
        retry_if_exception_type,
        stop_before_delay,
        wait_exponential,
    )

_BATCH = 8  # workspaces of a POST, as many as share a ruff run on the other side
_TRIES = 3
_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 5.0
_OPENING_PATIENCE_S = 60.0  # before the first response: a wrong address should show soon
_CONNECT_S = 10.0
_MOST_SAID = 300  # characters of an answer in an error
_MOST_SCANNED = 10_000
_HEALTH_S = 30.0  # an instance may have to be started for it
_log = logging.getLogger(__name__)


class RemoteLanguageServers(Closing):
    """Client of the servers at `url`, with `token`. A context manager; the first check connects.

    A user and a password in the address are sent as Basic authentication, where there is no token.

    `at_once` is the number of concurrent POSTs of `check_many`; `timeout` the seconds for one response, which
    covers the server's queue and its own time limits; `patience` the seconds for which requests to a server
    that is down or busy are retried.

    It may be used from several threads. After a fork, or in another process, make another one.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        at_once: int = 4,
        timeout: float = 300.0,
        patience: float = 600.0,
    ) -> None:
        parts = split_url(url, "the address of the language servers (REPAIR_LANGUAGE_SERVERS_URL)")
        self._shown = origin(url)
        """All of the address that is shown: the rest may hold secrets."""
        if "@" in parts.netloc and token:
            raise ConfigurationError(
                f"the address of the language servers at {self._shown} holds a user or a password, and"
                f" {TOKEN_VARIABLE} is set: both need the same header; leave one of them out"
            )
        if at_once < 1 or timeout <= 0 or patience <= 0:
            raise ConfigurationError(
                "expected at_once >= 1, timeout > 0 and patience > 0, "
                f"got {at_once}, {timeout} and {patience}"
            )
        self._url = parts._replace(path=parts.path.rstrip("/"), query="", fragment="").geturl()
        self._credentials = Credentials([token], [url, self._url, *proxies()])
        self._at_once = at_once
        self._patience = patience
        self._http = httpx.Client(
            headers={"Authorization": f"Bearer {token}"} if token else {},
            params=httpx.QueryParams(parts.query),
            timeout=httpx.Timeout(timeout, connect=_CONNECT_S, pool=None),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=at_once),
            verify=parts.scheme == "https",  # reading certificates would cost 0.1 s of a run's start
            trust_env=not is_loopback(parts.hostname or ""),  # no proxy between two processes of a machine
        )
        if self._shown != self._url:
            logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs the whole address of each request
        self._threads = ThreadPoolExecutor(at_once, "remote-language-servers")
        self._closed = threading.Event()
        self._health: wire.Health | None = None
        self._lock = threading.Lock()

    @property
    def versions(self) -> dict[str, str]:
        """The server's `{"pyright": ..., "ruff": ...}`; every result comes from these versions."""
        return dict(self._server().about.versions)

    @property
    def environment(self) -> str:
        """The server's environment: `none`, or its name and a hash over what is installed in it."""
        return self._server().about.environment

    def check(self, files: Mapping[str, str], path: str) -> list[Diagnostic]:
        """The diagnostics of the file `path` of a workspace, sorted. Raises `LanguageServerError`."""
        return self._checked(Request(files, (path,)))

    def check_workspace(self, files: Mapping[str, str]) -> list[Diagnostic]:
        """The diagnostics of all Python files of a workspace, sorted. Raises `LanguageServerError`."""
        return self._checked(Request(files))

    def check_many(self, requests: Iterable[Request]) -> Iterator[Result]:
        """The result of each request, in their order.

        Requests are read a few batches ahead of the results. The error of one request is in its result and
        does not affect the others. Raises `ServersUnreachableError`, `ServersChangedError`.
        """
        self._require_open()
        batches = self._batches(requests)
        for results in ordered_map(self._threads, self._results, batches, ahead=self._at_once):
            yield from results

    def close(self) -> None:
        """Closes the connections. It waits for open requests, but not for pauses between retries."""
        self._closed.set()
        self._threads.shutdown(cancel_futures=True)
        self._http.close()

    def _checked(self, request: Request) -> list[Diagnostic]:
        [result] = self._results(next(self._batches([request])))
        if result.error:
            raise result.error
        return list(result.diagnostics)

    def _batches(self, requests: Iterable[Request]) -> Iterator[list[bytes | Result]]:
        """Encoded requests that fit in one POST; a request that fits in none is replaced by its result."""
        health = self._server()
        max_items = min(_BATCH, health.max_workspaces)
        most_values = wire.most_values(health.max_bytes)
        batch: list[bytes | Result] = []
        size, values = wire.EMPTY_BYTES, 0
        for request in requests:
            item: bytes | Result = wire.encode_request(request)
            length = len(item) + 1  # a comma
            if wire.EMPTY_BYTES + length > health.max_bytes:
                message = f"a workspace of {length:,} bytes; the server takes {health.max_bytes:,} at once"
                item, length = Result(error=TooLargeRequestError(message)), 0
            added = wire.values_of(request)
            if added + wire.EMPTY_VALUES > most_values:
                message = f"a workspace of {added:,} values; the server takes {most_values:,} at once"
                item, length, added = Result(error=TooLargeRequestError(message)), 0, 0
            full = len(batch) >= max_items or size + length > health.max_bytes
            if batch and (full or values + added + wire.EMPTY_VALUES > most_values):
                yield batch
                batch, size, values = [], wire.EMPTY_BYTES, 0
            batch.append(item)
            size, values = size + length, values + added
        if batch:
            yield batch

    def _results(self, batch: Sequence[bytes | Result]) -> list[Result]:
        items = [item for item in batch if isinstance(item, bytes)]
        checked = iter(self._post_with_retries(items) if items else ())
        return [next(checked) if isinstance(item, bytes) else item for item in batch]

    def _post_with_retries(self, items: Sequence[bytes]) -> list[Result]:
        failures = 0
        for attempt in self._retrying(self._patience):
            with attempt:
                try:
                    return self._post(items)
                except _NoAnswerError as error:
                    failures += error.blamed is not None
                    stuck = failures >= _TRIES or isinstance(error.blamed, ServerTimeoutError)
                    if error.blamed and stuck and self._is_healthy():
                        if len(items) > 1:
                            return [result for item in items for result in self._post_with_retries([item])]
                        if failures >= _TRIES:
                            return [Result(error=error.blamed)]
                    raise
        raise AssertionError("an attempt returns or raises")

    def _post(self, items: Sequence[bytes]) -> list[Result]:
        content, headers = wire.packed(wire.body_of(items))
        response = self._answer("POST", "/", content, {"Content-Type": "application/json", **headers})
        try:
            results, about = wire.decode_results(response)
            if len(results) != len(items):
                raise wire.WireError(f"expected {len(items)} results, got {len(results)}")
        except wire.WireError as error:
            message = self._told(f" answered nonsense: {error}")
            raise _NoAnswerError(message, blamed=ServerCrashError(message)) from None
        if about != self._server().about:
            raise ServersChangedError(
                f"{self._shown} was {self._server().about} and is {about} now: run the partition again"
            )
        return results

    def _server(self) -> wire.Health:
        with self._lock:
            if self._health is None:
                self._health = self._fetch_health()
            return self._health

    def _fetch_health(self) -> wire.Health:
        retrying = self._retrying(min(self._patience, _OPENING_PATIENCE_S))
        answer = retrying(self._answer, "GET", "/health", timeout=_HEALTH_S)
        try:
            health = wire.decode_health(answer)
        except wire.WireError as error:
            raise ConfigurationError(
                self._told(f"/health is no page of these language servers ({error}): is the address right?")
            ) from None
        for name, remote in health.about.versions.items():
            if remote != (here := _installed(name)):
                _log.warning(
                    "%s checks with %s %s, not with %s as installed here", self._shown, name, remote, here
                )
        return health

    def _is_healthy(self) -> bool:
        try:
            self._answer("GET", "/health", timeout=_HEALTH_S)
        except _NoAnswerError:
            return False
        return True

    def _answer(
        self,
        method: str,
        path: str,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
        timeout: float | None = None,
    ) -> bytes:
        """The body of a response with status 200. Raises `_NoAnswerError`, `ConfigurationError`."""
        self._require_open()
        try:
            response = self._http.request(
                method,
                self._url + path,
                content=content,
                headers=headers,
                timeout=httpx.USE_CLIENT_DEFAULT if timeout is None else timeout,
            )
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise _NoAnswerError(self._told(f": {error}")) from None
        except httpx.RequestError as error:
            message = self._told(f": {type(error).__name__}: {error}")
            kind = ServerTimeoutError if isinstance(error, httpx.TimeoutException) else ServerCrashError
            raise _NoAnswerError(message, blamed=kind(message)) from None
        if response.status_code == HTTPStatus.OK:
            return response.content
        said = self._credentials.mask(response.text[:_MOST_SCANNED])[:_MOST_SAID]
        message = f"{self._shown} answered {response.status_code}: {said}"
        match response.status_code:
            case 429 | 503:
                raise _NoAnswerError(message, wait=_retry_after(response))
            case 500 | 502 | 504:
                raise _NoAnswerError(message, wait=_retry_after(response), blamed=ServerCrashError(message))
            case 401 | 403:
                raise ConfigurationError(f"{message}; set {TOKEN_VARIABLE} to the token of the server")
            case _:
                raise ConfigurationError(f"{message}; is the address right, and are both of one release?")

    def _told(self, said: str) -> str:
        """What a server or the network said, behind the server's address; neither shows a secret."""
        return self._shown + self._credentials.mask(said)

    def _retrying(self, patience: float) -> Retrying:
        """Exponential backoff with jitter after `_NoAnswerError`, which ends before the patience does.

        Clients don't retry together, nor earlier than `Retry-After` says.
        Raises `ServersUnreachableError`.
        """
        growing = wait_exponential(multiplier=_FIRST_PAUSE_S, max=_LONGEST_PAUSE_S)

        def pause(state: RetryCallState) -> float:
            return _error(state).wait + growing(state) * random.uniform(0.5, 1)  # noqa: S311 (no secret)

        def warn(state: RetryCallState) -> None:
            if state.attempt_number == 1:
                _log.warning("no answer, trying again: %s", _error(state))

        def give_up(state: RetryCallState) -> NoReturn:
            tries = f"{state.attempt_number} tries, with {patience:g} s of patience"
            raise ServersUnreachableError(
                f"gave up after {tries}: {_error(state)}; "
                "start the server again (`repair language-servers`),"
                " or leave REPAIR_LANGUAGE_SERVERS_URL empty"
            ) from _error(state)

        return Retrying(
            retry=retry_if_exception_type(_NoAnswerError),
            wait=pause,
            stop=stop_before_delay(patience),
            before_sleep=warn,
            sleep=self._sleep,
            retry_error_callback=give_up,
        )

    def _sleep(self, seconds: float) -> None:
        if self._closed.wait(seconds):
            self._require_open()

    def _require_open(self) -> None:
        if self._closed.is_set():
            raise ServersClosedError("these servers are closed; use them inside their `with` block")


class _NoAnswerError(Exception):
    """No response, but a retry may get one.

    `wait`: the seconds that the server asked for; `blamed`: the error of the workspace, if it is at fault.
    """

    def __init__(self, message: str, *, wait: float = 0.0, blamed: LanguageServerError | None = None) -> None:
        super().__init__(message)
        self.wait = wait
        self.blamed = blamed


def _error(state: RetryCallState) -> _NoAnswerError:
    return cast("_NoAnswerError", state.outcome and state.outcome.exception())


def _retry_after(response: httpx.Response) -> float:
    """The seconds that a `Retry-After` header asks for: a number, or a date; 0 without a sensible one."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return 0.0


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
