"""A proxy before the emulated bucket that lets some uploads fail: refused, or never answered."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

REFUSED = b'{"error": {"code": 403, "message": "the bucket is full"}}'


class BrokenUploads:
    """Uploads whose name holds `name` fail, from the one after `intact` of them on."""

    def __init__(self, name: str, intact: int = 0, *, stalls: bool = False) -> None:
        self.name, self.intact, self.stalls = name, intact, stalls
        self.uploaded: list[str] = []
        self.failed = threading.Event()
        self._lock = threading.Lock()

    def fails(self, path: str, body: bytes) -> bool:
        """Whether this upload fails; its name is in the path, or at the beginning of a body of parts."""
        said = unquote(path) + body[:2000].decode(errors="replace")
        if self.name not in said:
            return False
        with self._lock:
            self.uploaded.append(path)
            return len(self.uploaded) > self.intact


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    broken: BrokenUploads
    upstream: str

    def _forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "/upload/" in self.path and self.command in ("POST", "PUT") and self.broken.fails(self.path, body):
            self.broken.failed.set()
            if self.broken.stalls:
                threading.Event().wait(60)
            self._send(403, {"Content-Type": "application/json"}, REFUSED)
            return
        connection = HTTPConnection(urlsplit(self.upstream).netloc, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
        connection.request(self.command, self.path, body, headers)
        response = connection.getresponse()
        own = f"http://127.0.0.1:{self.server.server_address[1]}"
        answered = {
            name: value.replace(self.upstream, own)
            for name, value in response.getheaders()
            if name.lower() not in ("transfer-encoding", "content-length", "connection", "date", "server")
        }
        self._send(response.status, answered, response.read())
        connection.close()

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = _forward  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def breaking(upstream: str, broken: BrokenUploads) -> Iterator[str]:
    """The address of the proxy before the emulator at `upstream`."""
    handler: Callable[..., Any] = type("Handler", (_Handler,), {"broken": broken, "upstream": upstream})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
