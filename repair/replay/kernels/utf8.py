"""UTF-8 kernels: memmove, and sizes in code points.

Tested by `tests/repair/replay/test_compiled.py`.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from numba.core import cgutils, types
from numba.extending import intrinsic

from repair.replay.kernels.jit import inner

Bytes = npt.NDArray[np.uint8]
Int = Any  # a machine's number, of the width that compiling gives it


@inner
def size_forward(text: Bytes, at: Int, chars: Int) -> Int:
    """The bytes of the `chars` code points from `at` on."""
    first = at
    for _ in range(chars):
        byte = text[at]
        at += 1 + (byte >= 0xC0) + (byte >= 0xE0) + (byte >= 0xF0)
    return at - first


@inner
def size_backward(text: Bytes, at: Int, chars: Int) -> Int:
    """The bytes of the `chars` code points before `at`."""
    first = at
    for _ in range(chars):
        at -= 1
        while text[at] & 0xC0 == 0x80:
            at -= 1
    return first - at


def _generate_memmove(context: Any, to: Any, at: Any, of: Any, place: Any, size: Any) -> Any:
    """C's memmove on two arrays of bytes: `to[at : at + size] = of[place : place + size]`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        target, at, source, place, size = arguments
        array_types = signature.args[0], signature.args[2]
        data = [
            context.make_array(array_type)(context, builder, array).data
            for array_type, array in zip(array_types, (target, source), strict=True)
        ]
        target, source = (
            builder.gep(start, [offset]) for start, offset in zip(data, (at, place), strict=True)
        )
        cgutils.raw_memmove(builder, target, source, size, 1)
        return context.get_dummy_value()

    return types.void(to, types.int64, of, types.int64, types.int64), generate


_memmove: Any = intrinsic(_generate_memmove)


@inner
def copy(data: Bytes, at: Int, text: Bytes, to: Int, size: Int) -> None:
    """Puts `data[at : at + size]` at `text[to]`; the two may be the same and overlap."""
    if size == 1:
        text[np.uint64(to)] = data[np.uint64(at)]  # unsigned: whether it is negative is not looked at
    else:
        _memmove(text, to, data, at, size)


@inner
def code_points(data: Bytes, at: Int, size: Int) -> Int:
    """The code points of `data[at : at + size]`."""
    if size == 1:
        return 1
    first, chars = np.uint64(at), 0
    for index in range(np.uint64(size)):
        chars += data[first + index] & 0xC0 != 0x80
    return chars
