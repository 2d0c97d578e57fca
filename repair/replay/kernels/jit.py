"""Numba decorators of this package, and its on-disk cache of machine code.

Tested by `tests/repair/replay/test_compiled.py`.
"""

import hashlib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core import config

_Function = TypeVar("_Function", bound=Callable[..., Any])

_HERE = Path(__file__).parent
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
_PART = _OPTIONS | {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
_njit: Any = numba.njit
_config: Any = config


@cache
def _folder() -> Path | None:
    """Cache folder of the machine code of these very sources; None: none can be written.

    Numba takes what it has kept for valid while the file of the function itself is the same. What these
    functions call is in several files, so the folder is named by all of them. Where they are no files
    (imported out of an archive) nothing is kept.
    """
    sources = sorted(_HERE.glob("*.py"))
    if not sources:
        return None
    digest = hashlib.sha256()
    for source in sources:
        digest.update(source.read_bytes())
    for parent in (_HERE / "__pycache__", Path.home() / ".cache" / "repair"):
        folder = parent / digest.hexdigest()[:16]
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    return None


def compiled(function: _Function) -> _Function:
    """`function` as machine code, cached for the next process where a folder can be written."""
    folder = _folder()
    if folder is None:
        return cast("_Function", _njit(**_OPTIONS)(function))
    before = _config.CACHE_DIR
    _config.CACHE_DIR = str(folder)
    try:
        return cast("_Function", _njit(**_OPTIONS, cache=True)(function))
    finally:
        _config.CACHE_DIR = before


def inner(function: _Function) -> _Function:
    """`function` as a part of compiled ones: Python can't call it, which spares half of the compiling."""
    return cast("_Function", _njit(**_PART)(function))


def inlined(function: _Function) -> _Function:
    """A small part that is put where it is called: an array is seven numbers to hand over."""
    return cast("_Function", _njit(**_PART, forceinline=True)(function))
