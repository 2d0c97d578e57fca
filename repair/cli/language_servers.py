"""`repair language-servers`: warm language servers behind HTTP.

Tested by `tests/repair/language_servers/test_serving.py`.
"""

import os
import sys

import click


@click.command("language-servers")
@click.option("--port", type=click.IntRange(1, 65535), default=8080, show_default=True)
def language_servers(port: int) -> None:
    """Keep the language servers warm behind HTTP, on loopback, for all runs of this machine.

    Every other setting is an environment variable; docs/serverless.md lists them. Ends with Ctrl-C.

    \b
    Example:
      repair language-servers --port 8080
      REPAIR_LANGUAGE_SERVERS_URL=http://127.0.0.1:8080 make dev
    """
    from importlib import import_module

    from repair.extras import extra

    with extra("function"):
        import_module("functions_framework")
        import_module("gunicorn")
    from repair.language_servers.settings import FunctionSettings

    variables = {**os.environ, "REPAIR_FUNCTION_HOST": "127.0.0.1", "PORT": str(port)}
    FunctionSettings.of(variables)  # reports wrong settings here, in one line
    module = "repair.language_servers"
    command = [sys.executable, "-m", "gunicorn", "-c", f"python:{module}.serving", f"{module}.function:app()"]
    os.execve(sys.executable, command, variables)  # noqa: S606 (no shell is meant)
