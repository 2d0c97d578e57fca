"""Numba decorators of this package.

Tested by `tests/repair/replay/test_compiled.py`.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
from numba.core import config

from repair.replay.machine_code import cache_folder

_Function = TypeVar("_Function", bound=Callable[..., Any])

_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
_PART = _OPTIONS | {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
_njit: Any = numba.njit
_config: Any = config


def compiled(function: _Function) -> _Function:
    """`function` as machine code, cached for the next process where a folder can be written."""
    folder = cache_folder()
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
