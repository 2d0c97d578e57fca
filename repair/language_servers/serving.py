"""Gunicorn's configuration: one process, so that all threads share one pool of warm servers.

gunicorn -c python:repair.language_servers.serving "repair.language_servers.function:app()"
"""

import os
from typing import Any

from repair.language_servers.settings import TOKEN_VARIABLE, FunctionSettings

_settings = FunctionSettings.of(os.environ)

bind = f"{_settings.host}:{_settings.port}"
workers = 1
worker_class = "gthread"
threads = _settings.threads
timeout = 0  # of the whole process: a server that hangs is ended by the pool
graceful_timeout = 60
keepalive = 75  # longer than clients keep an idle connection, so that they are the ones to close it
worker_connections = 4096
control_socket_disable = True  # several instances may run on a machine, and there is nothing to control


def when_ready(server: Any) -> None:
    """Logs the address, once the server listens."""
    token = f" with {TOKEN_VARIABLE} set to the same token" if _settings.token else ""
    server.log.info("point Dagster at it: REPAIR_LANGUAGE_SERVERS_URL=http://%s%s", bind, token)
