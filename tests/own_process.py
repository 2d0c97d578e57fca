"""A program's `main` in the process of the tests: another process would load torch and Composer once more."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

# What the programs set. Composer sets others, which have to stay: its process group does, too.
_VARIABLES = ("HF_HUB_DISABLE_TELEMETRY", "OMP_WAIT_POLICY", "TOKENIZERS_PARALLELISM")


@contextmanager
def in_this_process() -> Iterator[None]:
    """What a program does to its process is undone: its variables, and what SIGTERM means."""
    handler = signal.getsignal(signal.SIGTERM)
    absent = [name for name in _VARIABLES if name not in os.environ]
    try:
        yield
    finally:
        for name in absent:
            os.environ.pop(name, None)
        signal.signal(signal.SIGTERM, handler)
