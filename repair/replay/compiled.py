"""Compiled OT replay of one file: packets in Arrow columns applied to a rope.

The same as `repair.replay.file`, many times faster on a long history. A packet that it does not accept is
applied once more by plain replay, which names what is wrong.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, NoReturn

import pyarrow as pa

from repair.extras import extra
from repair.ot.packets import BadUTF8, Packet, decode_packet
from repair.replay import file
from repair.replay.packet_columns import bytes_of, offsets_of

with extra("pipeline"):
    import numpy as np
    import numpy.typing as npt

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_LEAST_OUTPUT = 1 << 20  # bytes: the texts of several moments are made in one go
_FIRST_ROOM = 1 << 18  # bytes that may be inserted before the rope is enlarged

_Int64s = npt.NDArray[np.int64]


class Refused(NamedTuple):
    """A packet does not decode, follow or apply, or the checksum after it differs."""

    packet: int
    """Its index."""


def texts_at_columns(
    ops: pa.RecordBatch,
    moments: Sequence[datetime],
    base: str = "",
    *,
    base_version: int | None = None,
    every_checksum: bool = False,
    packets: Sequence[Packet] | None = None,
) -> list[str]:
    """The text of a file at each of `moments`, which may come in any order.

    `ops` (`repair.replay.packet_columns.OPS`) are the file's packets, in the order of their versions; the
    rest is as in `repair.replay.file.texts_at`. Versions are checked at every packet up to the last moment,
    the CRC-32 of the whole file at every moment, or with `every_checksum` at every packet too. A packet that
    does not decode is met where those before it count. `packets`: those that `ops` are made of, if they are
    not in it.

    Raises what `repair.replay.file.texts_at` does, and what `repair.ot.packets.decode_packet` does.
    """
    counts = _counts(ops, moments)
    stops = np.unique(counts)
    texts = replayed(ops, stops, base, base_version, every_checksum=every_checksum)
    if isinstance(texts, Refused) and not every_checksum:  # a checksum before this one may differ already
        texts = replayed(ops, stops, base, base_version, every_checksum=True)
    if isinstance(texts, Refused):
        _name_fault(ops, texts.packet, base, base_version, packets)
    at = dict(zip(stops.tolist(), texts, strict=True))
    return [at[count] for count in counts.tolist()]


def _counts(ops: pa.RecordBatch, moments: Sequence[datetime]) -> _Int64s:
    """How many packets count at each moment."""
    since = pa.array([moment - _EPOCH for moment in moments], pa.duration("us"))
    wanted = since.view(pa.int64()).to_numpy()
    times = ops.column("committed").view(pa.int64()).fill_null(0).to_numpy()
    refused = _first_refused(ops)
    if refused < len(times):
        times = times.copy()
        times[refused] = np.iinfo(np.int64).min  # its time is not known: met as soon as those before it count
    if not (times[1:] >= times[:-1]).all():
        times = np.maximum.accumulate(times)
    return np.searchsorted(times, wanted, "right")


def _name_fault(
    ops: pa.RecordBatch, index: int, base: str, base_version: int | None, packets: Sequence[Packet] | None
) -> NoReturn:
    """Raises what plain replay raises for the packet that was refused."""
    before = replayed(ops, np.array([index]), base, base_version, every_checksum=True)
    version = ops.column("version")[index - 1].as_py() if index else base_version
    packet = packets[index] if packets else decode_packet(ops.column("packet")[index].as_py())
    if not isinstance(before, Refused):
        file.apply_next(file.FileReplay(before[0], version), packet, index, ops.num_rows)
    raise AssertionError(f"compiled replay refuses packet {index}, which plain replay accepts")


def replayed(
    ops: pa.RecordBatch,
    stops: _Int64s,
    base: str,
    base_version: int | None,
    *,
    every_checksum: bool,
) -> list[str] | Refused:
    """The text after each of the `stops`, numbers of packets that rise, or the first packet that is refused.

    Raises BadUTF8 for a base with a lone surrogate.
    """
    from repair.replay.kernels import replay as native  # imports numba
    from repair.replay.kernels import rope as ropes
    from repair.replay.kernels import rope_layout as layout

    try:
        start = np.frombuffer(base.encode(), np.uint8)
    except UnicodeEncodeError as error:
        raise BadUTF8(f"code point {error.start} of the text is a lone surrogate") from None
    columns = _columns(ops)
    rope = layout.rope(int(ropes.needed(len(start) + min(len(columns.texts), _FIRST_ROOM), 64)))
    ropes.insert(rope, 0, start)
    native.begin(rope, -1 if base_version is None else base_version)
    texts: list[str] = []
    ends = np.zeros(len(stops), np.int64)
    output = np.empty(_LEAST_OUTPUT, np.uint8)
    while True:
        outcome = native.replay(rope, columns, stops, every_checksum, output, ends)
        if outcome == native.FAULT:
            return Refused(int(rope.registers[layout.PACKET]))
        if outcome == native.LEAVES_FULL:
            rope = layout.enlarged(rope)
            continue
        begin, written = 0, output.data
        for end in ends[len(texts) : rope.registers[layout.STOP]].tolist():
            texts.append(str(written[begin:end], "utf-8"))
            begin = end
        if outcome == native.DONE:
            return texts
        if not begin:
            output = np.empty(2 * int(rope.registers[layout.SIZE]), np.uint8)
        native.emptied(rope)


def _columns(ops: pa.RecordBatch) -> Any:
    from repair.replay.kernels.replay import Ops

    lists: Any = ops.column("ops")
    op: Any = lists.values
    kinds, counts, texts = (op.field(name) for name in ("kind", "count", "text"))
    return Ops(
        refused=_first_refused(ops),
        versions=_frozen(ops.column("version").to_numpy()),
        crcs=_frozen(ops.column("crc32").to_numpy()),
        offsets=_frozen(lists.offsets.to_numpy()),
        kinds=_frozen(kinds.to_numpy()),
        counts=_frozen(counts.to_numpy()),
        text_offsets=_frozen(offsets_of(texts)),
        texts=bytes_of(texts),
    )


def _frozen(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    array.flags.writeable = False  # one kind of array, so that the loops are compiled once
    return array


def _first_refused(ops: pa.RecordBatch) -> int:
    decoded: Any = ops.column("decoded")
    return len(decoded) if decoded.true_count == len(decoded) else decoded.index(pa.scalar(False)).as_py()
