"""Resource of the language servers: a pool that all stages of this process share, or servers behind HTTP."""

from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version

import dagster as dg
import pyarrow as pa
from pydantic import Field

from repair.execution.with_servers import WithServers
from repair.language_servers.environment import NONE, installed
from repair.language_servers.settings import TOKEN_VARIABLE
from repair.language_servers.shared import ServerSettings, SharedServers


class LanguageServersResource(dg.ConfigurableResource[None]):
    """Pyright and ruff, kept warm for the life of the process, or the servers at `url`."""

    url: str = Field(default="", repr=False)
    """Address of servers behind HTTP, which have their own settings; empty: a pool in this process."""
    token_variable: str = TOKEN_VARIABLE
    """The environment variable that holds their token, where they need one."""
    workers: int = 2
    """Servers that check side by side."""
    timeout: float = 60.0
    """Seconds that one workspace may take before its server is replaced."""
    memory_limit_mb: int = 1500
    """Resident memory in MB; a server is replaced before it reaches it."""
    cache: str = ""
    """File of the results' cache; empty: no cache."""
    state_variable: str = ""
    """The environment variable with the address of the PostgreSQL server that machines share, in place of the
    file; where it is not set, the file is used."""
    environment_name: str = ""
    """A name for the environment whose third-party packages are seen; empty: none are."""
    environment_python: str = ""
    """Its interpreter: the `bin/python` of a virtual environment on the machine of the servers."""

    def servers(self) -> SharedServers:
        """The pool of this process, or its client."""
        return self._settings().servers()

    def with_servers(
        self, function: Callable[[Iterator[pa.RecordBatch], SharedServers], Iterable[pa.RecordBatch]]
    ) -> WithServers:
        """A stage's function with the servers of the process that it runs in."""
        return WithServers(function, self._settings(), self.versions())

    def versions(self) -> dict[str, str]:
        """The versions of pyright and ruff and the environment, without starting a server.

        Servers behind HTTP get one request.
        """
        if self.url:
            servers = self.servers()
            return {**servers.versions, "environment": servers.environment}
        environment = self._settings().environment()
        seen = installed(environment).label if environment else NONE
        return {**{name: version(name) for name in ("pyright", "ruff")}, "environment": seen}

    def _settings(self) -> ServerSettings:
        return ServerSettings(**self.model_dump())
