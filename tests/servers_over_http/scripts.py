"""What scripted servers do: the right thing, or one of the wrong ones.

The right thing is one diagnostic for each workspace, whose message is the text of its first file.
"""

from typing import TYPE_CHECKING

from repair.diagnostics.diagnostic import Diagnostic
from repair.language_servers import Request, Result, wire
from repair.language_servers.programs import versions

if TYPE_CHECKING:
    from tests.servers_over_http.server import CheckExchange, Script

ABOUT = wire.About(versions(), "a scripted one")
MAX_BYTES = 2000
MAX_WORKSPACES = 5


def result_of(request: Request) -> Result:
    path, text = next(iter(request.files.items()))
    return Result([Diagnostic(path, 0, 0, 0, 0, 1, 1, "scripted", text, "error")])


def answer(exchange: "CheckExchange", about: wire.About = ABOUT) -> None:
    exchange.send(200, wire.encode_results([result_of(request) for request in exchange.requests], about))


def first(times: int, bad: "Script") -> "Script":
    """Misbehaves on the first POSTs."""
    return lambda exchange: bad(exchange) if exchange.number <= times else answer(exchange)


def on(text: str, bad: "Script") -> "Script":
    """Misbehaves on each POST with a workspace of that text."""
    return lambda exchange: (
        bad(exchange)
        if any(text in request.files.values() for request in exchange.requests)
        else answer(exchange)
    )


def status(number: int, **headers: str) -> "Script":
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda exchange: exchange.send(number, wire.encode_error("scripted", "on purpose"), named)


def bytes_under(body: bytes, **headers: str) -> "Script":
    """Any body under status 200."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda exchange: exchange.send(200, body, named)


def half(exchange: "CheckExchange") -> None:
    """Half of the body, then the connection closes."""
    body = wire.encode_results([result_of(request) for request in exchange.requests], ABOUT)
    exchange.send(200, body[: len(body) // 2], claimed_length=len(body))


def reset(exchange: "CheckExchange") -> None:
    exchange.reset()


def stalls(exchange: "CheckExchange") -> None:
    """Says nothing until the client has given up."""
    exchange.stopped.wait(30)
