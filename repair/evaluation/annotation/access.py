"""ASGI middleware that lets one person's browser in: Host check, token, session cookie, Origin check, CSP.

Loopback is not enough: every page that is open in the browser can send requests to it. So the Host header
must be the server's own (DNS rebinding), every request needs the token, which the printed address hands over
once and a cookie keeps, and what changes something must come from the page itself (CSRF).

Tested by `tests/repair/evaluation/annotation/test_app.py`.
"""

import hmac
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
_ENTER = "Open the address that `repair annotate` printed when it was started last."


class Access:
    """Refuses what does not come from the browser that was given the token; headers go on every answer."""

    def __init__(self, app: App, *, token: str, port: int) -> None:
        self._app, self._token = app, token
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self._cookie = f"repair_annotate_{port}"  # cookies don't tell ports apart

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
                return
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
                message = {**message, "headers": [*message.get("headers", ()), *added]}
            await send(message)

        refusal = self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, send_with_headers)
        else:
            status, text, headers = refusal
            await _answer(send_with_headers, status, text, headers)

    def _refusal(self, scope: Scope) -> tuple[int, str, dict[str, str]] | None:
        """Status, text and headers where the request goes no further."""
        if self._values(scope, "host")[1:] or not self._hosts.issuperset(self._values(scope, "host") or [""]):
            return 421, "This server is reached at 127.0.0.1 alone.", {}
        query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        if scope["path"] == "/" and scope["method"] == "GET" and "token" in query:
            if not self._is_token(query["token"]):
                return 403, _ENTER, {}
            cookie = f"{self._cookie}={self._token}; Path=/; HttpOnly; SameSite=Strict"
            return 303, "", {"location": "/", "set-cookie": cookie}  # so the token leaves the address
        if not any(self._is_token(value) for value in self._cookies(scope)):
            return 401, _ENTER, {}
        if scope["method"] not in ("GET", "HEAD"):
            origins = self._values(scope, "origin")
            if len(origins) != 1 or origins[0].removeprefix("http://") not in self._hosts:
                return 403, "Decisions are taken from the page itself alone.", {}
            if self._values(scope, "content-type") != ["application/json"]:
                return 415, "Expected application/json.", {}
        return None

    def _is_token(self, text: str) -> bool:
        return hmac.compare_digest(text.encode("utf-8", "replace"), self._token.encode())

    def _cookies(self, scope: Scope) -> Iterable[str]:
        pairs = (pair for header in self._values(scope, "cookie") for pair in header.split(";"))
        return [
            value
            for name, _, value in (pair.strip().partition("=") for pair in pairs)
            if name == self._cookie
        ]

    @staticmethod
    def _values(scope: Scope, name: str) -> list[str]:
        return [value.decode("latin-1") for key, value in scope["headers"] if key == name.encode()]


async def _answer(send: Send, status: int, text: str, headers: dict[str, str]) -> None:
    given = {"content-type": "text/plain; charset=utf-8", **headers}
    pairs = [(name.encode(), value.encode()) for name, value in given.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": text.encode()})
