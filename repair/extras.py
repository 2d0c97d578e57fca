"""Optional dependencies: importing one that is absent says which extra installs it.

with extra("train"):
    import torch
"""

from collections.abc import Generator
from contextlib import contextmanager

from repair.errors import ConfigurationError


@contextmanager
def extra(name: str) -> Generator[None]:
    """Around imports of packages of the extra `name`. Raises ConfigurationError if one is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "repair":
            raise  # a module of ours: no installation would bring it
        raise ConfigurationError(
            f"{error.name} is not installed; install it with: pip install 'repair[{name}]'"
        ) from error
