"""HTTP server of the language servers, as a cloud function; `wire` has the format, `settings` the limits.

    gunicorn -c python:repair.language_servers.serving "repair.language_servers.function:app()"

Its one pool is shared by all threads of the process. A request is refused as a whole with a JSON error:

| status | error | |
|---|---|---|
| 400 | `malformed` | no JSON, no gzip, or not the shape of a request |
| 401 | `unauthorized` | no token, or another one |
| 404, 405 | `no_such_page` | there is `POST /` and `GET /health` |
| 408 | `too_slow` | the body did not come in time |
| 413 | `too_many_bytes`, `too_many_workspaces` | send less at once |
| 415 | `unknown_encoding` | gzip or none |
| 422 | `other_form` | the caller is of another release |
| 429 | `busy` | other requests hold all places, or all memory; retry after `Retry-After` seconds |
| 503 | `closing` | the instance is shutting down; retry |

An error of one workspace is in its result, under status 200. A request that is refused is not read to its
end: the connection is closed after the response.

Tested by `tests/repair/language_servers/test_remote.py` and `test_slow_clients.py`.
"""

import atexit
import hmac
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from http import HTTPStatus
from typing import Any, cast

from repair.database import shared_state
from repair.extras import extra
from repair.language_servers import wire
from repair.language_servers.errors import ServersClosedError
from repair.language_servers.memory_budget import MemoryBudget, NoRoomError, Share
from repair.language_servers.servers import LanguageServers
from repair.language_servers.settings import TOKEN_VARIABLE, FunctionSettings
from repair.messages import shown

with extra("function"):
    import flask
    import functions_framework
    from gunicorn.http.errors import NoMoreData, ParseException
    from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

_Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]
_RETRY_AFTER = {"Retry-After": "1"}
_CHUNK_BYTES = 2**16


class Function:
    """Request handler: checks the workspaces of a POST with `servers`."""

    def __init__(self, servers: LanguageServers, settings: FunctionSettings) -> None:
        self._servers = servers
        self._settings = settings
        self._about = wire.About(servers.versions, servers.environment)
        self._room = threading.Semaphore(settings.max_waiting)
        self._memory = MemoryBudget(settings.memory_bytes)

    def __call__(self, request: flask.Request) -> flask.Response:
        """The answer to one request."""
        match request.method, request.path:
            case (("GET" | "HEAD"), "/health"):
                limits = (self._settings.max_bytes, self._settings.max_workspaces)
                return _response(
                    request, HTTPStatus.OK, wire.encode_health(wire.Health(self._about, *limits))
                )
            case "POST", "/":
                try:
                    return _response(request, HTTPStatus.OK, self._checked(request))
                except _RefusedError as refused:
                    return refused.response(request)
            case _, ("/" | "/health"):
                return _no_such_page(HTTPStatus.METHOD_NOT_ALLOWED).response(request)
            case _:
                return _no_such_page(HTTPStatus.NOT_FOUND).response(request)

    def _checked(self, request: flask.Request) -> bytes:
        if self._settings.token is not None:
            shown = request.headers.get("Authorization", "")
            if not hmac.compare_digest(shown.encode(), f"Bearer {self._settings.token}".encode()):
                message = f"expected 'Authorization: Bearer' with the token of {TOKEN_VARIABLE}"
                raise _RefusedError(HTTPStatus.UNAUTHORIZED, "unauthorized", message)
        # before the body is read into memory: a refused request takes none
        if not self._room.acquire(blocking=False):
            raise _busy(f"{self._settings.max_waiting} requests are running already")
        try:
            with Share(self._memory) as share:
                results = list(self._servers.check_many(self._requests(self._body(request, share), share)))
        except NoRoomError:
            raise _busy("the requests that are running hold all memory that is meant for them") from None
        except ServersClosedError as error:
            raise _RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "closing", str(error), _RETRY_AFTER) from None
        finally:
            self._room.release()
        return wire.encode_results(results, self._about)

    def _body(self, request: flask.Request, share: Share) -> bytes:
        most = self._settings.max_bytes
        encoding = request.headers.get("Content-Encoding", "identity").lower()
        if encoding not in ("gzip", "identity"):
            message = f"Content-Encoding {shown(encoding)}: expected gzip or none"
            raise _RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unknown_encoding", message)
        body = bytearray()
        for chunk in self._chunks(request):
            share.hold(2 * (len(body) + len(chunk)))  # a growing buffer is copied
            body += chunk
        if encoding == "identity":
            return bytes(body)
        share.hold(len(body) + 2 * most)
        try:
            return wire.unpacked(bytes(body), most)
        except wire.TooManyBytesError:
            raise self._too_many_bytes() from None
        except wire.WireError as error:
            raise _malformed(error) from None

    def _chunks(self, request: flask.Request) -> Iterator[bytes]:
        """The body in chunks. Raises `_RefusedError` once it exceeds the limit."""
        read = 0
        try:
            while chunk := request.stream.read(_CHUNK_BYTES):
                read += len(chunk)
                if read > self._settings.max_bytes:
                    raise self._too_many_bytes()
                yield chunk
        except RequestEntityTooLarge:
            raise self._too_many_bytes() from None
        except (ParseException, NoMoreData) as error:
            raise _malformed(wire.WireError(f"expected a body in whole chunks: {error}")) from None
        except (ClientDisconnected, TimeoutError) as error:
            if isinstance(error.__cause__ or error.__context__ or error, TimeoutError):
                message = "the body did not come in time; send less at once, or sooner"
                raise _RefusedError(HTTPStatus.REQUEST_TIMEOUT, "too_slow", message) from None
            raise _malformed(wire.WireError("expected a whole body")) from None

    def _too_many_bytes(self) -> "_RefusedError":
        most = self._settings.max_bytes
        message = f"expected a body of at most {most:,} bytes, packed and unpacked; send less at once"
        return _RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_many_bytes", message)

    def _requests(self, body: bytes, share: Share) -> list[wire.Request]:
        most = self._settings.max_workspaces
        most_values = wire.most_values(self._settings.max_bytes)
        try:
            if (values := wire.values_in(body, most_values)) > most_values:
                raise wire.WireError(f"expected at most {most_values:,} values; send less at once")
            share.hold(len(body) + wire.text_bytes(body) + wire.value_bytes(body, values))
            loaded = wire.load(body)
            if wire.form_of(loaded) != wire.FORM:
                form = shown(wire.form_of(loaded))
                message = f"expected the form {wire.FORM}, got {form}: install equal releases"
                raise _RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, "other_form", message)
            requests = wire.decode_requests(loaded)
        except wire.WireError as error:
            raise _malformed(error) from None
        share.hold(wire.value_bytes(body, values))
        if len(requests) > most:
            message = f"expected at most {most} workspaces, got {len(requests)}; send less at once"
            raise _RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_many_workspaces", message)
        return requests


class _RefusedError(Exception):
    def __init__(
        self, status: HTTPStatus, name: str, message: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self._status, self._name, self._message, self._headers = status, name, message, headers

    def response(self, request: flask.Request) -> flask.Response:
        body = wire.encode_error(self._name, self._message)
        return _response(request, self._status, body, self._headers)


def _busy(why: str) -> _RefusedError:
    return _RefusedError(HTTPStatus.TOO_MANY_REQUESTS, "busy", f"{why}; retry later", _RETRY_AFTER)


def _malformed(error: wire.WireError) -> _RefusedError:
    return _RefusedError(HTTPStatus.BAD_REQUEST, "malformed", str(error))


def _no_such_page(status: HTTPStatus) -> _RefusedError:
    return _RefusedError(status, "no_such_page", "expected POST / or GET /health")


def _response(
    request: flask.Request, status: HTTPStatus, body: bytes, headers: dict[str, str] | None = None
) -> flask.Response:
    packing: dict[str, str] = {}
    if "gzip" in request.accept_encodings:
        body, packing = wire.packed(body)
    length = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    # streamed: the framework would read what is left of a request before it sends any other response
    return flask.Response(iter([body]), status, {**length, **packing, **(headers or {})})


_lock = threading.Lock()


@cache
def _function() -> Function:
    settings = FunctionSettings.of(os.environ)
    cache = shared_state() or settings.cache
    servers = LanguageServers(settings.workers, settings.timeout, settings.memory_limit_mb, cache)
    atexit.register(servers.close)
    return Function(servers, settings)


@functions_framework.http
def check(request: flask.Request) -> flask.Response:
    """The cloud function. Its pool is made at the first request and lives as long as the process."""
    with _lock:
        function = _function()
    return function(request)


def app() -> flask.Flask:
    """The WSGI application. Raises `ConfigurationError`."""
    settings = FunctionSettings.of(os.environ)
    path = list(sys.path)
    made = cast("flask.Flask", functions_framework.create_app("check", __file__, "http"))
    sys.path[:] = (
        path  # the framework adds this folder, whose modules must not be importable by their short names
    )
    made.config["MAX_CONTENT_LENGTH"] = settings.max_bytes
    made.wsgi_app = cast(Any, _without_pages_of_the_framework(made.wsgi_app))
    return made


def _without_pages_of_the_framework(inner: _Wsgi) -> _Wsgi:
    """The framework has pages of its own, such as /robots.txt, which read a whole body before they answer."""

    def outer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ.get("PATH_INFO") not in ("/", "/health"):
            environ["PATH_INFO"] = "/no_such_page"
        return inner(environ, start_response)

    return outer
