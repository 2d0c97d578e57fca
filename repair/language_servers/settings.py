"""How the HTTP function is set up, from environment variables."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from repair.errors import ConfigurationError

TOKEN_VARIABLE = "REPAIR_LANGUAGE_SERVERS_TOKEN"  # noqa: S105 (the name, not the token)
_SPARE_THREADS = 16  # they refuse what is too much, and say that the instance is healthy


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one instance.

    | variable | meaning | default |
    |---|---|---|
    | `REPAIR_LANGUAGE_SERVERS_TOKEN` | what callers must show; needed unless the host is loopback | none |
    | `REPAIR_FUNCTION_HOST`, `PORT` | where it listens | 127.0.0.1, 8080 |
    | `REPAIR_FUNCTION_WORKERS` | pyright processes | one for each core |
    | `REPAIR_FUNCTION_TIMEOUT` | seconds that a server may take for one answer | 30 |
    | `REPAIR_FUNCTION_MEMORY_LIMIT_MB` | resident memory at which a pyright is replaced | 1500 |
    | `REPAIR_FUNCTION_CACHE` | file of the results' cache | no cache |
    | `REPAIR_FUNCTION_MAX_BYTES` | bytes of a body, packed or not | 16 MiB |
    | `REPAIR_FUNCTION_MAX_WORKSPACES` | workspaces of a POST | 64 |
    | `REPAIR_FUNCTION_MAX_WAITING` | POSTs that may be inside at once; the next are told to come again | 32 |

    Up to `MAX_WAITING` bodies are in memory at once: with the defaults, half a GiB of them.
    """

    token: str | None = None
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    timeout: float = 30.0
    memory_limit_mb: float = 1500.0
    cache: Path | None = None
    max_bytes: int = 16 * 2**20
    max_workspaces: int = 64
    max_waiting: int = 32

    def __post_init__(self) -> None:
        """Raises `ConfigurationError` where there is no token and someone else could ask."""
        if self.token is None and not is_loopback(self.host):
            raise ConfigurationError(
                f"listening on {self.host} without a token would serve everyone: set {TOKEN_VARIABLE}"
            )
        if self.token is not None and not (self.token.isascii() and self.token.isprintable() and self.token):
            raise ConfigurationError(f"{TOKEN_VARIABLE}: expected printable ASCII characters")

    @property
    def threads(self) -> int:
        """Of the HTTP server."""
        return self.max_waiting + _SPARE_THREADS

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> "Settings":
        """Raises `ConfigurationError` for a value that is no positive number, and as the class does."""
        cache = variables.get("REPAIR_FUNCTION_CACHE")
        standard = cls()
        return cls(
            token=variables.get(TOKEN_VARIABLE) or None,
            host=variables.get("REPAIR_FUNCTION_HOST") or standard.host,
            port=int(_number(variables, "PORT", standard.port)),
            workers=int(_number(variables, "REPAIR_FUNCTION_WORKERS", os.cpu_count() or 1)),
            timeout=_number(variables, "REPAIR_FUNCTION_TIMEOUT", standard.timeout),
            memory_limit_mb=_number(variables, "REPAIR_FUNCTION_MEMORY_LIMIT_MB", standard.memory_limit_mb),
            cache=Path(cache) if cache else None,
            max_bytes=int(_number(variables, "REPAIR_FUNCTION_MAX_BYTES", standard.max_bytes)),
            max_workspaces=int(_number(variables, "REPAIR_FUNCTION_MAX_WORKSPACES", standard.max_workspaces)),
            max_waiting=int(_number(variables, "REPAIR_FUNCTION_MAX_WAITING", standard.max_waiting)),
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _number(variables: Mapping[str, str], name: str, default: float) -> float:
    text = variables.get(name) or str(default)
    try:
        number = float(text) if isinstance(default, float) else int(text)
    except ValueError:
        number = 0
    if not 0 < number < float("inf"):
        raise ConfigurationError(f"{name}={text}: expected a number above 0")
    return number
