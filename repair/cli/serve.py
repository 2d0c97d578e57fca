"""`repair serve`: verified fixes behind HTTP, on loopback.

Tested by `tests/repair/fixing/test_app.py`.
"""

import os
import signal
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import click

from repair.cli.model_options import model_options
from repair.messages import printable


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8750, show_default=True, help="0: a free one.")
@click.option(
    "--max-waiting",
    type=click.IntRange(1, 4096),
    default=32,
    show_default=True,
    help="Queries at one time; more get status 429.",
)
@model_options
def serve(
    port: int,
    max_waiting: int,
    k: int,
    model: str,
    model_url: str | None,
    model_key_variable: str | None,
    store: str | None,
    python: Path | None,
) -> None:
    """Answer queries for verified fixes over HTTP, on loopback, with a warm model. Ends with Ctrl-C.

    POST /fix takes code and a diagnostic, and gives a verified diff or none; GET /health says that it lives.
    docs/serve.md describes both. A token in REPAIR_SERVE_TOKEN is asked of every query. `--model released`
    follows the store's released model: a new release, or one that is gone back to, needs no restart.

    \b
    Example:
      repair serve --port 8750
      repair serve --model released --store gs://bucket/store
      curl -H 'Content-Type: application/json' -d '{"code": "prin(1)"}' http://127.0.0.1:8750/fix
    """
    from repair.fixing.app import TOKEN_VARIABLE, Service
    from repair.fixing.app import serve as serve_application
    from repair.fixing.batcher import Batcher
    from repair.fixing.chosen_model import RELEASED, ModelChoice, local_models, opened
    from repair.fixing.fixer import Fixer
    from repair.fixing.follower import Follower
    from repair.language_servers import Environment, LanguageServers
    from repair.store.reader import PartitionStore

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does: nothing is left over
    choice = ModelChoice(name=model, url=model_url, key_variable=model_key_variable, store=store)
    environment = Environment("local", python) if python else None

    def tell(text: str) -> None:
        click.echo(printable(text), err=True)

    with (
        LanguageServers(os.cpu_count() or 1, environment=environment) as servers,
        opened(choice, servers, tell=tell) as models,
        Batcher(Fixer(models, servers), servers, k=k) as batcher,
        ExitStack() as following,
        suppress(KeyboardInterrupt),
    ):
        status: Callable[[], Mapping[str, Any]] = dict
        if model == RELEASED:
            released = PartitionStore(store or "")
            follower = Follower(released, batcher, servers, local_models, serving=models.version, tell=tell)
            status = following.enter_context(follower).status
        versions = {**servers.versions, "environment": servers.environment}
        token = os.environ.get(TOKEN_VARIABLE) or None
        service = Service(batcher, versions, most_waiting=max_waiting, token=token, status=status)
        servers.check({"main.py": "x = 1\n"}, "main.py")  # the first query should not wait for their start
        serve_application(
            service.application(),
            port=port,
            most_waiting=max_waiting,
            announce=lambda address: click.echo(f"Serving on {address}"),
        )
