"""Warm language servers, shared by everything that runs in one process."""

import atexit
from functools import cache
from importlib.metadata import version
from pathlib import Path

import dagster as dg

from repair.language_servers import Environment, LanguageServers
from repair.language_servers.environment import NONE, installed


@cache
def _shared(
    workers: int, timeout: float, memory_limit_mb: int, results: str, environment: Environment | None
) -> LanguageServers:
    """One pool per configuration: starting costs far more than checking, so it lives with the process."""
    servers = LanguageServers(
        workers=workers,
        timeout=timeout,
        memory_limit_mb=memory_limit_mb,
        cache=Path(results) if results else None,
        environment=environment,
    )
    servers.__enter__()
    atexit.register(servers.__exit__, None, None, None)
    return servers


class LanguageServersResource(dg.ConfigurableResource[None]):
    """Pyright and ruff, kept warm for the life of the process."""

    workers: int = 2
    """Servers that check side by side."""
    timeout: float = 60.0
    """Seconds that one workspace may take before its server is replaced."""
    memory_limit_mb: int = 1500
    """Resident memory of a server, in MB, that it is replaced before."""
    cache: str = ""
    """File of the results' cache; empty: no cache."""
    environment_name: str = ""
    """A name for the environment whose third-party packages are seen; empty: none are."""
    environment_python: str = ""
    """Its interpreter, the `bin/python` of a virtual environment on the machine of the servers."""

    def servers(self) -> LanguageServers:
        """The pool of this process."""
        return _shared(self.workers, self.timeout, self.memory_limit_mb, self.cache, self._environment())

    def versions(self) -> dict[str, str]:
        """The versions of pyright and ruff and the environment, without starting a server."""
        environment = self._environment()
        seen = installed(environment).label if environment else NONE
        return {**{name: version(name) for name in ("pyright", "ruff")}, "environment": seen}

    def _environment(self) -> Environment | None:
        if not self.environment_name and not self.environment_python:
            return None
        return Environment(self.environment_name, self.environment_python)
