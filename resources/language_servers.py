"""Warm language servers: in this process, shared by everything that runs in it, or behind HTTP."""

import atexit
import os
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from repair.language_servers import LanguageServers
from repair.language_servers.settings import TOKEN_VARIABLE

if TYPE_CHECKING:
    from repair.language_servers.remote import RemoteLanguageServers


@cache
def _shared(workers: int, timeout: float, memory_limit_mb: int, results: str) -> LanguageServers:
    """One pool per configuration: starting costs far more than checking, so it lives with the process."""
    servers = LanguageServers(
        workers=workers,
        timeout=timeout,
        memory_limit_mb=memory_limit_mb,
        cache=Path(results) if results else None,
    )
    servers.__enter__()
    atexit.register(servers.__exit__, None, None, None)
    return servers


@cache
def _shared_client(url: str, token: str | None) -> "RemoteLanguageServers":
    from repair.language_servers.remote import RemoteLanguageServers

    servers = RemoteLanguageServers(url, token)
    atexit.register(servers.close)
    return servers


class LanguageServersResource(dg.ConfigurableResource[None]):
    """Pyright and ruff, kept warm for the life of the process, or those that answer at `url`."""

    url: str = ""
    """Address of servers behind HTTP; empty: a pool in this process. The other settings are then theirs."""
    token_variable: str = TOKEN_VARIABLE
    """The environment variable that holds their token, where they ask for one."""
    workers: int = 2
    """Servers that check side by side."""
    timeout: float = 30.0
    """Seconds that one workspace may take before its server is replaced."""
    memory_limit_mb: int = 1500
    """Resident memory of a server, in MB, at which it is replaced."""
    cache: str = ""
    """File of the results' cache; empty: no cache."""

    def servers(self) -> "LanguageServers | RemoteLanguageServers":
        """The pool of this process, or its client."""
        if self.url:
            return _shared_client(self.url, os.environ.get(self.token_variable) or None)
        return _shared(self.workers, self.timeout, self.memory_limit_mb, self.cache)

    def versions(self) -> dict[str, str]:
        """The versions of pyright and ruff, without starting either; those behind HTTP are asked, once."""
        if self.url:
            return self.servers().versions
        return {name: version(name) for name in ("pyright", "ruff")}
