"""CRC-32 in compiled code: of bytes, and of texts put together from the checksums of their parts.

As in `repair.replay.crc32`, polynomials are bit-reversed in 32 bits.

Tested by `tests/repair/replay/test_compiled.py`.
"""

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from repair.replay.kernels.jit import compiled, inlined, inner

_POLYNOMIAL = 0xEDB88320

# Rows of the tables: eight for a CRC-32 of eight bytes a step, one for a step back, and from _POWERS on
# x**(8 * n * 2048**i), eight rows for each i.
_BACK, _POWERS, ROWS = 8, 9, 33

Bytes = npt.NDArray[np.uint8]
Int = Any  # a machine's number, of the width that compiling gives it
Numbers = npt.NDArray[Any]


@inner
def _times_x(value: Int) -> Int:
    return (value >> np.uint32(1)) ^ (np.uint32(_POLYNOMIAL) & (np.uint32(0) - (value & np.uint32(1))))


@inlined
def multiply(tables: Numbers, one: Int, other: Int) -> Int:
    """The product of two polynomials modulo the CRC's."""
    # A machine multiplies without carries where of each four bits only one may be set: at most eight ones
    # meet at a place, and they stay below the next (Thomas Pornin, BearSSL's "constant-time GHASH").
    every = np.uint64(0x1111111111111111)
    a, b = np.uint64(one), np.uint64(other)
    a0, b0 = a & every, b & every
    a1, b1 = a & (every << np.uint64(1)), b & (every << np.uint64(1))
    a2, b2 = a & (every << np.uint64(2)), b & (every << np.uint64(2))
    a3, b3 = a & (every << np.uint64(3)), b & (every << np.uint64(3))
    product = (
        (((a0 * b0) ^ (a1 * b3) ^ (a2 * b2) ^ (a3 * b1)) & every)
        | (((a0 * b1) ^ (a1 * b0) ^ (a2 * b3) ^ (a3 * b2)) & (every << np.uint64(1)))
        | (((a0 * b2) ^ (a1 * b1) ^ (a2 * b0) ^ (a3 * b3)) & (every << np.uint64(2)))
        | (((a0 * b3) ^ (a1 * b2) ^ (a2 * b1) ^ (a3 * b0)) & (every << np.uint64(3)))
    )
    # The lowest degree is at bit 62. What is of degree 32 or more is reduced as four bytes of a checksum are.
    low, byte = np.uint32(product << np.uint64(1)), np.uint32(0xFF)
    return np.uint32(
        np.uint32(product >> np.uint64(31))
        ^ tables[3, low & byte]
        ^ tables[2, (low >> np.uint32(8)) & byte]
        ^ tables[1, (low >> np.uint32(16)) & byte]
        ^ tables[0, low >> np.uint32(24)]
    )


@compiled
def _fill(tables: Numbers) -> None:
    for byte in range(256):
        value = np.uint32(byte)
        for _ in range(8):
            value = _times_x(value)
        tables[0, byte] = value
        tables[_BACK, value >> np.uint32(24)] = byte
    for row in range(1, 8):
        for byte in range(256):
            value = tables[row - 1, byte]
            tables[row, byte] = (value >> np.uint32(8)) ^ tables[0, value & np.uint32(0xFF)]
    factor = np.uint32(1 << 23)  # x**8
    for first in range(_POWERS, ROWS, 8):
        power = np.uint32(1 << 31)  # 1
        for count in range(2048):
            tables[first + (count >> 8), count & 255] = power
            power = multiply(tables, power, factor)
        factor = power


@cache
def tables_of_checksums() -> Numbers:
    tables = np.empty((ROWS, 256), np.uint32)
    _fill(tables)
    return tables


@inlined
def shift_of(tables: Numbers, size: Int) -> Int:
    """x**(8 * size): what `size` bytes after a part do to its checksum."""
    row = _POWERS
    result = tables[row + ((size >> 8) & 7), size & 255]
    size >>= 11
    while size:
        row += 8
        result = multiply(tables, result, tables[row + ((size >> 8) & 7), size & 255])
        size >>= 11
    return result


@inner
def _eight_bytes(t: Numbers, crc: Int, data: Bytes, at: Int) -> Int:
    low, byte = crc, np.uint32(0xFF)
    for place in range(np.uint64(4)):
        low ^= np.uint32(data[at + place]) << np.uint32(np.uint64(8) * place)
    return (
        t[7, low & byte]
        ^ t[6, (low >> np.uint32(8)) & byte]
        ^ t[5, (low >> np.uint32(16)) & byte]
        ^ t[4, low >> np.uint32(24)]
        ^ t[3, data[at + np.uint64(4)]]
        ^ t[2, data[at + np.uint64(5)]]
        ^ t[1, data[at + np.uint64(6)]]
        ^ t[0, data[at + np.uint64(7)]]
    )


@inner
def crc32(t: Numbers, crc: Int, data: Bytes, first: Int, last: Int) -> Int:
    """`zlib.crc32(data[first:last], crc)`, best for a few bytes."""
    # Unsigned: whether a place is negative is not looked at.
    at, end, byte = np.uint64(first), np.uint64(last), np.uint32(0xFF)
    crc ^= np.uint32(0xFFFFFFFF)
    while at + np.uint64(8) <= end:
        crc = _eight_bytes(t, crc, data, at)
        at += np.uint64(8)
    while at < end:
        crc = (crc >> np.uint32(8)) ^ t[0, (crc ^ np.uint32(data[at])) & byte]
        at += np.uint64(1)
    return np.uint32(crc ^ np.uint32(0xFFFFFFFF))


@inner
def crc32_of_many(t: Numbers, crc: Int, data: Bytes, first: Int, last: Int) -> Int:
    """The same, best for more: two halves at once, since each step of one waits for the step before."""
    half = np.uint64(last - first) >> np.uint64(4) << np.uint64(3)
    if half < np.uint64(64):
        return crc32(t, crc, data, first, last)
    at, middle, other = np.uint64(first), np.uint64(first) + half, np.uint32(0)
    crc ^= np.uint32(0xFFFFFFFF)
    while at < middle:
        crc, other = _eight_bytes(t, crc, data, at), _eight_bytes(t, other, data, at + half)
        at += np.uint64(8)
    crc = multiply(t, crc, shift_of(t, np.int64(half))) ^ other ^ np.uint32(0xFFFFFFFF)
    return crc32(t, crc, data, at + half, last)


@inner
def without(t: Numbers, crc: Int, data: Bytes, first: Int, last: Int) -> Int:
    """The inverse of `crc32`: what it was before `data[first:last]` came after."""
    at, end = np.uint64(first), np.uint64(last)
    crc ^= np.uint32(0xFFFFFFFF)
    while end > at:
        end -= np.uint64(1)
        index = t[_BACK, crc >> np.uint32(24)]
        crc = np.uint32((crc ^ t[0, index]) << np.uint32(8)) | (index ^ np.uint32(data[end]))
    return np.uint32(crc ^ np.uint32(0xFFFFFFFF))
