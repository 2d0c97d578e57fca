"""The HTTP side: a threading server that hands each request to a script."""

import hashlib
import json
import sys
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# What a script does with one request: exactly one of the Exchange's methods, or an exception.
Script = Callable[["Exchange"], None]


class Exchange:
    """One request and the ways in which it can be answered."""

    def __init__(self, server: "ModelServer", handler: BaseHTTPRequestHandler, body: dict[str, Any]):
        self.body = body
        self.stopped = server.stopped
        self._handler = handler
        key = hashlib.sha256(json.dumps(body["messages"]).encode()).hexdigest()
        self.attempt = server.note(body, key)
        """How often this very conversation has been asked, this time included."""

    @property
    def prompt(self) -> str:
        """The last message of the user."""
        return next(m["content"] for m in reversed(self.body["messages"]) if m["role"] == "user")

    def answer(self, text: str, finish_reason: str = "stop") -> None:
        """A completion with the given text."""
        self.send(200, self.completion(text, finish_reason))

    def completion(self, text: str, finish_reason: str = "stop") -> bytes:
        """The body of a completion. A token is taken to be four characters."""
        prompt_tokens = sum(len(m["content"]) for m in self.body["messages"]) // 4
        usage = {"prompt_tokens": prompt_tokens, "completion_tokens": len(text) // 4}
        choice = {
            "index": 0,
            "finish_reason": finish_reason,
            "message": {"role": "assistant", "content": text},
        }
        return json.dumps(
            {
                "id": "chatcmpl-scripted",
                "object": "chat.completion",
                "created": 1_700_000_000,
                "model": self.body["model"],
                "choices": [choice],
                "usage": {**usage, "total_tokens": sum(usage.values())},
            }
        ).encode()

    def error(self, status: int, message: str, **headers: str) -> None:
        """An error in the interface's own form."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.send(status, json.dumps({"error": {"message": message, "type": "scripted"}}).encode(), named)

    def send(
        self,
        status: int,
        body: bytes,
        headers: dict[str, str] | None = None,
        *,
        claimed_length: int | None = None,
    ) -> None:
        """Any bytes under any status; a claimed length above the real one breaks the connection off."""
        handler = self._handler
        handler.send_response(status)
        length = len(body) if claimed_length is None else claimed_length
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(length),
            **(headers or {}),
        }.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)
        if length != len(body):
            handler.wfile.flush()
            handler.close_connection = True


class ModelServer:
    """A server on a free loopback port, as a context manager.

    Counts: `requests` bodies in order of arrival, `most_at_once` the most that were open together.
    """

    def __init__(self, script: Script):
        self.script = script
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.most_at_once = 0
        self.path = "/v1/chat/completions"
        self.stopped = threading.Event()
        self._open = 0
        self._asked: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._http = _Server(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}/v1"

    def note(self, body: dict[str, Any], key: str) -> int:
        with self._lock:
            self.requests.append(body)
            self._asked[key] += 1
            return self._asked[key]

    def __enter__(self) -> "ModelServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()  # whoever hangs, wakes up
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Head and body are two writes: Nagle's algorithm would hold the second one for 40 ms.
            disable_nagle_algorithm = True

            def log_message(self, format: str, *args: object) -> None:
                pass

            def do_POST(self) -> None:
                sent = self.rfile.read(int(self.headers["Content-Length"]))
                if len(sent) < int(self.headers["Content-Length"]):  # killed while it asked
                    self.close_connection = True
                    return
                body = json.loads(sent)
                with server._lock:
                    server.headers.append(dict(self.headers))
                    server._open += 1
                    server.most_at_once = max(server.most_at_once, server._open)
                try:
                    if self.path != server.path:
                        self.send_error(404)
                    else:
                        server.script(Exchange(server, self, body))
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True  # the client gave up first
                finally:
                    with server._lock:
                        server._open -= 1

        return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # 64 clients may connect in the same instant: the default backlog of 5 would refuse some
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # the client was killed
            super().handle_error(request, client_address)
