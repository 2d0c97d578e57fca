"""One pool of language servers per process, shared by all stages: starting costs far more than checking.

Tested by `tests/resources/test_language_servers.py`.
"""

import atexit
import os
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from repair.database import shared_state
from repair.language_servers.environment import Environment
from repair.language_servers.servers import LanguageServers

if TYPE_CHECKING:
    from repair.language_servers.remote import RemoteLanguageServers

    SharedServers = LanguageServers | RemoteLanguageServers
else:
    SharedServers = LanguageServers  # importing this module loads no HTTP client


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """The arguments of `LanguageServers`, which can be sent to other processes; the servers can't.

    `url`: of servers behind HTTP, for which the other settings do not count; `token_variable` is the
    environment variable that holds their token in each process. `state_variable` is the one with the address
    of a server that takes the place of the file `cache`, where it is set.
    """

    url: str = field(repr=False)
    token_variable: str
    workers: int
    timeout: float
    memory_limit_mb: float
    cache: str
    state_variable: str
    environment_name: str
    environment_python: str

    def servers(self) -> "SharedServers":
        """The pool or the client of this process. It ends with the process, also where that is killed."""
        if self.url:
            return _client(self.url, os.environ.get(self.token_variable) or None, os.getpid())
        return _pool(self, os.getpid())

    def environment(self) -> Environment | None:
        """The environment of third-party packages; None: there are none."""
        if not self.environment_name and not self.environment_python:
            return None
        return Environment(self.environment_name, self.environment_python)


@cache
def _pool(settings: ServerSettings, _process: int) -> LanguageServers:
    servers = LanguageServers(
        workers=settings.workers,
        timeout=settings.timeout,
        memory_limit_mb=settings.memory_limit_mb,
        cache=shared_state(settings.state_variable) or settings.cache or None,
        environment=settings.environment(),
    )
    atexit.register(servers.close)
    return servers


@cache
def _client(url: str, token: str | None, _process: int) -> "RemoteLanguageServers":
    from repair.language_servers.remote import RemoteLanguageServers

    servers = RemoteLanguageServers(url, token)
    atexit.register(servers.close)
    return servers
