"""The wire format of packets, decoded into columns.

Tested by `tests/repair/replay/test_compiled.py`.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from repair.replay.kernels.jit import compiled, inner

SKIP, DELETE, INSERT = 0, 1, 2

_LARGEST = 2**32 - 1
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799  # of the years 1 and 9999

# Keys of the fields: number * 8 + wire type.
_VARINT, _LENGTH_DELIMITED = 0, 2
_OP, _CRC32, _COMMITTED, _VERSION, _AUTHOR = 2, 3, 4, 5, 8

Bytes = npt.NDArray[np.uint8]
Int = Any  # a machine's number, of the width that compiling gives it
Numbers = npt.NDArray[Any]


@inner
def _varint(data: Bytes, at: Int, end: Int) -> tuple[Int, Int]:
    """The number at `at`, as a signed 64-bit one, and where it ends; that is -1 if it does not."""
    value = np.uint64(0)
    for index in range(10):
        if at >= end:
            return 0, -1
        byte = np.uint64(data[at])
        at += 1
        if index == 9 and byte > np.uint64(1):
            return 0, -1
        value |= (byte & np.uint64(0x7F)) << np.uint64(7 * index)
        if byte < np.uint64(0x80):
            return np.int64(value), at
    return 0, -1


@inner
def _is_utf8(data: Bytes, at: Int, end: Int) -> bool:
    while at < end:
        first = data[at]
        if first < 0x80:
            at += 1
            continue
        low, high = 0x80, 0xBF
        if 0xC2 <= first <= 0xDF:
            size = 2
        elif 0xE0 <= first <= 0xEF:
            size = 3
            if first == 0xE0:
                low = 0xA0
            elif first == 0xED:
                high = 0x9F
        elif 0xF0 <= first <= 0xF4:
            size = 4
            if first == 0xF0:
                low = 0x90
            elif first == 0xF4:
                high = 0x8F
        else:
            return False
        if at + size > end or not low <= data[at + 1] <= high:
            return False
        for index in range(2, size):
            if data[at + index] & 0xC0 != 0x80:
                return False
        at += size
    return True


@inner
def _component(data: Bytes, at: Int, end: Int) -> tuple[Int, Int, Int]:
    """Kind, and count or where the text begins; the kind is -1 unless it is one plain field that fills
    the component."""
    if at >= end:
        return -1, 0, 0
    key = data[at]
    number, after = _varint(data, at + 1, end)
    if after < 0:
        return -1, 0, 0
    if key == 1 * 8 + _VARINT or key == 2 * 8 + _VARINT:
        if after != end or not 0 <= number <= _LARGEST:
            return -1, 0, 0
        return (SKIP if key == 1 * 8 + _VARINT else DELETE), number, end
    if key == 3 * 8 + _LENGTH_DELIMITED and number == end - after and _is_utf8(data, after, end):
        return INSERT, 0, after
    return -1, 0, 0


@inner
def _time(data: Bytes, at: Int, end: Int) -> tuple[bool, Int]:
    """Whether it is a plain time, and its microseconds since 1970."""
    seconds, nanos, seen = 0, 0, 0
    while at < end:
        key = data[at]
        number, at = _varint(data, at + 1, end)
        field = key >> 3
        if at < 0 or key & 7 != _VARINT or not 1 <= field <= 2 or seen >> field & 1:
            return False, 0
        seen |= 1 << field
        if field == 1:
            seconds = number
        else:
            nanos = number
    if not (_FIRST_SECOND <= seconds <= _LAST_SECOND and 0 <= nanos < 1_000_000_000):
        return False, 0
    return True, seconds * 1_000_000 + nanos // 1000


@compiled
def decode(
    data: Bytes,
    offsets: Numbers,
    valid: npt.NDArray[np.bool_],
    numbers: Numbers,
    committed: Numbers,
    op_offsets: Numbers,
    kinds: Bytes,
    counts: Numbers,
    text_offsets: Numbers,
    texts: Bytes,
) -> tuple[Int, Int]:
    """Fills all but the first two; returns how many ops and bytes of text there are.

    `numbers` has the columns version, crc32 and author. A packet of any but the plain form (each field
    once, none unknown) is not `valid` and has no ops: whether it is a packet is for others to say.
    """
    ops, size = 0, 0
    text_offsets[0] = op_offsets[0] = 0
    for packet in range(len(offsets) - 1):
        at, end = np.int64(offsets[packet]), np.int64(offsets[packet + 1])
        first_op, first_byte = ops, size
        seen, good = 0, True
        numbers[packet] = 0
        committed[packet] = 0
        while at < end:
            key = data[at]
            field = key >> 3
            number, at = _varint(data, at + 1, end)
            if at < 0 or key >= 0x80 or not 1 <= field <= 8 or (field != _OP and seen >> field & 1):
                good = False
                break
            seen |= 1 << field
            if field in (_OP, _COMMITTED):
                if key & 7 != _LENGTH_DELIMITED or not 0 <= number <= end - at:
                    good = False
                    break
                if field == _COMMITTED:
                    good, committed[packet] = _time(data, at, at + number)
                else:
                    kind, count, text = _component(data, at, at + number)
                    good = kind >= 0
                    if good:
                        kinds[ops], counts[ops] = kind, count
                        for index in range(text, at + number):
                            texts[size] = data[index]
                            size += 1
                        ops += 1
                        text_offsets[ops] = size
                at += number
            else:
                good = key & 7 == _VARINT and 0 <= number <= _LARGEST
                if field == _VERSION:
                    numbers[packet, 0] = number
                elif field == _CRC32:
                    numbers[packet, 1] = number
                elif field == _AUTHOR:
                    numbers[packet, 2] = number
                    good = good and number <= 1
            if not good:
                break
        if not (good and seen >> _COMMITTED & 1):
            good = False
            ops, size = first_op, first_byte
        valid[packet] = good
        op_offsets[packet + 1] = ops
    return ops, size
