"""Warm language servers, shared by everything that runs in one process."""

from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version

import dagster as dg
import pyarrow as pa

from repair.language_servers import LanguageServers
from repair.language_servers.shared import ServerSettings, WithServers


class LanguageServersResource(dg.ConfigurableResource[None]):
    """Pyright and ruff, kept warm for the life of the process."""

    workers: int = 2
    """Servers that check side by side."""
    timeout: float = 30.0
    """Seconds that one workspace may take before its server is replaced."""
    memory_limit_mb: int = 1500
    """Resident memory of a server, in MB, at which it is replaced."""
    cache: str = ""
    """File of the results' cache; empty: no cache."""

    def servers(self) -> LanguageServers:
        """The pool of this process."""
        return self._settings().servers()

    def given_to(
        self, function: Callable[[Iterator[pa.RecordBatch], LanguageServers], Iterable[pa.RecordBatch]]
    ) -> WithServers:
        """A stage's function with the servers of whichever process the engine runs it in."""
        return WithServers(function, self._settings(), self.versions())

    def versions(self) -> dict[str, str]:
        """The versions of pyright and ruff, without starting either."""
        return {name: version(name) for name in ("pyright", "ruff")}

    def _settings(self) -> ServerSettings:
        return ServerSettings(
            workers=self.workers,
            timeout=self.timeout,
            memory_limit_mb=self.memory_limit_mb,
            cache=self.cache,
        )
