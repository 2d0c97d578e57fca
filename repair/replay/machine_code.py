"""On-disk cache of the compiled kernels' machine code: where it is, and whether it holds any.

Looking costs no import of the compiler. Tested by `tests/repair/replay/test_compiled.py`.
"""

import hashlib
import os
from functools import cache
from pathlib import Path

_KERNELS = Path(__file__).parent / "kernels"


@cache
def cache_folder() -> Path | None:
    """Cache folder of the machine code of these very sources; None: none can be written.

    Numba takes what it has kept for valid while the file of the function itself is the same. What these
    functions call is in several files, so the folder is named by all of them. Where they are no files
    (imported out of an archive) nothing is kept.
    """
    sources = sorted(_KERNELS.glob("*.py"))
    if not sources:
        return None
    digest = hashlib.sha256()
    for source in sources:
        digest.update(source.read_bytes())
    for parent in (_KERNELS / "__pycache__", Path.home() / ".cache" / "repair"):
        folder = parent / digest.hexdigest()[:16]
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    return None


def is_cached() -> bool:
    """Whether a process has compiled these very sources before, so that loading them is all that is left."""
    folder = cache_folder()
    return folder is not None and any(folder.rglob("*.nbi"))  # Numba's index of a function
