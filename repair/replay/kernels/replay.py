"""Packets in columns applied to a rope, with what they say about versions and checksums.

Tested by `tests/repair/replay/test_compiled.py`.
"""

from typing import NamedTuple

import numpy as np

from repair.replay.kernels.checksum import crc32, crc32_of_many, multiply, shift_of, without
from repair.replay.kernels.jit import compiled
from repair.replay.kernels.rope import delete, find, insert_bytes, load, needed, store
from repair.replay.kernels.rope_layout import (
    AROUND,
    BEFORE,
    BEHIND,
    CAPACITY,
    LEAVES_USED,
    LENGTH,
    PACKET,
    SHIFT,
    SIZE,
    STOP,
    VERSION_BEFORE,
    WRITTEN,
    Bytes,
    Int,
    Numbers,
    Rope,
)
from repair.replay.kernels.rope_reading import forget_output, look_around, write
from repair.replay.kernels.utf8 import code_points, copy, size_backward, size_forward

# What became of a call of `replay`.
DONE, FAULT, LEAVES_FULL, OUTPUT_FULL = 0, 1, 2, 3

_SKIP, _INSERT = 0, 2


class Ops(NamedTuple):
    """Packets as `repair.replay.packet_columns` has them."""

    refused: int  # the first packet that does not decode, or how many there are
    versions: Numbers
    crcs: Numbers
    offsets: Numbers
    kinds: Bytes
    counts: Numbers
    text_offsets: Numbers
    texts: Bytes


@compiled
def replay(r: Rope, ops: Ops, stops: Numbers, every: bool, output: Bytes, ends: Numbers) -> Int:
    """Goes on from where the registers say, to the last of `stops`.

    A stop is the number of packets that are in the text then; it rises. For each stop the text is written
    to `output` and where it ends there to `ends`. `every`: the checksum is compared after each packet and
    not only at the stops.

    Returns DONE, FAULT (the packet in the registers does not decode, follow or apply, or its checksum
    differs; the rope is undefined), LEAVES_FULL (go on with more of them), or OUTPUT_FULL (go on with the
    output emptied, or a larger one if it is empty).
    """
    # What stays within the finger's leaf is done here, on plain variables; the rest by the functions above.
    texts, leaves, children, blocks, order, registers, tables = r
    versions, crcs, offsets = ops.versions, ops.crcs, ops.offsets
    kinds, counts, text_offsets, inserted = ops.kinds, ops.counts, ops.text_offsets, ops.texts
    packet, version, length = np.uint64(registers[PACKET]), registers[VERSION_BEFORE], registers[LENGTH]
    place, start, head, head_chars, tail, tail_chars = load(leaves, registers)
    one, refused = np.uint64(1), np.uint64(ops.refused)  # unsigned: see `copy`
    # Checksums of all before the byte `summed` of the head, and of all after the gap if the tail is
    # `tail_summed` bytes long and was never shorter since.
    summed, tail_summed, shortest = -1, -1, tail
    before, behind, shift = np.uint32(0), np.uint32(0), np.uint32(0)
    while registers[STOP] < len(stops):
        stop = np.uint64(stops[registers[STOP]])
        while packet < stop:
            if packet == refused or (version >= 0 and np.int64(versions[packet]) != version + 1):
                registers[PACKET] = packet
                return FAULT
            op, last = np.uint64(offsets[packet]), np.uint64(offsets[packet + one])
            if (
                last - op == 2
                and kinds[op] == _SKIP
                and kinds[op + one] == _INSERT
                and np.int64(counts[op]) == start + head_chars
            ):
                # Typing on at the gap: most packets are that.
                at = np.int64(text_offsets[op + one])
                size = np.int64(text_offsets[last]) - at
                if size <= CAPACITY - head - tail:
                    copy(inserted, at, texts, place + head, size)
                    chars = code_points(inserted, at, size)
                    head += size
                    head_chars += chars
                    length += chars
                    op = last
            if op < last:
                size = np.int64(text_offsets[last]) - np.int64(text_offsets[op])
                if needed(size, np.int64(last - op)) > len(leaves) - registers[LEAVES_USED]:
                    store(leaves, blocks, order, registers, head, head_chars, tail, tail_chars)
                    registers[PACKET], registers[VERSION_BEFORE] = packet, version
                    return LEAVES_FULL
            cursor = 0
            while op < last:
                kind, count = kinds[op], np.int64(counts[op])
                at = np.int64(text_offsets[op])
                op += one
                size = np.int64(text_offsets[op]) - at
                if kind != _INSERT:
                    if count > length - cursor:
                        registers[PACKET] = packet
                        return FAULT
                    if kind == _SKIP:
                        cursor += count
                        continue
                if count + size == 0:
                    continue
                chars = cursor - start - head_chars
                if chars < -head_chars or chars > tail_chars:
                    store(leaves, blocks, order, registers, head, head_chars, tail, tail_chars)
                    find(leaves, children, blocks, order, registers, cursor)
                    place, start, head, head_chars, tail, tail_chars = load(leaves, registers)
                    summed = tail_summed = -1
                    chars = cursor - start - head_chars
                if chars > 0:
                    moved = (
                        chars if tail == tail_chars else size_forward(texts, place + CAPACITY - tail, chars)
                    )
                    copy(texts, place + CAPACITY - tail, texts, place + head, moved)
                    head, head_chars = head + moved, head_chars + chars
                    tail, tail_chars = tail - moved, tail_chars - chars
                    shortest = min(shortest, tail)
                elif chars < 0:
                    moved = -chars if head == head_chars else size_backward(texts, place + head, -chars)
                    if summed > head - moved:
                        before = without(tables, before, texts, place + head - moved, place + summed)
                        summed = head - moved
                    copy(texts, place + head - moved, texts, place + CAPACITY - tail - moved, moved)
                    head, head_chars = head - moved, head_chars + chars
                    tail, tail_chars = tail + moved, tail_chars - chars
                if kind == _INSERT and size <= CAPACITY - head - tail:
                    copy(inserted, at, texts, place + head, size)
                    chars = code_points(inserted, at, size)
                    head, head_chars = head + size, head_chars + chars
                    length += chars
                    cursor += chars
                elif kind != _INSERT and count <= tail_chars and count < head_chars + tail_chars:
                    size = (
                        count if tail == tail_chars else size_forward(texts, place + CAPACITY - tail, count)
                    )
                    tail, tail_chars = tail - size, tail_chars - count
                    length -= count
                    shortest = min(shortest, tail)
                else:
                    store(leaves, blocks, order, registers, head, head_chars, tail, tail_chars)
                    if kind == _INSERT:
                        cursor += insert_bytes(r, cursor, inserted, at, at + size)
                    else:
                        delete(r, cursor, count)
                    length = registers[LENGTH]
                    place, start, head, head_chars, tail, tail_chars = load(leaves, registers)
                    summed = tail_summed = -1
            if every or packet + one == stop:
                if summed < 0:
                    store(leaves, blocks, order, registers, head, head_chars, tail, tail_chars)
                    if not registers[AROUND]:
                        look_around(r)
                    before = crc32_of_many(tables, np.uint32(registers[BEFORE]), texts, place, place + head)
                    summed = head
                if tail_summed != tail or shortest < tail:
                    behind = crc32_of_many(
                        tables, np.uint32(0), texts, place + CAPACITY - tail, place + CAPACITY
                    )
                    behind = np.uint32(
                        multiply(tables, behind, np.uint32(registers[SHIFT])) ^ np.uint32(registers[BEHIND])
                    )
                    shift = multiply(tables, shift_of(tables, tail), np.uint32(registers[SHIFT]))
                    tail_summed = shortest = tail
                before = crc32(tables, before, texts, place + summed, place + head)
                summed = head
                if np.uint32(multiply(tables, before, shift) ^ behind) != crcs[packet]:
                    registers[PACKET] = packet
                    return FAULT
            version = np.int64(versions[packet])
            packet += one
        store(leaves, blocks, order, registers, head, head_chars, tail, tail_chars)
        registers[PACKET], registers[VERSION_BEFORE] = packet, version
        end = registers[WRITTEN] + registers[SIZE]
        if end > len(output):
            return OUTPUT_FULL
        write(r, output, registers[WRITTEN])
        registers[WRITTEN] = ends[registers[STOP]] = end
        registers[STOP] += 1
    return DONE


@compiled
def begin(r: Rope, version: Int) -> None:
    """A replay on the text as it is; `version` is that of the last packet that is in it (-1: any)."""
    r.registers[PACKET] = r.registers[STOP] = r.registers[WRITTEN] = 0
    r.registers[VERSION_BEFORE] = version


@compiled
def emptied(r: Rope) -> None:
    """The output was read, or is another one."""
    r.registers[WRITTEN] = 0
    forget_output(r.leaves)
