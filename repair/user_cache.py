"""Cache folder of the user (XDG base directories): what any run may use again, whatever store it works on.

Tested by `tests/repair/models/test_base.py`.
"""

import os
from pathlib import Path


def user_cache() -> Path:
    """`repair` below `$XDG_CACHE_HOME`, or below `~/.cache`; it may not be there yet."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "repair"
