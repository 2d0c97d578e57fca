"""Gunicorn worker whose threads wait for nobody: its event loop reads heads and drops refused bodies.

gunicorn's own threaded worker gives a thread to a connection from its first byte until its last, so a few
dozen clients that send half a head, or a head without its body, hold all of them. Here a thread gets a
request whose whole head is there, and reads its body with time limits. A response to a request whose body was
not read closes the connection; the event loop drops what still comes, so no reset overtakes the response.
Tested by `tests/repair/language_servers/test_slow_clients.py`.
"""

import selectors
import socket
import time
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any, cast

from repair.extras import extra

with extra("function"):
    from gunicorn.http import get_parser
    from gunicorn.workers.gthread import TConn, ThreadWorker

HEAD_SECONDS = 10.0
"""From the first byte of a request to the end of its head."""
STALL_SECONDS = 10.0
"""Without a byte of a body."""
BODY_SECONDS = 60.0
"""For a whole body."""
SEND_SECONDS = 30.0
"""For a response."""
LINGER_SECONDS = 10.0
"""What still comes of a refused body is dropped for so long."""
LARGEST_HEAD = 64 << 10
MOST_LINGERING = 256

_READ_BYTES = 64 << 10
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class Worker(ThreadWorker):
    """The worker. Its methods run in the event loop, except `handle_request` and `_keepalive_after`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lingering: deque[Any] = deque()

    def enqueue_req(self, conn: Any) -> None:
        """Give a connection to a thread once the head of its next request is there."""
        if conn.parser is None:
            conn.parser = get_parser(self.cfg, cast(Any, _Timed(conn.sock)), conn.client)
            conn.initialized = True
        unreader: Any = conn.parser.unreader
        conn.head = bytearray(unreader.take_buffered())
        if _is_whole(conn.head):
            self._start(conn)
            return
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + HEAD_SECONDS
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._on_head, conn))
        self._forget_oldest(self.pending_conns, self.worker_connections // 4)

    def finish_request(self, conn: Any, fs: "Future[Any]") -> None:
        """Keep a connection for its next request, or close it without waiting for its client."""
        if not fs.cancelled() and fs.exception() is None and fs.result():
            super().finish_request(conn, fs)
            self._forget_oldest(self.keepalived_conns, self.worker_connections // 2)
            return
        try:
            conn.sock.shutdown(socket.SHUT_WR)
            conn.sock.setblocking(False)
            conn.timeout = time.monotonic() + LINGER_SECONDS
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._on_rest, conn))
        except (OSError, ValueError, KeyError):
            self._close(conn)
            return
        self._lingering.append(conn)
        self._forget_oldest(self._lingering, MOST_LINGERING)

    def murder_pending(self) -> None:
        """Close connections whose head, or the end of whose refused body, took too long."""
        super().murder_pending()
        now = time.monotonic()
        while self._lingering and self._lingering[0].timeout <= now:
            self._forget_oldest(self._lingering, len(self._lingering) - 1)

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Run the application; in a thread."""
        conn.sock.settimeout(SEND_SECONDS)
        return super().handle_request(req, conn)

    def _keepalive_after(self, conn: Any, keepalive: Any) -> bool:
        return bool(keepalive) and _is_read(conn.parser.mesg.body)

    def _on_head(self, conn: Any, sock: socket.socket) -> None:
        data = _received(sock)
        if data is None:
            return
        conn.head += data
        if data and not _is_whole(conn.head) and len(conn.head) <= LARGEST_HEAD:
            return
        self.pending_conns.remove(conn)
        self.poller.unregister(sock)
        if _is_whole(conn.head):
            self._start(conn)
        else:
            if data:
                with suppress(OSError):
                    sock.send(_TOO_LARGE)
            self._close(conn)

    def _on_rest(self, conn: Any, sock: socket.socket) -> None:
        if _received(sock) == b"":
            self._lingering.remove(conn)
            self.poller.unregister(sock)
            self._close(conn)

    def _start(self, conn: Any) -> None:
        conn.parser.unreader.unread(bytes(conn.head))
        conn.parser.unreader.sock.deadline = time.monotonic() + BODY_SECONDS
        super().enqueue_req(conn)

    def _forget_oldest(self, connections: "deque[Any]", most: int) -> None:
        while len(connections) > most:
            conn = connections.popleft()
            with suppress(OSError, KeyError, ValueError):
                self.poller.unregister(conn.sock)
            self._close(conn)

    def _close(self, conn: TConn) -> None:
        self.nr_conns -= 1
        conn.close()


class _Timed:
    """A socket whose reads end in `TimeoutError` when nothing comes, or when the request takes too long."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.deadline = 0.0

    def recv(self, count: int) -> bytes:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"a request took over {BODY_SECONDS:.0f} s")
        self._sock.settimeout(min(left, STALL_SECONDS))
        try:
            return self._sock.recv(count)
        finally:
            self._sock.settimeout(SEND_SECONDS)


def _is_whole(head: bytearray) -> bool:
    return b"\r\n\r\n" in head.lstrip(b"\r\n")


def _is_read(body: Any) -> bool:
    """Whether nothing of a request's body is left on its connection."""
    reader = body.reader
    return not body.failed and not getattr(reader, "length", 0) and getattr(reader, "parser", None) is None


def _received(sock: socket.socket) -> bytes | None:
    """What has come; empty at the end, None if nothing has."""
    try:
        return sock.recv(_READ_BYTES)
    except (BlockingIOError, InterruptedError):
        return None
    except OSError:
        return b""
