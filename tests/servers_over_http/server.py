"""A threading HTTP server that hands each POST to a script."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from repair.language_servers import Request, wire
from tests.servers_over_http.scripts import ABOUT, MAX_BYTES, MAX_WORKSPACES

# What a script does with one POST: exactly one of the CheckExchange's methods.
Script = Callable[["CheckExchange"], None]


class CheckExchange:
    """One POST and the ways in which it can be answered."""

    def __init__(self, handler: BaseHTTPRequestHandler, body: bytes, number: int, stopped: threading.Event):
        self.requests: list[Request] = wire.decode_requests(wire.load(body))
        self.bytes = len(body)
        self.headers = dict(handler.headers)
        self.number = number
        """Of this POST among all, from 1."""
        self.stopped = stopped
        self._handler = handler

    def send(
        self,
        status: int,
        body: bytes,
        headers: dict[str, str] | None = None,
        *,
        claimed_length: int | None = None,
    ) -> None:
        """Any bytes under any status; a claimed length above the real one breaks the connection off."""
        _send(self._handler, status, body, headers, claimed_length)

    def reset(self) -> None:
        """The connection is reset, as the kernel does it for a process that was killed."""
        self._handler.connection.setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")  # SOL_SOCKET, SO_LINGER: 0 s
        self._handler.connection.close()
        self._handler.close_connection = True


class ScriptedHttpServers:
    """A server on a free loopback port, as a context manager.

    `health` is the answer to `GET /health`: a status and a body. `healths` counts them,
    `exchanges` are the POSTs as they came.
    """

    def __init__(self, script: Script, health: tuple[int, bytes] | None = None):
        self.script = script
        self.health = health or (200, wire.encode_health(wire.Health(ABOUT, MAX_BYTES, MAX_WORKSPACES)))
        self.exchanges: list[CheckExchange] = []
        self.healths = 0
        self.stopped = threading.Event()
        self._lock = threading.Lock()
        self._http = _Server(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> "ScriptedHttpServers":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()  # who stalls, wakes up
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def _note(self, handler: BaseHTTPRequestHandler, body: bytes) -> CheckExchange:
        with self._lock:
            exchange = CheckExchange(handler, body, len(self.exchanges) + 1, self.stopped)
            self.exchanges.append(exchange)
            return exchange

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: object) -> None:
                pass

            def do_GET(self) -> None:
                with server._lock:
                    server.healths += 1
                _send(self, *server.health)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = wire.unpacked(body, 2**30)
                try:
                    server.script(server._note(self, body))
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True  # the client gave up first

        return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a connection that a script broke


def _send(
    handler: BaseHTTPRequestHandler,
    status: int,
    body: bytes,
    headers: dict[str, str] | None = None,
    claimed_length: int | None = None,
) -> None:
    length = len(body) if claimed_length is None else claimed_length
    handler.send_response(status)
    for name, value in {"Content-Length": str(length), **(headers or {})}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)
    if length != len(body):
        handler.wfile.flush()
        handler.close_connection = True
