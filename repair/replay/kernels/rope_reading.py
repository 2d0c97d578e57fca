"""Reading of a rope: its text and its CRC-32.

Tested by `tests/repair/replay/test_compiled.py`.
"""

import numpy as np

from repair.replay.kernels.checksum import crc32_of_many, multiply, shift_of
from repair.replay.kernels.jit import inlined, inner
from repair.replay.kernels.rope_layout import (
    AROUND,
    BEFORE,
    BEHIND,
    BLOCK_CRC,
    BLOCKS,
    BYTES,
    CAPACITY,
    COUNT,
    HEAD,
    INDEX,
    LEAF_CRC,
    SHIFT,
    SLOT,
    TAIL,
    WRITTEN_AT,
    Bytes,
    Int,
    Numbers,
    Rope,
)
from repair.replay.kernels.utf8 import copy


@inlined
def _append(tables: Numbers, crc: Int, size: Int, more: Int) -> Int:
    """The checksum of a part with checksum `crc` and one of `size` bytes after it."""
    return np.uint32(multiply(tables, crc, shift_of(tables, size)) ^ np.uint32(more))


@inner
def _leaf_checksum(texts: Bytes, leaves: Numbers, tables: Numbers, leaf: Int) -> None:
    """Fills LEAF_CRC."""
    at, head, tail = leaf * CAPACITY, leaves[leaf, HEAD], leaves[leaf, TAIL]
    own = crc32_of_many(tables, np.uint32(0), texts, at, at + head)
    leaves[leaf, LEAF_CRC] = crc32_of_many(tables, own, texts, at + CAPACITY - tail, at + CAPACITY)


@inlined
def _append_leaf(texts: Bytes, leaves: Numbers, tables: Numbers, crc: Int, leaf: Int) -> Int:
    if leaves[leaf, LEAF_CRC] < 0:
        _leaf_checksum(texts, leaves, tables, leaf)
    return _append(tables, crc, leaves[leaf, HEAD] + leaves[leaf, TAIL], leaves[leaf, LEAF_CRC])


@inner
def _append_block(
    texts: Bytes, leaves: Numbers, children: Numbers, blocks: Numbers, tables: Numbers, crc: Int, block: Int
) -> Int:
    if blocks[block, BLOCK_CRC] < 0:
        own = np.uint32(0)
        for slot in range(blocks[block, COUNT]):
            own = _append_leaf(texts, leaves, tables, own, children[block, slot])
        blocks[block, BLOCK_CRC] = own
    return _append(tables, crc, blocks[block, BYTES], blocks[block, BLOCK_CRC])


@inner
def look_around(r: Rope) -> None:
    """Fills BEFORE, BEHIND and SHIFT."""
    texts, leaves, children, blocks, order, registers, tables = r
    before, behind, size = np.uint32(0), np.uint32(0), 0
    index, own = registers[INDEX], registers[SLOT]
    for index_of_block in range(index):
        before = _append_block(texts, leaves, children, blocks, tables, before, order[index_of_block])
    block = order[index]
    for slot in range(own):
        before = _append_leaf(texts, leaves, tables, before, children[block, slot])
    for slot in range(own + 1, blocks[block, COUNT]):
        leaf = children[block, slot]
        behind = _append_leaf(texts, leaves, tables, behind, leaf)
        size += leaves[leaf, HEAD] + leaves[leaf, TAIL]
    for index_of_block in range(index + 1, registers[BLOCKS]):
        behind = _append_block(texts, leaves, children, blocks, tables, behind, order[index_of_block])
        size += blocks[order[index_of_block], BYTES]
    registers[BEFORE], registers[BEHIND] = before, behind
    registers[SHIFT] = shift_of(tables, size)
    registers[AROUND] = 1


@inner
def write(r: Rope, output: Bytes, at: Int) -> None:
    """The whole text, to `output[at]`; what did not change is taken from where it was written before."""
    texts, leaves, children, blocks, order, registers, _ = r
    run, size = 0, 0  # of the output, with bytes that go on at `at`
    for index in range(registers[BLOCKS]):
        block = order[index]
        for slot in range(blocks[block, COUNT]):
            leaf = children[block, slot]
            head, tail, written = leaves[leaf, HEAD], leaves[leaf, TAIL], leaves[leaf, WRITTEN_AT]
            leaves[leaf, WRITTEN_AT] = at + size
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
    """Nothing of the text is in the output any more."""
    leaves[:, WRITTEN_AT] = -1
