"""Optional dependencies: importing one that is absent says which extra installs it.

with extra("train"):
    import torch
"""

import gc
from collections.abc import Generator
from contextlib import contextmanager

from repair.errors import ConfigurationError


@contextmanager
def extra(name: str) -> Generator[None]:
    """Around imports of packages of the extra `name`. Raises ConfigurationError if one is not installed.

    The garbage collector pauses: a large library makes a million objects as it is imported and none is
    garbage, so that to look at them again and again takes a fifth of the time.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "repair":
            raise  # a module of ours: no installation would bring it
        raise ConfigurationError(
            f"{error.name} is not installed; install it with: pip install 'repair[{name}]'"
        ) from error
    finally:
        if collects:
            gc.enable()
