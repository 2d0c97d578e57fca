"""Memory layout of the rope: its arrays, their columns and rows, and the free lists.

Tested by `tests/repair/replay/test_compiled.py`.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from repair.replay.kernels.checksum import ROWS, tables_of_checksums
from repair.replay.kernels.jit import compiled, inner

CAPACITY = 1024  # bytes of a leaf
FANOUT = 32  # leaves of a block

# Columns of `leaves`: bytes and code points before and after the gap; the checksum, or -1 if it is outdated;
# where in the output the same bytes are already, or -1. Column 0 of a freed row links to the row freed before
# it (free list).
HEAD, HEAD_CHARS, TAIL, TAIL_CHARS, LEAF_CRC, WRITTEN_AT = range(6)
# Columns of `blocks`: leaves, code points, bytes, and the checksum as above.
COUNT, CHARS, BYTES, BLOCK_CRC = range(4)
# Indices in `registers`. The finger: its leaf, how many code points are before it, its block's index in
# `order`, its index in that block, how many code points are before the block. Whether the next three are
# known: the checksums of what is before its leaf and of what is after, and the shift of the latter.
LEAF, START, INDEX, SLOT, BLOCK_START, AROUND, BEFORE, BEHIND, SHIFT = range(9)
# Of the text: blocks in `order`, code points, bytes. Rows in use, and the head of the free list (-1:
# none).
BLOCKS, LENGTH, SIZE, LEAVES_USED, LEAF_FREE, BLOCKS_USED, BLOCK_FREE = range(9, 16)
# Of `repair.replay.kernels.replay`: the next packet and the next stop, the version before (-1: any), and the
# bytes of output.
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
    tables: Numbers  # of `repair.replay.kernels.checksum`


@inner
def changed(leaves: Numbers, leaf: Int) -> None:
    leaves[leaf, LEAF_CRC] = leaves[leaf, WRITTEN_AT] = -1


@inner
def _new_row(registers: Numbers, rows: Numbers, free: Int, used: Int) -> Int:
    """A row of zeros; `free` and `used` are the indices in `registers` of the rows' own."""
    row = registers[free]
    if row >= 0:
        registers[free] = rows[row, 0]
    else:
        row = registers[used]
        registers[used] += 1
    rows[row] = 0
    return row


@inner
def give_back(registers: Numbers, rows: Numbers, free: Int, row: Int) -> None:
    rows[row, 0] = registers[free]
    registers[free] = row


@inner
def new_leaf(r: Rope) -> Int:
    leaf = _new_row(r.registers, r.leaves, LEAF_FREE, LEAVES_USED)
    changed(r.leaves, leaf)
    return leaf


@inner
def new_block(r: Rope) -> Int:
    block = _new_row(r.registers, r.blocks, BLOCK_FREE, BLOCKS_USED)
    r.blocks[block, BLOCK_CRC] = -1
    return block


def rope(leaves: Int) -> Rope:
    """The empty text, with room for that number of leaves."""
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
    r.registers[LEAF_FREE] = r.registers[BLOCK_FREE] = -1
    block = new_block(r)
    r.children[block, 0] = r.registers[LEAF] = new_leaf(r)
    r.blocks[block, COUNT] = 1
    r.order[0] = block
    r.registers[BLOCKS] = 1
