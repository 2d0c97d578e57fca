"""A webhook that receives alerts on a loopback port, and remembers them."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class AlertReceiver:
    """Receives JSON by POST; a context manager. A message that comes again, with its key, is counted."""

    def __init__(self) -> None:
        self._received: dict[str, dict[str, Any]] = {}
        self.repeated = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: object) -> None:
                pass

            def do_POST(self) -> None:
                receiver.takes(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(204)
                self.end_headers()

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever)

    def takes(self, message: dict[str, Any]) -> None:
        self.repeated += message["id"] in self._received
        self._received.setdefault(message["id"], message)

    @property
    def received(self) -> list[dict[str, Any]]:
        """Each message once, in the order in which they came."""
        return list(self._received.values())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}/alerts"

    def __enter__(self) -> "AlertReceiver":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
