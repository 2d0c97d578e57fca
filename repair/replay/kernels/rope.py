"""A text under edit, in compiled code: packets in columns are applied to a rope of small gap buffers.

The text is a row of leaves, each a gap buffer of UTF-8: its head is at the front of its row of
`texts`, its tail at the back. Up to FANOUT leaves make a block, and `order` is the row of blocks. One leaf
is the finger; edits near it need no search. So an edit costs what it inserts, deletes
and moves within one leaf, wherever it is and however long the text.

A leaf and a block keep the CRC-32 of their bytes until they change, so that the checksum of the whole text
after an edit is put together from that of the finger's leaf and of what is before and after it.

Tested by `tests/repair/replay/test_compiled.py`.
"""

from repair.replay.kernels.jit import compiled, inner
from repair.replay.kernels.rope_layout import (
    AROUND,
    BLOCK_CRC,
    BLOCK_FREE,
    BLOCK_START,
    BLOCKS,
    BYTES,
    CAPACITY,
    CHARS,
    COUNT,
    FANOUT,
    HEAD,
    HEAD_CHARS,
    INDEX,
    LEAF,
    LEAF_FREE,
    LENGTH,
    SIZE,
    SLOT,
    START,
    TAIL,
    TAIL_CHARS,
    Bytes,
    Int,
    Numbers,
    Rope,
    changed,
    give_back,
    new_block,
    new_leaf,
)
from repair.replay.kernels.utf8 import code_points, copy, size_backward, size_forward

# What the loop of `repair.replay.kernels.replay` calls often takes arrays one by one: a member of a tuple is
# counted as a reference wherever it is used, which costs more than the use.


@inner
def _grow(
    leaves: Numbers, blocks: Numbers, order: Numbers, registers: Numbers, size: Int, chars: Int
) -> None:
    """Books what the finger's leaf gained, or lost if negative."""
    block = order[registers[INDEX]]
    changed(leaves, registers[LEAF])
    blocks[block, CHARS] += chars
    blocks[block, BYTES] += size
    blocks[block, BLOCK_CRC] = -1
    registers[LENGTH] += chars
    registers[SIZE] += size


@inner
def _split_block(r: Rope) -> None:
    """The later half of the finger's block becomes a block of its own, after it."""
    index = r.registers[INDEX]
    block = r.order[index]
    other = new_block(r)
    half = r.blocks[block, COUNT] // 2
    size, chars = 0, 0
    for slot in range(half, r.blocks[block, COUNT]):
        leaf = r.children[block, slot]
        r.children[other, slot - half] = leaf
        size += r.leaves[leaf, HEAD] + r.leaves[leaf, TAIL]
        chars += r.leaves[leaf, HEAD_CHARS] + r.leaves[leaf, TAIL_CHARS]
    r.blocks[other, COUNT] = r.blocks[block, COUNT] - half
    r.blocks[block, COUNT] = half
    r.blocks[other, BYTES], r.blocks[other, CHARS] = size, chars
    r.blocks[block, BYTES] -= size
    r.blocks[block, CHARS] -= chars
    r.blocks[block, BLOCK_CRC] = -1
    for position in range(r.registers[BLOCKS], index + 1, -1):
        r.order[position] = r.order[position - 1]
    r.order[index + 1] = other
    r.registers[BLOCKS] += 1
    if r.registers[SLOT] >= half:
        r.registers[INDEX] += 1
        r.registers[SLOT] -= half
        r.registers[BLOCK_START] += r.blocks[block, CHARS]


@inner
def _split_leaf(r: Rope) -> None:
    """What is after the gap becomes a leaf of its own, and the finger stays before it; with nothing
    after the gap the finger goes to a new, empty leaf."""
    if r.blocks[r.order[r.registers[INDEX]], COUNT] == FANOUT:
        _split_block(r)
    block, leaf = r.order[r.registers[INDEX]], r.registers[LEAF]
    other = new_leaf(r)
    slot = r.registers[SLOT] + 1
    for position in range(r.blocks[block, COUNT], slot, -1):
        r.children[block, position] = r.children[block, position - 1]
    r.children[block, slot] = other
    r.blocks[block, COUNT] += 1
    r.blocks[block, BLOCK_CRC] = -1
    tail = r.leaves[leaf, TAIL]
    if tail:
        copy(r.texts, (leaf + 1) * CAPACITY - tail, r.texts, (other + 1) * CAPACITY - tail, tail)
        r.leaves[other, TAIL], r.leaves[other, TAIL_CHARS] = tail, r.leaves[leaf, TAIL_CHARS]
        r.leaves[leaf, TAIL] = r.leaves[leaf, TAIL_CHARS] = 0
        changed(r.leaves, leaf)
    else:
        r.registers[START] += r.leaves[leaf, HEAD_CHARS]
        r.registers[SLOT], r.registers[LEAF] = slot, other
    r.registers[AROUND] = 0


@inner
def _point(r: Rope) -> None:
    r.registers[LEAF] = r.children[r.order[r.registers[INDEX]], r.registers[SLOT]]
    r.registers[AROUND] = 0


@inner
def _next_leaf(r: Rope) -> bool:
    """Moves the finger to the leaf after it; False: there is none."""
    index = r.registers[INDEX]
    block, leaf = r.order[index], r.registers[LEAF]
    if r.registers[SLOT] + 1 < r.blocks[block, COUNT]:
        r.registers[SLOT] += 1
    elif index + 1 < r.registers[BLOCKS]:
        r.registers[INDEX], r.registers[SLOT] = index + 1, 0
        r.registers[BLOCK_START] += r.blocks[block, CHARS]
    else:
        return False
    r.registers[START] += r.leaves[leaf, HEAD_CHARS] + r.leaves[leaf, TAIL_CHARS]
    _point(r)
    return True


@inner
def _remove_leaf(r: Rope) -> None:
    """Gives the finger's leaf, which is empty, back; the finger goes to the one after it, or else to the
    last one. The only leaf stays."""
    index, slot = r.registers[INDEX], r.registers[SLOT]
    block = r.order[index]
    if r.registers[BLOCKS] == 1 and r.blocks[block, COUNT] == 1:
        return
    give_back(r.registers, r.leaves, LEAF_FREE, r.registers[LEAF])
    r.blocks[block, COUNT] -= 1
    r.blocks[block, BLOCK_CRC] = -1
    for position in range(slot, r.blocks[block, COUNT]):
        r.children[block, position] = r.children[block, position + 1]
    if r.blocks[block, COUNT] == 0:
        give_back(r.registers, r.blocks, BLOCK_FREE, block)
        r.registers[BLOCKS] -= 1
        for position in range(index, r.registers[BLOCKS]):
            r.order[position] = r.order[position + 1]
    elif slot == r.blocks[block, COUNT]:
        index, slot = index + 1, 0
        r.registers[BLOCK_START] += r.blocks[block, CHARS]
    if index == r.registers[BLOCKS]:
        index -= 1
        block = r.order[index]
        slot = r.blocks[block, COUNT] - 1
        r.registers[BLOCK_START] -= r.blocks[block, CHARS]
        leaf = r.children[block, slot]
        r.registers[START] -= r.leaves[leaf, HEAD_CHARS] + r.leaves[leaf, TAIL_CHARS]
    r.registers[INDEX], r.registers[SLOT] = index, slot
    _point(r)


@inner
def find(
    leaves: Numbers, children: Numbers, blocks: Numbers, order: Numbers, registers: Numbers, position: Int
) -> None:
    """Moves the finger to a leaf that `position` is in or at an end of."""
    index, before = registers[INDEX], registers[BLOCK_START]
    while position < before:
        index -= 1
        before -= blocks[order[index], CHARS]
    while position > before + blocks[order[index], CHARS]:
        before += blocks[order[index], CHARS]
        index += 1
    registers[INDEX], registers[BLOCK_START] = index, before
    block, slot = order[index], 0
    while True:
        leaf = children[block, slot]
        behind = before + leaves[leaf, HEAD_CHARS] + leaves[leaf, TAIL_CHARS]
        if position <= behind:
            break
        before, slot = behind, slot + 1
    registers[SLOT], registers[START], registers[LEAF] = slot, before, leaf
    registers[AROUND] = 0


@inner
def _move_gap(r: Rope, leaf: Int, chars: Int) -> None:
    """By that number of code points, to the front if negative."""
    head = leaf * CAPACITY + r.leaves[leaf, HEAD]
    behind = (leaf + 1) * CAPACITY - r.leaves[leaf, TAIL]
    if chars > 0:
        size = size_forward(r.texts, behind, chars)
        copy(r.texts, behind, r.texts, head, size)
    else:
        size = -size_backward(r.texts, head, -chars)
        copy(r.texts, head + size, r.texts, behind + size, -size)
    r.leaves[leaf, HEAD] += size
    r.leaves[leaf, TAIL] -= size
    r.leaves[leaf, HEAD_CHARS] += chars
    r.leaves[leaf, TAIL_CHARS] -= chars


@inner
def _seek(r: Rope, position: Int) -> None:
    """Moves the finger, and the gap of its leaf, to `position`."""
    leaf = r.registers[LEAF]
    at = position - r.registers[START]
    if at < 0 or at > r.leaves[leaf, HEAD_CHARS] + r.leaves[leaf, TAIL_CHARS]:
        find(r.leaves, r.children, r.blocks, r.order, r.registers, position)
        leaf = r.registers[LEAF]
        at = position - r.registers[START]
    chars = at - r.leaves[leaf, HEAD_CHARS]
    if chars:
        _move_gap(r, leaf, chars)


@inner
def _next_has_room(r: Rope, size: Int) -> bool:
    block, slot = r.order[r.registers[INDEX]], r.registers[SLOT] + 1
    if slot >= r.blocks[block, COUNT]:
        return False
    leaf = r.children[block, slot]
    return r.leaves[leaf, HEAD] + r.leaves[leaf, TAIL] + size <= CAPACITY


@inner
def _make_room(r: Rope, position: Int, size: Int) -> None:
    """At `position`, where the gap is too small for `size` bytes: a gap for some of them at least."""
    leaf = r.registers[LEAF]
    tail = r.leaves[leaf, TAIL_CHARS]
    if tail == 0 and _next_has_room(r, size):
        _next_leaf(r)
        _seek(r, position)
    elif tail == 0 or size > CAPACITY // 2:
        _split_leaf(r)
    else:
        _move_gap(r, leaf, (tail - r.leaves[leaf, HEAD_CHARS]) // 2)
        _split_leaf(r)
        _seek(r, position)


@inner
def insert_bytes(r: Rope, position: Int, data: Bytes, at: Int, end: Int) -> Int:
    """Puts `data[at:end]` at `position`; returns its code points."""
    before = r.registers[LENGTH]
    _seek(r, position)
    while at < end:
        leaf = r.registers[LEAF]
        room = CAPACITY - r.leaves[leaf, HEAD] - r.leaves[leaf, TAIL]
        size = end - at
        if size > room:
            if room < CAPACITY // 2 and (r.leaves[leaf, TAIL] > 0 or room < 4 or size < CAPACITY // 2):
                _make_room(r, position, size)
                continue
            size = room
            while data[at + size] & 0xC0 == 0x80:
                size -= 1
        copy(data, at, r.texts, leaf * CAPACITY + r.leaves[leaf, HEAD], size)
        chars = code_points(data, at, size)
        r.leaves[leaf, HEAD] += size
        r.leaves[leaf, HEAD_CHARS] += chars
        _grow(r.leaves, r.blocks, r.order, r.registers, size, chars)
        at += size
        position += chars
    return r.registers[LENGTH] - before


@inner
def delete(r: Rope, position: Int, count: Int) -> None:
    _seek(r, position)
    while True:
        leaf = r.registers[LEAF]
        chars = min(count, r.leaves[leaf, TAIL_CHARS])
        if chars:
            size = size_forward(r.texts, (leaf + 1) * CAPACITY - r.leaves[leaf, TAIL], chars)
            r.leaves[leaf, TAIL] -= size
            r.leaves[leaf, TAIL_CHARS] -= chars
            _grow(r.leaves, r.blocks, r.order, r.registers, -size, -chars)
            count -= chars
        if r.leaves[leaf, HEAD] + r.leaves[leaf, TAIL] == 0:
            _remove_leaf(r)
        elif count:
            _next_leaf(r)
        if not count:
            return
        leaf = r.registers[LEAF]
        if r.leaves[leaf, HEAD_CHARS]:
            _move_gap(r, leaf, -r.leaves[leaf, HEAD_CHARS])


@compiled
def insert(r: Rope, position: Int, data: Bytes) -> None:
    """`data` is UTF-8 and there are leaves for it."""
    insert_bytes(r, position, data, 0, len(data))


@compiled
def needed(size: Int, ops: Int) -> Int:
    """Leaves that `ops` ops which insert `size` bytes in all may take at most."""
    return 4 + 4 * ops + size // (CAPACITY // 2)


@inner
def load(leaves: Numbers, registers: Numbers) -> tuple[Int, Int, Int, Int, Int, Int]:
    """The finger: where its leaf is in `texts`, how many code points are before it, bytes and code points
    before and after its gap."""
    leaf = registers[LEAF]
    return (
        leaf * CAPACITY,
        registers[START],
        leaves[leaf, HEAD],
        leaves[leaf, HEAD_CHARS],
        leaves[leaf, TAIL],
        leaves[leaf, TAIL_CHARS],
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
    leaf = registers[LEAF]
    size = head + tail - leaves[leaf, HEAD] - leaves[leaf, TAIL]
    chars = head_chars + tail_chars - leaves[leaf, HEAD_CHARS] - leaves[leaf, TAIL_CHARS]
    leaves[leaf, HEAD], leaves[leaf, HEAD_CHARS] = head, head_chars
    leaves[leaf, TAIL], leaves[leaf, TAIL_CHARS] = tail, tail_chars
    _grow(leaves, blocks, order, registers, size, chars)
