"""A receiver of alerts on loopback that misbehaves as it is told: a real HTTP server."""

import json
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

CLOSES, HANGS = "closes", "hangs"
Reply = int | str | tuple[int, dict[str, str]] | tuple[int, dict[str, str], str]


class Receiver:
    """`replies` in their order, then 200 with `ok`. `requests`: path, headers and body of each."""

    def __init__(self, replies: Sequence[Reply], ok: str) -> None:
        self.replies, self.ok = list(replies), ok
        self.requests: list[tuple[str, dict[str, str], str]] = []
        self.url = ""
        self.ends = threading.Event()

    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, _, body in self.requests]


@contextmanager
def receiver(*replies: Reply, ok: str = '{"ok": true}') -> Generator[Receiver]:
    found = Receiver(replies, ok)

    class Handler(BaseHTTPRequestHandler):
        protocol_version: ClassVar[str] = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            found.requests.append((self.path, dict(self.headers.items()), body))
            reply: Any = found.replies.pop(0) if found.replies else 200
            if reply == CLOSES:
                self.close_connection = True
                self.connection.close()
                return
            if reply == HANGS:
                found.ends.wait(30)
                self.close_connection = True
                return
            status, headers, *own = (reply, {}) if isinstance(reply, int) else reply
            text = own[0] if own else found.ok
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield found
    finally:
        found.ends.set()
        server.shutdown()
        server.server_close()
