"""Partial application: a stage's function with the settings of the language servers that it needs.

Tested by `tests/resources/test_language_servers.py`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa

from repair.errors import ConfigurationError
from repair.language_servers.shared import ServerSettings, SharedServers


@dataclass(frozen=True, slots=True)
class WithServers:
    """A stage's function of batches and servers, as a function of batches: the servers are those of the
    process that it is called in."""

    function: Callable[[Iterator[pa.RecordBatch], SharedServers], Iterable[pa.RecordBatch]]
    settings: ServerSettings
    versions: Mapping[str, str]

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
        """Raises ConfigurationError where the servers are not of the versions that the stage reports."""
        servers = self.settings.servers()
        here = {**servers.versions, "environment": servers.environment}
        if here != self.versions:
            raise ConfigurationError(
                f"this worker has the language servers {here}, the stage reports "
                f"{dict(self.versions)}: install the pinned requirements on every worker"
            )
        return self.function(batches, servers)
