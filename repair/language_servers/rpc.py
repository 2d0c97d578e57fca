"""JSON-RPC client of the Language Server Protocol over a child's standard streams.

Every request has a time limit. When the server ends, or writes what is not the protocol, every pending
request fails with that as its reason, and so does every later one.

Tested by `tests/repair/language_servers/test_robustness.py`.
"""

import contextlib
import json
import queue
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import IO, Any, cast

from repair.language_servers.errors import ServerCrashError, ServerTimeoutError

_EXIT_S = 0.3  # between the end of a process's output and its exit code
_LONGEST_HEADER = 4096
_LARGEST_MESSAGE = 256 * 1024 * 1024


class ProtocolError(ValueError):
    """The server's output is not a message of the protocol."""


def read_message(stream: IO[bytes]) -> dict[str, Any] | None:
    """The next message of `stream`; None at its end.

    Raises `ProtocolError`.
    """
    length: int | None = None
    while True:
        line = stream.readline(_LONGEST_HEADER)
        if not line:
            return None
        if line in (b"\r\n", b"\n"):
            break
        name, colon, value = line.partition(b":")
        if not colon or not line.endswith(b"\n"):
            raise ProtocolError(f"expected a header, got {line[:80]!r}")
        if name.lower() == b"content-length":
            try:
                length = int(value)
            except ValueError:
                raise ProtocolError(f"expected a length, got {line[:80]!r}") from None
    if length is None or not 0 <= length <= _LARGEST_MESSAGE:
        raise ProtocolError(f"expected Content-Length, got {length}")
    body = stream.read(length)
    if len(body) < length:
        return None
    try:
        message = json.loads(body)
    except ValueError as error:
        raise ProtocolError(f"a body is not JSON: {error}") from None
    if not isinstance(message, dict):
        raise ProtocolError("a body is not an object")
    return cast(dict[str, Any], message)


class Client:
    """Connection to one server.

    `answer(method, params)` answers the server's own requests. Notifications of the server are dropped:
    diagnostics are pulled.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", answer: Callable[[str, Any], Any]) -> None:
        if process.stdin is None or process.stdout is None:
            raise ValueError("expected a process with pipes for its input and output")
        self._process = process
        self._stdin, self._stdout = process.stdin, process.stdout
        self._answer = answer
        self._lock = threading.Lock()  # guards `_pending`, `_next` and `_ended`
        self._pending: dict[int, Future[Any]] = {}
        self._next = 0
        self._ended: str | None = None
        # A stopped server does not read, and a full pipe would block the caller past every time limit.
        self._outgoing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        threading.Thread(target=self._write_all, name="lsp-writer", daemon=True).start()
        threading.Thread(target=self._read, name="lsp-reader", daemon=True).start()

    def request(self, method: str, params: Any, timeout: float) -> Any:
        """The result of one request.

        Raises `ServerTimeoutError` after `timeout` seconds, `ServerCrashError` where the server ended or
        refused.
        """
        future = self.send_request(method, params)
        return self.result(future, method, timeout)

    def send_request(self, method: str, params: Any) -> "Future[Any]":
        """Sends a request; `result` waits for it."""
        future: Future[Any] = Future()
        with self._lock:
            if self._ended is not None:
                raise ServerCrashError(self._ended)
            self._next += 1
            identity = self._next
            self._pending[identity] = future
            self._write({"jsonrpc": "2.0", "id": identity, "method": method, "params": params})
        return future

    def result(self, future: "Future[Any]", method: str, timeout: float) -> Any:
        """Waits for the result of a sent request."""
        try:
            return future.result(timeout)
        except FutureTimeout:
            raise ServerTimeoutError(f"no answer to {method} within {timeout:g} s") from None

    def notify(self, method: str, params: Any) -> None:
        """Sends a notification."""
        with self._lock:
            if self._ended is not None:
                raise ServerCrashError(self._ended)
            self._write({"jsonrpc": "2.0", "method": method, "params": params})

    def _write(self, message: dict[str, Any]) -> None:
        body = json.dumps(message, ensure_ascii=False).encode()
        self._outgoing.put(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    def _write_all(self) -> None:
        # a broken pipe ends this thread only: the reader sees the end and fails what is pending
        with contextlib.suppress(OSError, ValueError):
            while (data := self._outgoing.get()) is not None:
                self._stdin.write(data)
                self._stdin.flush()

    def _read(self) -> None:
        reason = "the server closed its output"
        try:
            while (message := read_message(self._stdout)) is not None:
                self._handle(message)
        except ProtocolError as error:
            reason = f"the server answered nonsense: {error}"
        except (OSError, ValueError) as error:
            reason = f"the server's output broke: {error}"
        try:
            reason += f" (exit code {self._process.wait(_EXIT_S)})"
        except subprocess.TimeoutExpired:
            reason += " (still running)"
        with self._lock:
            self._ended = reason
            pending = list(self._pending.values())
            self._pending.clear()
        self._outgoing.put(None)
        for future in pending:
            future.set_exception(ServerCrashError(reason))

    def _handle(self, message: dict[str, Any]) -> None:
        identity = message.get("id")
        if "method" in message:
            if identity is not None:
                result = self._answer(message["method"], message.get("params"))
                with self._lock:
                    self._write({"jsonrpc": "2.0", "id": identity, "result": result})
            return
        with self._lock:
            future = self._pending.pop(identity, None) if isinstance(identity, int) else None
        if future is None:
            raise ProtocolError(f"an answer to no request: id {identity!r}")
        if "error" in message:
            future.set_exception(ServerCrashError(f"the server refused: {message['error']}"))
        else:
            future.set_result(message.get("result"))
