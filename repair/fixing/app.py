"""Web application of `repair serve`, on loopback (Starlette, uvicorn). Errors are JSON:

| status | error | |
|---|---|---|
| 400 | `malformed` | no JSON, or not the shape of a query |
| 401 | `unauthorized` | no token, or another one |
| 404, 405 | `no_such_page` | there is `POST /fix` and `GET /health` |
| 408 | `too_slow` | the body did not come in time |
| 413 | `too_many_bytes` | send less |
| 415 | `not_json` | Content-Type is application/json: so no other page in a browser can send a query |
| 421 | `other_host` | the Host header is not loopback (DNS rebinding) |
| 429 | `busy` | all places are taken; retry after `Retry-After` seconds |
| 502 | `model` | the model, or a setting of it, failed |
| 503 | `closing` | the service is shutting down |
| 504 | `deadline` | no fix was verified in time |

A query takes its place before its body is read.
"""

import asyncio
import hmac
import json
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from repair.errors import InputError, RepairError
from repair.extras import extra
from repair.fixing.batcher import Batcher, ClosedError
from repair.fixing.fix import LATE
from repair.fixing.query import Query
from repair.messages import printable

with extra("serve"):
    import uvicorn
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

TOKEN_VARIABLE = "REPAIR_SERVE_TOKEN"  # noqa: S105 (the name, not the token)
MOST_BYTES = 16 << 20
BODY_S = 10.0
DEADLINE_S, LONGEST_DEADLINE_S = 30.0, 300.0
SHUTDOWN_S = 60
_SPARE_CONNECTIONS = 64  # for what is refused, and for the health page
_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})


_Page = Callable[[Request], Awaitable[Response]]


class _RefusedError(Exception):
    """A query that goes no further."""

    def __init__(self, status: int, error: str, message: str, headers: Mapping[str, str] | None = None):
        super().__init__(message)
        self.response = _json({"error": error, "message": printable(message)}, status, headers)


class Service:
    """The pages, over a `batcher`; `versions` stand in every answer, beside those of its model.

    `most_waiting`: queries at one time. `status`: more of the health page.
    """

    def __init__(
        self,
        batcher: Batcher,
        versions: Mapping[str, str],
        *,
        most_waiting: int,
        token: str | None = None,
        status: Callable[[], Mapping[str, Any]] = dict,
    ) -> None:
        self._batcher, self._versions, self._token = batcher, versions, token
        self._status = status
        self._most_waiting, self._waiting = most_waiting, 0

    def application(self) -> Starlette:
        """The ASGI application."""
        routes = [
            Route("/fix", self._guarded(self._fix), methods=["POST"]),
            Route("/health", self._guarded(self._health), methods=["GET"]),
        ]
        return Starlette(routes=routes, exception_handlers={HTTPException: _no_such_page})

    def _guarded(
        self, page: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                host = request.headers.get("host", "").rpartition(":")
                if (host[0] if host[2].isdigit() else "".join(host)) not in _HOSTS:
                    raise _RefusedError(421, "other_host", "expected a Host header of loopback")
                return await page(request)
            except _RefusedError as refused:
                return refused.response

        return answer

    async def _health(self, _: Request) -> Response:
        limits = {"k": self._batcher.k, "max_waiting": self._most_waiting, "max_bytes": MOST_BYTES}
        versions = {**self._batcher.versions, **self._versions}
        now = {"waiting": self._waiting, **limits, **self._status(), "versions": versions}
        return _json({"status": "ok", **now})

    async def _fix(self, request: Request) -> Response:
        if self._token is not None:
            shown = request.headers.get("authorization", "")
            if not hmac.compare_digest(shown.encode(), f"Bearer {self._token}".encode()):
                message = f"expected 'Authorization: Bearer' with the token of {TOKEN_VARIABLE}"
                raise _RefusedError(401, "unauthorized", message)
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            raise _RefusedError(415, "not_json", "expected Content-Type: application/json")
        if self._waiting >= self._most_waiting:
            message = f"{self._most_waiting} queries are here already"
            raise _RefusedError(429, "busy", message, {"retry-after": "1"})
        self._waiting += 1
        started = time.monotonic()
        try:
            answer = await self._answer(await _body(request))
        finally:
            self._waiting -= 1
        versions = {**answer["versions"], **self._versions}
        return _json({**answer, "seconds": round(time.monotonic() - started, 3), "versions": versions})

    async def _answer(self, body: bytes) -> Mapping[str, Any]:
        try:
            query = Query.parse(body)
        except InputError as error:
            raise _RefusedError(400, "malformed", str(error)) from None
        seconds = min(query.deadline_s or DEADLINE_S, LONGEST_DEADLINE_S)
        too_late = _RefusedError(504, "deadline", f"no fix was verified within {seconds:g} s")
        try:
            pending = self._batcher.submit(query, time.monotonic() + seconds)
            answer = await asyncio.wait_for(asyncio.wrap_future(pending), seconds)
        except TimeoutError:
            raise too_late from None
        except ClosedError as error:
            raise _RefusedError(503, "closing", str(error), {"retry-after": "1"}) from None
        except RepairError as error:
            raise _RefusedError(502, "model", str(error)) from None
        if LATE in (answer["reason"], *answer["rejected"]):
            raise too_late
        return answer


def serve(application: Any, *, port: int, most_waiting: int, announce: Callable[[str], None]) -> None:
    """Serve on 127.0.0.1 until SIGINT or SIGTERM; what was asked before is answered. Port 0: a free one.

    Raises:
        OSError: the port is taken.
    """
    listening = socket.create_server(("127.0.0.1", port))
    config = uvicorn.Config(
        application,
        access_log=False,
        log_level="warning",
        server_header=False,
        lifespan="off",
        limit_concurrency=most_waiting + _SPARE_CONNECTIONS,
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
    announce(f"http://127.0.0.1:{listening.getsockname()[1]}")
    uvicorn.Server(config).run(sockets=[listening])


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MOST_BYTES:
                    raise _RefusedError(413, "too_many_bytes", f"expected at most {MOST_BYTES >> 20} MiB")
    except TimeoutError:
        raise _RefusedError(408, "too_slow", f"the body did not come within {BODY_S:g} s") from None
    return bytes(body)


async def _no_such_page(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return _json({"error": "no_such_page", "message": "there is POST /fix and GET /health"}, status)


def _json(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    # ASCII with escapes: UTF-8 can't hold the lone surrogates of a stranger's text
    fixed = {"cache-control": "no-store", "x-content-type-options": "nosniff", **(headers or {})}
    return Response(json.dumps(content), status, headers=fixed, media_type="application/json")
