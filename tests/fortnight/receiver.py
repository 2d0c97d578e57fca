"""A webhook that receives alerts on a loopback port, and remembers them."""

import json
import threading
from collections import Counter, defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class AlertReceiver:
    """Receives JSON by POST; a context manager."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        received = self.received

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: object) -> None:
                pass

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received.append(json.loads(body))
                self.send_response(204)
                self.end_headers()

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}/alerts"

    def by_status(self) -> dict[str, set[str]]:
        """The causes that were told, by what was told of them."""
        found: dict[str, set[str]] = defaultdict(set)
        for alert in self.received:
            cause = alert["cause"]
            found[alert["status"]].add(f"{cause['subject']} {cause['what']}")
        return dict(found)

    def repeated(self) -> int:
        """Messages that came more than once."""
        return sum(count - 1 for count in Counter(alert["id"] for alert in self.received).values())

    def __enter__(self) -> "AlertReceiver":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
