"""Pool of warm language servers (pyright and ruff) for workspaces given as path -> text."""

from repair.language_servers.environment import Environment
from repair.language_servers.errors import (
    LanguageServerError,
    ServerCrashError,
    ServersChangedError,
    ServersClosedError,
    ServersUnreachableError,
    ServerTimeoutError,
    TooLargeRequestError,
    UnencodableTextError,
    UnknownFileError,
    UnsafePathError,
)
from repair.language_servers.servers import LanguageServers, Request, Result

__all__ = [
    "Environment",
    "LanguageServerError",
    "LanguageServers",
    "Request",
    "Result",
    "ServerCrashError",
    "ServerTimeoutError",
    "ServersChangedError",
    "ServersClosedError",
    "ServersUnreachableError",
    "TooLargeRequestError",
    "UnencodableTextError",
    "UnknownFileError",
    "UnsafePathError",
]
