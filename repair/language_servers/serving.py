"""Gunicorn's configuration: one process, so that all threads share one pool of warm servers.

gunicorn -c python:repair.language_servers.serving "repair.language_servers.function:app()"
"""

import os
import resource
from typing import Any

from repair.language_servers.settings import TOKEN_VARIABLE, FunctionSettings

_OTHER_FILES = 512  # of the pool and its servers


def _files() -> int:
    """As many open files as this process may have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = 8192 if most == resource.RLIM_INFINITY else min(most, 8192)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    return most


_settings = FunctionSettings.of(os.environ)

bind = f"{_settings.host}:{_settings.port}"
workers = 1
worker_class = "repair.language_servers.http_worker.Worker"
threads = _settings.threads
timeout = 0  # of the whole process: a server that hangs is ended by the pool
graceful_timeout = 60
keepalive = 75  # longer than clients keep an idle connection, so that they are the ones to close it
worker_connections = min(4096, _files() - _OTHER_FILES)
control_socket_disable = True  # several instances may run on a machine, and there is nothing to control


def when_ready(server: Any) -> None:
    """Logs the address, once the server listens."""
    token = f" with {TOKEN_VARIABLE} set to the same token" if _settings.token else ""
    server.log.info("point Dagster at it: REPAIR_LANGUAGE_SERVERS_URL=http://%s%s", bind, token)
