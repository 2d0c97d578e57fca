"""A text under edit, in compiled code: packets in columns are applied to a rope of small gap buffers.

The text is a row of leaves, each a gap buffer of UTF-8: its head stands at the front of its row of
`texts`, its tail at the back. Up to FANOUT leaves make a block, and `order` is the row of blocks. One leaf
is the finger; edits near it find their place without a search. So an edit costs what it inserts, deletes
and moves within one leaf, wherever it is and however long the text.

A leaf and a block keep the CRC-32 of their bytes until they change, so that the checksum of the whole text
after an edit is put together from that of the finger's leaf and of what stands before and behind it.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from repair.native.checksum import ROWS, crc32_of_many, multiply, shift_of, tables_of_checksums
from repair.native.jit import compiled, inner
from repair.native.utf8 import code_points, copy, size_backward, size_forward

CAPACITY = 1024  # bytes of a leaf
FANOUT = 32  # leaves of a block

# Columns of `leaves`: bytes and code points before and behind the gap; the checksum, or -1 if it is outdated;
# where in the output the same bytes stand already, or -1. Of a row that was given back the first one says
# which was given back before it.
_HEAD, _HEAD_CHARS, _TAIL, _TAIL_CHARS, _LEAF_CRC, _WRITTEN_AT = range(6)
# Columns of `blocks`: leaves, code points, bytes, and the checksum as above.
_COUNT, _CHARS, _BYTES, _BLOCK_CRC = range(4)
# Places in `registers`. The finger: its leaf, how many code points are before it, its block's place in
# `order`, its place in that block, how many code points are before the block. Whether the next three are
# known: the checksums of what is before its leaf and of what is behind, and the shift of the latter.
_LEAF, _START, _INDEX, _SLOT, _BLOCK_START, AROUND, BEFORE, BEHIND, SHIFT = range(9)
# Of the text: blocks in `order`, code points, bytes. Rows in use, and the one that was given back last (-1:
# none).
_BLOCKS, LENGTH, SIZE, LEAVES_USED, _LEAF_FREE, _BLOCKS_USED, _BLOCK_FREE = range(9, 16)
# Of `repair.native.replay`: the next packet and the next stop, the version before (-1: any), and the bytes of
# output.
PACKET, STOP, VERSION_BEFORE, WRITTEN = range(16, 20)

Bytes = npt.NDArray[np.uint8]
Int = Any  # a machine's number, of the width that compiling gives it
Numbers = npt.NDArray[Any]


class Rope(NamedTuple):
    texts: Bytes  # CAPACITY for each leaf
    leaves: Numbers
    children: Numbers  # blocks x FANOUT
    blocks: Numbers
    order: Numbers
    registers: Numbers
    tables: Numbers  # of `repair.native.checksum`


# What the loop of `repair.native.replay` calls often takes arrays one by one: a member of a tuple is counted
# as a reference wherever it is used, which costs more than the use.


@inner
def _append(tables: Numbers, crc: Int, size: Int, more: Int) -> Int:
    """The checksum of a part with checksum `crc` and one of `size` bytes behind it."""
    return np.uint32(multiply(tables, crc, shift_of(tables, size)) ^ np.uint32(more))


@inner
def _append_leaf(texts: Bytes, leaves: Numbers, tables: Numbers, crc: Int, leaf: Int) -> Int:
    at, head, tail = leaf * CAPACITY, leaves[leaf, _HEAD], leaves[leaf, _TAIL]
    if leaves[leaf, _LEAF_CRC] < 0:
        own = crc32_of_many(tables, np.uint32(0), texts, at, at + head)
        leaves[leaf, _LEAF_CRC] = crc32_of_many(tables, own, texts, at + CAPACITY - tail, at + CAPACITY)
    return _append(tables, crc, head + tail, leaves[leaf, _LEAF_CRC])


@inner
def _append_block(
    texts: Bytes, leaves: Numbers, children: Numbers, blocks: Numbers, tables: Numbers, crc: Int, block: Int
) -> Int:
    if blocks[block, _BLOCK_CRC] < 0:
        own = np.uint32(0)
        for slot in range(blocks[block, _COUNT]):
            own = _append_leaf(texts, leaves, tables, own, children[block, slot])
        blocks[block, _BLOCK_CRC] = own
    return _append(tables, crc, blocks[block, _BYTES], blocks[block, _BLOCK_CRC])


@inner
def look_around(
    texts: Bytes,
    leaves: Numbers,
    children: Numbers,
    blocks: Numbers,
    order: Numbers,
    registers: Numbers,
    tables: Numbers,
) -> None:
    """Fills BEFORE, BEHIND and SHIFT."""
    before, behind, size = np.uint32(0), np.uint32(0), 0
    index, own = registers[_INDEX], registers[_SLOT]
    for place in range(index):
        before = _append_block(texts, leaves, children, blocks, tables, before, order[place])
    block = order[index]
    for slot in range(own):
        before = _append_leaf(texts, leaves, tables, before, children[block, slot])
    for slot in range(own + 1, blocks[block, _COUNT]):
        leaf = children[block, slot]
        behind = _append_leaf(texts, leaves, tables, behind, leaf)
        size += leaves[leaf, _HEAD] + leaves[leaf, _TAIL]
    for place in range(index + 1, registers[_BLOCKS]):
        behind = _append_block(texts, leaves, children, blocks, tables, behind, order[place])
        size += blocks[order[place], _BYTES]
    registers[BEFORE], registers[BEHIND] = before, behind
    registers[SHIFT] = shift_of(tables, size)
    registers[AROUND] = 1


@inner
def _changed(leaves: Numbers, leaf: Int) -> None:
    leaves[leaf, _LEAF_CRC] = leaves[leaf, _WRITTEN_AT] = -1


@inner
def _new_leaf(r: Rope) -> Int:
    leaf = r.registers[_LEAF_FREE]
    if leaf >= 0:
        r.registers[_LEAF_FREE] = r.leaves[leaf, 0]
    else:
        leaf = r.registers[LEAVES_USED]
        r.registers[LEAVES_USED] += 1
    r.leaves[leaf] = 0
    _changed(r.leaves, leaf)
    return leaf


@inner
def _new_block(r: Rope) -> Int:
    block = r.registers[_BLOCK_FREE]
    if block >= 0:
        r.registers[_BLOCK_FREE] = r.blocks[block, 0]
    else:
        block = r.registers[_BLOCKS_USED]
        r.registers[_BLOCKS_USED] += 1
    r.blocks[block] = 0
    r.blocks[block, _BLOCK_CRC] = -1
    return block


def rope(leaves: Int) -> Rope:
    """The empty text, with room for so many leaves."""
    rope = _rows(leaves)
    rope.tables[:] = tables_of_checksums()
    _start(rope)
    return rope


def enlarged(old: Rope) -> Rope:
    """The same text, with twice the room."""
    new = _rows(2 * len(old.leaves))
    for before, after in zip(old, new, strict=True):
        after[: len(before)] = before
    return new


def _rows(leaves: Int) -> Rope:
    return Rope(
        texts=np.empty(leaves * CAPACITY, np.uint8),
        leaves=np.empty((leaves, 6), np.int64),
        children=np.empty((leaves, FANOUT), np.int32),  # a block has a leaf at least
        blocks=np.empty((leaves, 4), np.int64),
        order=np.empty(leaves, np.int32),
        registers=np.empty(20, np.int64),
        tables=np.empty((ROWS, 256), np.uint32),
    )


@compiled
def _start(r: Rope) -> None:
    """The empty text."""
    r.registers[:] = 0
    r.registers[_LEAF_FREE] = r.registers[_BLOCK_FREE] = -1
    block = _new_block(r)
    r.children[block, 0] = r.registers[_LEAF] = _new_leaf(r)
    r.blocks[block, _COUNT] = 1
    r.order[0] = block
    r.registers[_BLOCKS] = 1


@inner
def _grow(
    leaves: Numbers, blocks: Numbers, order: Numbers, registers: Numbers, size: Int, chars: Int
) -> None:
    """Books what the finger's leaf gained, or lost if negative."""
    block = order[registers[_INDEX]]
    _changed(leaves, registers[_LEAF])
    blocks[block, _CHARS] += chars
    blocks[block, _BYTES] += size
    blocks[block, _BLOCK_CRC] = -1
    registers[LENGTH] += chars
    registers[SIZE] += size


@inner
def _split_block(r: Rope) -> None:
    """The later half of the finger's block becomes a block of its own, behind it."""
    index = r.registers[_INDEX]
    block = r.order[index]
    other = _new_block(r)
    half = r.blocks[block, _COUNT] // 2
    size, chars = 0, 0
    for slot in range(half, r.blocks[block, _COUNT]):
        leaf = r.children[block, slot]
        r.children[other, slot - half] = leaf
        size += r.leaves[leaf, _HEAD] + r.leaves[leaf, _TAIL]
        chars += r.leaves[leaf, _HEAD_CHARS] + r.leaves[leaf, _TAIL_CHARS]
    r.blocks[other, _COUNT] = r.blocks[block, _COUNT] - half
    r.blocks[block, _COUNT] = half
    r.blocks[other, _BYTES], r.blocks[other, _CHARS] = size, chars
    r.blocks[block, _BYTES] -= size
    r.blocks[block, _CHARS] -= chars
    r.blocks[block, _BLOCK_CRC] = -1
    for place in range(r.registers[_BLOCKS], index + 1, -1):
        r.order[place] = r.order[place - 1]
    r.order[index + 1] = other
    r.registers[_BLOCKS] += 1
    if r.registers[_SLOT] >= half:
        r.registers[_INDEX] += 1
        r.registers[_SLOT] -= half
        r.registers[_BLOCK_START] += r.blocks[block, _CHARS]


@inner
def _split_leaf(r: Rope) -> None:
    """What is behind the gap becomes a leaf of its own, and the finger stays before it; with nothing
    behind the gap the finger goes to a new, empty leaf."""
    if r.blocks[r.order[r.registers[_INDEX]], _COUNT] == FANOUT:
        _split_block(r)
    block, leaf = r.order[r.registers[_INDEX]], r.registers[_LEAF]
    other = _new_leaf(r)
    slot = r.registers[_SLOT] + 1
    for place in range(r.blocks[block, _COUNT], slot, -1):
        r.children[block, place] = r.children[block, place - 1]
    r.children[block, slot] = other
    r.blocks[block, _COUNT] += 1
    r.blocks[block, _BLOCK_CRC] = -1
    tail = r.leaves[leaf, _TAIL]
    if tail:
        copy(r.texts, (leaf + 1) * CAPACITY - tail, r.texts, (other + 1) * CAPACITY - tail, tail)
        r.leaves[other, _TAIL], r.leaves[other, _TAIL_CHARS] = tail, r.leaves[leaf, _TAIL_CHARS]
        r.leaves[leaf, _TAIL] = r.leaves[leaf, _TAIL_CHARS] = 0
        _changed(r.leaves, leaf)
    else:
        r.registers[_START] += r.leaves[leaf, _HEAD_CHARS]
        r.registers[_SLOT], r.registers[_LEAF] = slot, other
    r.registers[AROUND] = 0


@inner
def _point(r: Rope) -> None:
    r.registers[_LEAF] = r.children[r.order[r.registers[_INDEX]], r.registers[_SLOT]]
    r.registers[AROUND] = 0


@inner
def _next_leaf(r: Rope) -> bool:
    """Moves the finger to the leaf behind; False: there is none."""
    index = r.registers[_INDEX]
    block, leaf = r.order[index], r.registers[_LEAF]
    if r.registers[_SLOT] + 1 < r.blocks[block, _COUNT]:
        r.registers[_SLOT] += 1
    elif index + 1 < r.registers[_BLOCKS]:
        r.registers[_INDEX], r.registers[_SLOT] = index + 1, 0
        r.registers[_BLOCK_START] += r.blocks[block, _CHARS]
    else:
        return False
    r.registers[_START] += r.leaves[leaf, _HEAD_CHARS] + r.leaves[leaf, _TAIL_CHARS]
    _point(r)
    return True


@inner
def _remove_leaf(r: Rope) -> None:
    """Gives the finger's leaf, which is empty, back; the finger goes to the one behind it, or else to the
    last one. The only leaf stays."""
    index, slot = r.registers[_INDEX], r.registers[_SLOT]
    block = r.order[index]
    if r.registers[_BLOCKS] == 1 and r.blocks[block, _COUNT] == 1:
        return
    r.leaves[r.registers[_LEAF], 0] = r.registers[_LEAF_FREE]
    r.registers[_LEAF_FREE] = r.registers[_LEAF]
    r.blocks[block, _COUNT] -= 1
    r.blocks[block, _BLOCK_CRC] = -1
    for place in range(slot, r.blocks[block, _COUNT]):
        r.children[block, place] = r.children[block, place + 1]
    if r.blocks[block, _COUNT] == 0:
        r.blocks[block, 0] = r.registers[_BLOCK_FREE]
        r.registers[_BLOCK_FREE] = block
        r.registers[_BLOCKS] -= 1
        for place in range(index, r.registers[_BLOCKS]):
            r.order[place] = r.order[place + 1]
    elif slot == r.blocks[block, _COUNT]:
        index, slot = index + 1, 0
        r.registers[_BLOCK_START] += r.blocks[block, _CHARS]
    if index == r.registers[_BLOCKS]:
        index -= 1
        block = r.order[index]
        slot = r.blocks[block, _COUNT] - 1
        r.registers[_BLOCK_START] -= r.blocks[block, _CHARS]
        leaf = r.children[block, slot]
        r.registers[_START] -= r.leaves[leaf, _HEAD_CHARS] + r.leaves[leaf, _TAIL_CHARS]
    r.registers[_INDEX], r.registers[_SLOT] = index, slot
    _point(r)


@inner
def find(
    leaves: Numbers, children: Numbers, blocks: Numbers, order: Numbers, registers: Numbers, position: Int
) -> None:
    """Moves the finger to a leaf that `position` is in or at an end of."""
    index, before = registers[_INDEX], registers[_BLOCK_START]
    while position < before:
        index -= 1
        before -= blocks[order[index], _CHARS]
    while position > before + blocks[order[index], _CHARS]:
        before += blocks[order[index], _CHARS]
        index += 1
    registers[_INDEX], registers[_BLOCK_START] = index, before
    block, slot = order[index], 0
    while True:
        leaf = children[block, slot]
        behind = before + leaves[leaf, _HEAD_CHARS] + leaves[leaf, _TAIL_CHARS]
        if position <= behind:
            break
        before, slot = behind, slot + 1
    registers[_SLOT], registers[_START], registers[_LEAF] = slot, before, leaf
    registers[AROUND] = 0


@inner
def _move_gap(r: Rope, leaf: Int, chars: Int) -> None:
    """By so many code points, to the front if negative."""
    head = leaf * CAPACITY + r.leaves[leaf, _HEAD]
    behind = (leaf + 1) * CAPACITY - r.leaves[leaf, _TAIL]
    if chars > 0:
        size = size_forward(r.texts, behind, chars)
        copy(r.texts, behind, r.texts, head, size)
    else:
        size = -size_backward(r.texts, head, -chars)
        copy(r.texts, head + size, r.texts, behind + size, -size)
    r.leaves[leaf, _HEAD] += size
    r.leaves[leaf, _TAIL] -= size
    r.leaves[leaf, _HEAD_CHARS] += chars
    r.leaves[leaf, _TAIL_CHARS] -= chars


@inner
def _seek(r: Rope, position: Int) -> None:
    """Moves the finger, and the gap of its leaf, to `position`."""
    leaf = r.registers[_LEAF]
    at = position - r.registers[_START]
    if at < 0 or at > r.leaves[leaf, _HEAD_CHARS] + r.leaves[leaf, _TAIL_CHARS]:
        find(r.leaves, r.children, r.blocks, r.order, r.registers, position)
        leaf = r.registers[_LEAF]
        at = position - r.registers[_START]
    chars = at - r.leaves[leaf, _HEAD_CHARS]
    if chars:
        _move_gap(r, leaf, chars)


@inner
def _next_has_room(r: Rope, size: Int) -> bool:
    block, slot = r.order[r.registers[_INDEX]], r.registers[_SLOT] + 1
    if slot >= r.blocks[block, _COUNT]:
        return False
    leaf = r.children[block, slot]
    return r.leaves[leaf, _HEAD] + r.leaves[leaf, _TAIL] + size <= CAPACITY


@inner
def _make_room(r: Rope, position: Int, size: Int) -> None:
    """At `position`, where the gap is too small for `size` bytes: a gap for some of them at least."""
    leaf = r.registers[_LEAF]
    tail = r.leaves[leaf, _TAIL_CHARS]
    if tail == 0 and _next_has_room(r, size):
        _next_leaf(r)
        _seek(r, position)
    elif tail == 0 or size > CAPACITY // 2:
        _split_leaf(r)
    else:
        _move_gap(r, leaf, (tail - r.leaves[leaf, _HEAD_CHARS]) // 2)
        _split_leaf(r)
        _seek(r, position)


@inner
def insert_bytes(r: Rope, position: Int, data: Bytes, at: Int, end: Int) -> Int:
    """Puts `data[at:end]` at `position`; returns its code points."""
    before = r.registers[LENGTH]
    _seek(r, position)
    while at < end:
        leaf = r.registers[_LEAF]
        room = CAPACITY - r.leaves[leaf, _HEAD] - r.leaves[leaf, _TAIL]
        size = end - at
        if size > room:
            if room < CAPACITY // 2 and (r.leaves[leaf, _TAIL] > 0 or room < 4 or size < CAPACITY // 2):
                _make_room(r, position, size)
                continue
            size = room
            while data[at + size] & 0xC0 == 0x80:
                size -= 1
        copy(data, at, r.texts, leaf * CAPACITY + r.leaves[leaf, _HEAD], size)
        chars = code_points(data, at, size)
        r.leaves[leaf, _HEAD] += size
        r.leaves[leaf, _HEAD_CHARS] += chars
        _grow(r.leaves, r.blocks, r.order, r.registers, size, chars)
        at += size
        position += chars
    return r.registers[LENGTH] - before


@inner
def delete(r: Rope, position: Int, count: Int) -> None:
    _seek(r, position)
    while True:
        leaf = r.registers[_LEAF]
        chars = min(count, r.leaves[leaf, _TAIL_CHARS])
        if chars:
            size = size_forward(r.texts, (leaf + 1) * CAPACITY - r.leaves[leaf, _TAIL], chars)
            r.leaves[leaf, _TAIL] -= size
            r.leaves[leaf, _TAIL_CHARS] -= chars
            _grow(r.leaves, r.blocks, r.order, r.registers, -size, -chars)
            count -= chars
        if r.leaves[leaf, _HEAD] + r.leaves[leaf, _TAIL] == 0:
            _remove_leaf(r)
        elif count:
            _next_leaf(r)
        if not count:
            return
        leaf = r.registers[_LEAF]
        if r.leaves[leaf, _HEAD_CHARS]:
            _move_gap(r, leaf, -r.leaves[leaf, _HEAD_CHARS])


@compiled
def insert(r: Rope, position: Int, data: Bytes) -> None:
    """`data` is UTF-8 and there are leaves for it."""
    insert_bytes(r, position, data, 0, len(data))


@compiled
def needed(size: Int, ops: Int) -> Int:
    """Leaves that `ops` ops which insert `size` bytes in all may take at most."""
    return 4 + 4 * ops + size // (CAPACITY // 2)


@inner
def write(
    texts: Bytes,
    leaves: Numbers,
    children: Numbers,
    blocks: Numbers,
    order: Numbers,
    registers: Numbers,
    output: Bytes,
    at: Int,
) -> None:
    """The whole text, to `output[at]`; what did not change is taken from where it was written before."""
    run, size = 0, 0  # of the output, with bytes that go on at `at`
    for index in range(registers[_BLOCKS]):
        block = order[index]
        for slot in range(blocks[block, _COUNT]):
            leaf = children[block, slot]
            head, tail, written = leaves[leaf, _HEAD], leaves[leaf, _TAIL], leaves[leaf, _WRITTEN_AT]
            leaves[leaf, _WRITTEN_AT] = at + size
            if written == run + size:
                size += head + tail
                continue
            copy(output, run, output, at, size)
            at += size
            run, size = written, head + tail
            if written < 0:
                copy(texts, leaf * CAPACITY, output, at, head)
                copy(texts, (leaf + 1) * CAPACITY - tail, output, at + head, tail)
                at += size
                run, size = 0, 0
    copy(output, run, output, at, size)


@inner
def forget_output(leaves: Numbers) -> None:
    """Nothing of the text stands in the output any more."""
    leaves[:, _WRITTEN_AT] = -1


@inner
def load(leaves: Numbers, registers: Numbers) -> tuple[Int, Int, Int, Int, Int, Int]:
    """The finger: where its leaf stands in `texts`, how many code points are before it, bytes and code points
    before and behind its gap."""
    leaf = registers[_LEAF]
    return (
        leaf * CAPACITY,
        registers[_START],
        leaves[leaf, _HEAD],
        leaves[leaf, _HEAD_CHARS],
        leaves[leaf, _TAIL],
        leaves[leaf, _TAIL_CHARS],
    )


@inner
def store(
    leaves: Numbers,
    blocks: Numbers,
    order: Numbers,
    registers: Numbers,
    head: Int,
    head_chars: Int,
    tail: Int,
    tail_chars: Int,
) -> None:
    """Books the finger's leaf as the loop left it."""
    leaf = registers[_LEAF]
    size = head + tail - leaves[leaf, _HEAD] - leaves[leaf, _TAIL]
    chars = head_chars + tail_chars - leaves[leaf, _HEAD_CHARS] - leaves[leaf, _TAIL_CHARS]
    leaves[leaf, _HEAD], leaves[leaf, _HEAD_CHARS] = head, head_chars
    leaves[leaf, _TAIL], leaves[leaf, _TAIL_CHARS] = tail, tail_chars
    _grow(leaves, blocks, order, registers, size, chars)
