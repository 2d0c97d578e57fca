"""Settings of the HTTP function, from environment variables.

Tested by `tests/repair/language_servers/test_serving.py`.
"""

import os
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Self

from repair.configuration import Expected, configuration_error
from repair.extras import extra

with extra("function"):
    from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

TOKEN_VARIABLE = "REPAIR_LANGUAGE_SERVERS_TOKEN"  # noqa: S105 (the name, not the token)
_VARIABLES = {"token": TOKEN_VARIABLE, "port": "PORT"}
_WORST_BODY = 16  # times its bytes: as bytes, and in wide characters as text and as values
_LEAST_MEMORY = 1 << 20
_SPARE_THREADS = 16  # they refuse what is too much, and say that the instance is healthy

Count = Annotated[int, Field(gt=0), Expected("a number above 0")]
Amount = Annotated[float, Field(gt=0, allow_inf_nan=False), Expected("a number above 0")]


def variable(field: str) -> str:
    """The environment variable of a setting."""
    return _VARIABLES.get(field, f"REPAIR_FUNCTION_{field.upper()}")


class FunctionSettings(BaseModel):
    """The settings of one instance.

    | variable | meaning | default |
    |---|---|---|
    | `REPAIR_LANGUAGE_SERVERS_TOKEN` | what callers must show; needed unless the host is loopback | none |
    | `REPAIR_FUNCTION_HOST`, `PORT` | where it listens | 127.0.0.1, 8080 |
    | `REPAIR_FUNCTION_WORKERS` | pyright processes | one for each core |
    | `REPAIR_FUNCTION_TIMEOUT` | seconds that a server may take for one answer | 30 |
    | `REPAIR_FUNCTION_MEMORY_LIMIT_MB` | resident memory at which a pyright is replaced | 1500 |
    | `REPAIR_FUNCTION_CACHE` | file of the results' cache | no cache |
    | `REPAIR_SHARED_STATE` | address of a PostgreSQL server that holds the cache instead | none |
    | `REPAIR_FUNCTION_MAX_BYTES` | bytes of a body, packed or not | 16 MiB |
    | `REPAIR_FUNCTION_MAX_WORKSPACES` | workspaces of a POST | 64 |
    | `REPAIR_FUNCTION_MAX_WAITING` | concurrent POSTs; more get status 429 | 32 |

    All bodies that are being read, parsed and checked take at most `MAX_WAITING` times `MAX_BYTES` together
    (or 16 times, if that is more): with the defaults half a GiB, counted as bytes, as text and as values.
    What would be more gets status 429 as well. One body alone can take 13 times its bytes, and holds at most
    one value for each 64 of `MAX_BYTES`.
    """

    model_config = ConfigDict(frozen=True)

    token: str | None = None
    host: str = "127.0.0.1"
    port: Count = 8080
    workers: Count = 1
    timeout: Amount = 30.0
    memory_limit_mb: Amount = 1500.0
    cache: Path | None = None
    max_bytes: Count = 16 * 2**20
    max_workspaces: Count = 64
    max_waiting: Count = 32

    @model_validator(mode="after")
    def _no_one_else_asks_without_a_token(self) -> Self:
        if self.token is None and not is_loopback(self.host):
            raise ValueError(
                f"listening on {self.host} without a token would serve everyone: set {TOKEN_VARIABLE}"
            )
        if self.token is not None and not (self.token.isascii() and self.token.isprintable() and self.token):
            raise ValueError(f"{TOKEN_VARIABLE}: expected printable ASCII characters")
        return self

    @property
    def memory_bytes(self) -> int:
        """For all bodies together; enough for the worst single one."""
        return max(self.max_waiting, _WORST_BODY) * self.max_bytes + _LEAST_MEMORY

    @property
    def threads(self) -> int:
        """Of the HTTP server."""
        return self.max_waiting + _SPARE_THREADS

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> Self:
        """The settings that these variables hold; one that is empty counts as not set.

        Raises:
            ConfigurationError: a value is no positive number, or someone else could ask without a token.
        """
        given = {
            field: variables[variable(field)] for field in cls.model_fields if variables.get(variable(field))
        }
        try:
            return cls.model_validate({"workers": os.cpu_count() or 1, **given})
        except ValidationError as error:
            raise configuration_error(error, cls, name=variable) from None


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
