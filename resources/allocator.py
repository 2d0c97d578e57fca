"""Memory allocator of child processes that train or decode on a CPU: mimalloc, by `LD_PRELOAD`.

PyTorch allocates each tensor anew, and glibc's malloc searches its bins for a place, on one core while the
others wait. `bench/training.py` measures a training with and without.
"""

import os
import sys
from pathlib import Path

MIMALLOC = Path(sys.prefix) / "mimalloc" / "cmeel.prefix" / "lib" / "libmimalloc.so"
"""Where `make setup` puts it, without the package's dependencies."""


def preloaded_allocator() -> dict[str, str]:
    """Variables of a child process that allocates with mimalloc.

    None where it is not installed, or `LD_PRELOAD` is set already. It keeps what is freed: given back to the
    system, each page would have to be zeroed again in the next step.
    """
    if sys.platform != "linux" or "LD_PRELOAD" in os.environ or not MIMALLOC.is_file():
        return {}
    return {"LD_PRELOAD": str(MIMALLOC), "MIMALLOC_PURGE_DELAY": "-1"}
