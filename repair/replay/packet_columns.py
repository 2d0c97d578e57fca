"""Protobuf decoder of OT packets into Arrow columns, without a Python object per packet or op.

Tested by `tests/repair/replay/test_compiled.py`.
"""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute

from repair.extras import extra
from repair.ot.packets import Author, Delete, Insert, Op, OTError, Packet, Skip, decode_packet, encode_packet
from repair.schema.events import TIMESTAMP

with extra("pipeline"):
    import numpy as np

pc: Any = pyarrow.compute  # its functions are made at import, so that type checkers do not see them

OP = pa.struct(
    [
        pa.field("kind", pa.uint8(), nullable=False),  # SKIP, DELETE or INSERT
        pa.field("count", pa.uint32(), nullable=False),  # code points to skip or delete
        pa.field("text", pa.string(), nullable=False),  # to insert
    ]
)
SKIP, DELETE, INSERT = 0, 1, 2
_KINDS: dict[type[Op], int] = {Skip: SKIP, Delete: DELETE, Insert: INSERT}

# One row per packet. A packet that does not decode has neither ops nor a time.
OPS = pa.schema(
    [
        pa.field("packet", pa.binary(), nullable=False),  # as recorded
        pa.field("decoded", pa.bool_(), nullable=False),
        pa.field("version", pa.uint32(), nullable=False),
        pa.field("crc32", pa.uint32(), nullable=False),
        pa.field("author", pa.uint8(), nullable=False),  # of `repair.ot.packets.Author`
        pa.field("committed", TIMESTAMP),
        pa.field("ops", pa.list_(pa.field("op", OP, nullable=False)), nullable=False),
    ]
)


def ops_of_packets(packets: pa.Array | pa.ChunkedArray) -> pa.RecordBatch:
    """The rows of OPS for packets in the wire format of `repair.ot.packets`, in their order.

    Where `decoded` is false `repair.ot.packets.decode_packet` says what is wrong with the packet. Null stands
    for an empty packet. Raises pa.ArrowInvalid for more than 2 GiB of packets: give them in parts.
    """
    recorded = _contiguous(packets)
    batch = _decoded(recorded)
    refused = np.flatnonzero(~batch.column("decoded").to_numpy(zero_copy_only=False))
    if not len(refused):
        return batch
    # Legal but unusual, such as a field that comes twice: encoded again they are plain.
    plain: list[bytes] = recorded.to_pylist()
    rewritten = 0
    for row in refused:
        try:
            plain[row] = encode_packet(decode_packet(plain[row]))
        except OTError:
            continue
        rewritten += 1
    if rewritten:
        batch = _decoded(pa.array(plain, pa.binary())).set_column(0, OPS.field(0), recorded)
    return batch


def columns_of(packets: Sequence[Packet]) -> pa.RecordBatch:
    """The same rows for packets that are decoded already, without the column `packet`."""
    kinds, counts, texts, offsets = bytearray(), list[int](), list[str](), [0]
    for packet in packets:
        for op in packet.ops:
            kinds.append(_KINDS[type(op)])
            counts.append(0 if isinstance(op, Insert) else op.count)
            texts.append(op.text if isinstance(op, Insert) else "")
        offsets.append(len(counts))
    op = pa.StructArray.from_arrays(
        [
            pa.array(np.frombuffer(kinds, np.uint8)),
            pa.array(counts, pa.uint32()),
            pa.array(texts, pa.string()),
        ],
        fields=list(OP),
    )
    ops_type: Any = OPS.field("ops").type
    return pa.RecordBatch.from_arrays(
        [
            pa.array(np.ones(len(packets), np.bool_)),
            pa.array([packet.version for packet in packets], pa.uint32()),
            pa.array([packet.crc32 for packet in packets], pa.uint32()),
            pa.array([packet.author.value for packet in packets], pa.uint8()),
            pa.array([packet.committed for packet in packets], TIMESTAMP),
            pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), op, type=ops_type),
        ],
        schema=pa.schema([field for field in OPS if field.name != "packet"]),
    )


def _contiguous(packets: pa.Array | pa.ChunkedArray) -> pa.Array:
    if isinstance(packets, pa.ChunkedArray):
        packets = pa.concat_arrays(packets.chunks) if packets.num_chunks else pa.array([], packets.type)
    return packets.cast(pa.binary()).fill_null(b"") if packets.null_count else packets.cast(pa.binary())


def _decoded(packets: pa.Array) -> pa.RecordBatch:
    from repair.replay.kernels import packets as native  # imports numba

    rows = len(packets)
    offsets, data = offsets_of(packets), bytes_of(packets)
    size = int(offsets[-1] - offsets[0])
    valid = np.empty(rows, np.bool_)
    numbers = np.empty((rows, 3), np.int64)
    committed = np.empty(rows, np.int64)
    op_offsets = np.empty(rows + 1, np.int32)
    # An op takes two bytes at least, and a text no more than its packet.
    kinds, counts = np.empty(size // 2, np.uint8), np.empty(size // 2, np.uint32)
    text_offsets, texts = np.empty(size // 2 + 1, np.int32), np.empty(size, np.uint8)
    ops, text_size = native.decode(
        data, offsets, valid, numbers, committed, op_offsets, kinds, counts, text_offsets, texts
    )
    inserted = pa.StringArray.from_buffers(
        ops, pa.py_buffer(text_offsets[: ops + 1].copy()), pa.py_buffer(texts[:text_size].copy())
    )
    op = pa.StructArray.from_arrays(
        [pa.array(kinds[:ops]), pa.array(counts[:ops]), inserted], fields=list(OP)
    )
    ops_type: Any = OPS.field("ops").type
    version, crc, author = (numbers[:, column] for column in range(3))
    return pa.RecordBatch.from_arrays(
        [
            packets,
            pa.array(valid),
            pa.array(version.astype(np.uint32)),
            pa.array(crc.astype(np.uint32)),
            pa.array(author.astype(np.uint8)),
            pa.array(committed, pa.int64(), mask=~valid).cast(TIMESTAMP),
            pa.ListArray.from_arrays(pa.array(op_offsets), op, type=ops_type),
        ],
        schema=OPS,
    )


def changing_packets(ops: pa.RecordBatch, author: Author) -> np.ndarray[Any, np.dtype[np.int64]]:
    """How many packets of `author` up to each one delete or insert something; the first element is 0."""
    theirs = ops.column("author").to_numpy() == author.value
    lists: Any = ops.column("ops")
    op: Any = lists.values
    deleted = (op.field("kind").to_numpy() == DELETE) & (op.field("count").to_numpy() > 0)
    changes = deleted | (np.diff(offsets_of(op.field("text"))) > 0)
    before = np.concatenate([[0], np.cumsum(changes)])[lists.offsets.to_numpy()]
    return np.concatenate([[0], np.cumsum(theirs & (np.diff(before) > 0))])


def lengths_after(ops: pa.RecordBatch, length: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The length of a file after each packet, in code points; before the first one it is `length`."""
    lists: Any = ops.column("ops")
    op: Any = lists.values
    deleted = np.where(op.field("kind").to_numpy() == DELETE, op.field("count").to_numpy(), 0)
    inserted = pc.utf8_length(op.field("text")).to_numpy()
    grown = np.concatenate([[0], np.cumsum(inserted - deleted.astype(np.int64))])
    return length + grown[lists.offsets.to_numpy()][1:]


def offsets_of(array: pa.Array) -> np.ndarray[Any, np.dtype[np.int32]]:
    """Where each of the binary values or strings begins in `bytes_of(array)`, and where the last one ends."""
    buffer = array.buffers()[1]
    if buffer is None:  # an empty array may come without
        return np.zeros(1, np.int32)
    return np.frombuffer(buffer, np.int32)[array.offset : array.offset + len(array) + 1]


def bytes_of(array: pa.Array) -> np.ndarray[Any, np.dtype[np.uint8]]:
    buffer = array.buffers()[2]
    data = np.frombuffer(b"" if buffer is None else buffer, np.uint8)
    data.flags.writeable = False  # one kind of array, so that the loops are compiled once
    return data
