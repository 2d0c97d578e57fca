"""What a scripted model does: the right thing, or one of the wrong ones.

`answers(table)` looks a row's diff up by a text that its prompt contains. The others wrap a script
and misbehave on the first `times` attempts at a conversation (always, where `times` is None).
"""

from collections.abc import Mapping

from tests.model_server.server import Exchange, Script


def written(text: str, finish_reason: str = "stop") -> Script:
    """The same text, whatever is asked."""
    return lambda exchange: exchange.answer(text, finish_reason)


def answers(table: Mapping[str, str], *, form: str = "<diff>\n{diff}\n</diff>", delay_s: float = 0) -> Script:
    """The diff whose key stands in the prompt, within `form`."""

    def script(exchange: Exchange) -> None:
        found = [diff for marker, diff in table.items() if marker in exchange.prompt]
        if len(found) != 1:
            exchange.error(400, f"{len(found)} rows of the table fit this prompt")
            return
        if delay_s:
            exchange.stopped.wait(delay_s)
        exchange.answer(form.format(diff=found[0]))

    return script


def _first(times: int | None, bad: Script, then: Script) -> Script:
    return lambda exchange: bad(exchange) if times is None or exchange.attempt <= times else then(exchange)


def throttled(then: Script, *, retry_after: str = "0.05", times: int | None = 1) -> Script:
    """429 with Retry-After."""
    return _first(times, lambda e: e.error(429, "too many requests", Retry_After=retry_after), then)


def server_error(then: Script, *, status: int = 500, times: int | None = 1) -> Script:
    return _first(times, lambda e: e.error(status, "something broke"), then)


def empty(then: Script, *, times: int | None = 1) -> Script:
    """A success without a text."""
    return _first(times, written(""), then)


def hangs(then: Script, *, times: int | None = 1, seconds: float = 30) -> Script:
    """Says nothing until the client has given up."""

    def hang(exchange: Exchange) -> None:
        exchange.stopped.wait(seconds)

    return _first(times, hang, then)


def broken_off(then: Script, *, times: int | None = 1) -> Script:
    """Half of the body, then the connection closes."""

    def half(exchange: Exchange) -> None:
        body = exchange.completion("-1 a\n+1 b\n</diff>")
        exchange.send(200, body[: len(body) // 2], claimed_length=len(body))

    return _first(times, half, then)


def invalid_utf8(then: Script, *, times: int | None = 1) -> Script:
    """A body that is JSON but for one byte that no UTF-8 text holds."""

    def bad(exchange: Exchange) -> None:
        exchange.send(200, exchange.completion("-1 @\n+1 b\n</diff>").replace(b"@", b"\xff"))

    return _first(times, bad, then)


def not_json(then: Script, *, times: int | None = 1) -> Script:
    """A proxy's error page under status 200."""
    return _first(times, lambda e: e.send(200, b"<html>Bad gateway</html>"), then)
