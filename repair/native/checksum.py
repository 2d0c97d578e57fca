"""CRC-32 in compiled code: of bytes, and of texts put together from the checksums of their parts.

As in `repair.crc32`, polynomials are bit-reversed in 32 bits.
"""

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from repair.native.jit import compiled, inner

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


@inner
def multiply(one: Int, other: Int) -> Int:
    """The product of two polynomials modulo the CRC's."""
    product = np.uint32(0)
    for _ in range(32):
        product ^= other & (np.uint32(0) - (one >> np.uint32(31)))
        one = np.uint32(one << np.uint32(1))
        other = _times_x(other)
    return np.uint32(product)


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
            power = multiply(power, factor)
        factor = power


@cache
def tables_of_checksums() -> Numbers:
    tables = np.empty((ROWS, 256), np.uint32)
    _fill(tables)
    return tables


@inner
def shift_of(tables: Numbers, size: Int) -> Int:
    """x**(8 * size): what `size` bytes behind a part do to its checksum."""
    row = _POWERS
    result = tables[row + ((size >> 8) & 7), size & 255]
    size >>= 11
    while size:
        row += 8
        result = multiply(result, tables[row + ((size >> 8) & 7), size & 255])
        size >>= 11
    return result


@inner
def crc32(t: Numbers, crc: Int, data: Bytes, first: Int, last: Int) -> Int:
    """`zlib.crc32(data[first:last], crc)`, eight bytes a step."""
    # Unsigned: whether a place is negative is not looked at.
    at, end, byte = np.uint64(first), np.uint64(last), np.uint32(0xFF)
    crc ^= np.uint32(0xFFFFFFFF)
    while at + np.uint64(8) <= end:
        low = crc ^ (
            np.uint32(data[at])
            | np.uint32(data[at + np.uint64(1)]) << np.uint32(8)
            | np.uint32(data[at + np.uint64(2)]) << np.uint32(16)
            | np.uint32(data[at + np.uint64(3)]) << np.uint32(24)
        )
        crc = (
            t[7, low & byte]
            ^ t[6, (low >> np.uint32(8)) & byte]
            ^ t[5, (low >> np.uint32(16)) & byte]
            ^ t[4, (low >> np.uint32(24)) & byte]
            ^ t[3, data[at + np.uint64(4)]]
            ^ t[2, data[at + np.uint64(5)]]
            ^ t[1, data[at + np.uint64(6)]]
            ^ t[0, data[at + np.uint64(7)]]
        )
        at += np.uint64(8)
    while at < end:
        crc = (crc >> np.uint32(8)) ^ t[0, (crc ^ np.uint32(data[at])) & byte]
        at += np.uint64(1)
    return np.uint32(crc ^ np.uint32(0xFFFFFFFF))


@inner
def without(t: Numbers, crc: Int, data: Bytes, first: Int, last: Int) -> Int:
    """The inverse of `crc32`: what it was before `data[first:last]` came behind."""
    at, end = np.uint64(first), np.uint64(last)
    crc ^= np.uint32(0xFFFFFFFF)
    while end > at:
        end -= np.uint64(1)
        index = t[_BACK, crc >> np.uint32(24)]
        crc = np.uint32((crc ^ t[0, index]) << np.uint32(8)) | (index ^ np.uint32(data[end]))
    return np.uint32(crc ^ np.uint32(0xFFFFFFFF))
