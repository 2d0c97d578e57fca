"""Web application of the annotation page, on loopback (Starlette, uvicorn)."""

import json
import secrets
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from repair.errors import InputError
from repair.evaluation.annotation.access import Access, App
from repair.evaluation.annotation.decisions import parse_value
from repair.evaluation.annotation.service import Action, Annotation
from repair.extras import extra

with extra("annotate"):
    import uvicorn
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

MOST_BYTES = 16 << 20
"""Of a decision with its edited files."""
_STATIC = Path(__file__).parent / "static"
_PAGES = {
    "/": ("page.html", "text/html"),
    "/page.js": ("page.js", "text/javascript"),
    "/page.css": ("page.css", "text/css"),
}


def application(annotation: Annotation, *, token: str, port: int) -> App:
    """The ASGI application, for requests to this port of loopback that have the token."""

    async def overview(request: Request) -> Response:
        return await _reply(annotation.overview, request.query_params.get("annotator", ""))

    async def sample(request: Request) -> Response:
        query = request.query_params
        return await _reply(annotation.look, query.get("sample_id", ""), query.get("annotator", ""))

    async def agreement(_: Request) -> Response:
        return await _reply(annotation.agreement)

    async def decide(request: Request) -> Response:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > MOST_BYTES:
                return _json({"error": f"expected at most {MOST_BYTES >> 20} MiB"}, 413)
        return await _reply(lambda: annotation.decide(parse_value(bytes(body), Action, "the request")))

    routes = [Route(path, _page(*page)) for path, page in _PAGES.items()]
    routes += [
        Route("/api/overview", overview),
        Route("/api/sample", sample),
        Route("/api/agreement", agreement),
        Route("/api/decide", decide, methods=["POST"]),
    ]
    return Access(Starlette(routes=routes), token=token, port=port)


def serve(annotation: Annotation, *, port: int, announce: Callable[[str], None]) -> None:
    """Serve on 127.0.0.1 until Ctrl-C; `announce` is given the address with the token. Port 0: a free one.

    Raises:
        OSError: the port is taken.
    """
    listening = socket.create_server(("127.0.0.1", port))
    number = listening.getsockname()[1]
    token = secrets.token_urlsafe(32)
    app = application(annotation, token=token, port=number)
    # The access log would hold the token, and a Server header helps nobody.
    config = uvicorn.Config(app, access_log=False, log_level="warning", server_header=False, lifespan="off")
    announce(f"http://127.0.0.1:{number}/?token={token}")
    uvicorn.Server(config).run(sockets=[listening])


def _page(name: str, kind: str) -> Callable[[Request], Any]:
    content = (_STATIC / name).read_bytes()

    async def page(_: Request) -> Response:
        return Response(content, media_type=kind)

    return page


async def _reply(function: Callable[..., Any], *arguments: str) -> Response:
    """The function's result as JSON; bad input and a full disk are told to the page."""
    try:
        return _json(await run_in_threadpool(function, *arguments))
    except InputError as error:
        return _json({"error": str(error)}, 400)
    except OSError as error:
        return _json({"error": f"not saved: {error.strerror or error}"}, 507)


def _json(content: Any, status: int = 200) -> Response:
    # ASCII with escapes: UTF-8 can't hold the lone surrogates of a stranger's text
    return Response(json.dumps(content), status, media_type="application/json")
