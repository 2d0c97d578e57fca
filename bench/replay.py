"""Replay of real editing histories, side by side with other engines.

    python bench/replay.py

Reads the editing traces under REPAIR_SHARED_DATA, else ../shared/data. The first line of each history is the
compiled replay, from Arrow columns to the last text, versions checked at each packet and the checksum of the
whole file at the end. Decoding the packets into those columns is a line of its own. The peers do the edits
alone: a bare numba loop (a gap buffer of code points that checks nothing), `bytearray` splicing with four
bytes per code point, loro, and pycrdt, of which the longest history gets only the beginning (the whole takes
minutes). All get the same positions, worked out beforehand, and all must reach the history's own end. The
engines take turns of three runs or 30 ms, so that what else the machine does meets all of them; medians are
shown.

PyPI's `automerge` (0.1.2) has no text type and is left out.
"""

import gzip
import importlib.util
import json
import os
import statistics
import tracemalloc
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numba
import numpy as np
import pyarrow as pa

from repair.ot.packets import Delete, Insert, Op, Packet, Skip, decode_packet, encode_packet
from repair.replay.compiled import texts_at_columns
from repair.replay.file import texts_at
from repair.replay.packet_columns import DELETE, INSERT, OPS, SKIP, ops_of_packets
from repair.replay.text_buffer import TextBuffer

DATA = Path(os.environ.get("REPAIR_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
TRACES = ("sveltecomponent", "friendsforever_flat", "json-crdt-patch", "automerge-paper")
LONG = 100_000  # patches, from which on pycrdt takes minutes
BEGINNING = 20_000  # patches of such a history that pycrdt gets
START = datetime(2024, 1, 1, tzinfo=UTC)
TICK = timedelta(milliseconds=1)
MOMENTS = 1000

Patch = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class History:
    start: str
    end: str
    patches: list[Patch]
    """In code points."""
    in_utf8: list[Patch]
    """The same in UTF-8 bytes, which pycrdt counts."""
    packets: list[Packet]
    wire: pa.Array
    ops: pa.RecordBatch
    edits: tuple[Any, ...]
    """Positions, deleted code points, where the inserted ones begin, and they themselves, as numbers."""


def history(name: str) -> History:
    trace = json.loads(gzip.decompress((DATA / "editing_traces" / f"{name}.json.gz").read_bytes()))
    patches = [tuple(patch) for transaction in trace["txns"] for patch in transaction["patches"]]
    text, in_utf8, packets = TextBuffer(trace["startContent"]), [], []
    ascii_only = trace["startContent"].isascii() and all(inserted.isascii() for _, _, inserted in patches)
    for version, (position, deleted, inserted) in enumerate(patches, 1):
        if ascii_only:
            in_utf8.append((position, deleted, inserted))
        else:
            now = text.text()
            removed = now[position : position + deleted]
            in_utf8.append((len(now[:position].encode()), len(removed.encode()), inserted))
        ops: list[Op] = [Skip(position)] if position else []
        if deleted:
            ops.append(Delete(deleted))
        if inserted:
            ops.append(Insert(inserted))
        text.apply(ops)
        packets.append(Packet(tuple(ops), text.crc32(), START + version * TICK, version))
    if zlib.crc32(trace["endContent"].encode()) != packets[-1].crc32:
        raise SystemExit(f"{name}: the packets do not lead to the history's end")
    wire = pa.array([encode_packet(packet) for packet in packets], pa.binary())
    lengths = np.cumsum([0, *(len(inserted) for _, _, inserted in patches)])
    edits = (
        np.array([position for position, _, _ in patches]),
        np.array([deleted for _, deleted, _ in patches]),
        lengths,
        np.frombuffer("".join(inserted for _, _, inserted in patches).encode("utf-32-le"), np.uint32),
    )
    return History(
        trace["startContent"],
        trace["endContent"],
        patches,
        in_utf8,
        packets,
        wire,
        ops_of_packets(wire),
        edits,
    )


def compiled(recorded: History, every_checksum: bool = False) -> str:
    last = START + len(recorded.patches) * TICK
    (text,) = texts_at_columns(
        recorded.ops, [last], recorded.start, base_version=0, every_checksum=every_checksum
    )
    return text


def plain(recorded: History) -> str:
    (text,) = texts_at(recorded.packets, [recorded.packets[-1].committed], recorded.start, base_version=0)
    return text


def decoded(recorded: History) -> str:
    ops_of_packets(recorded.wire)
    return recorded.end


def plainly_decoded(recorded: History) -> str:
    for data in recorded.wire.to_pylist():
        decode_packet(data)
    return recorded.end


@numba.njit
def gap_buffer(
    positions: Any, deleted: Any, offsets: Any, inserted: Any, before: Any, behind: Any, size: int
) -> int:
    """Leaves the text in `before`, where its first `size` code points are; returns how many it has."""
    head, tail, room = size, 0, len(behind)
    for edit in range(len(positions)):
        position = positions[edit]
        while head > position:
            head -= 1
            tail += 1
            behind[room - tail] = before[head]
        while head < position:
            before[head] = behind[room - tail]
            head += 1
            tail -= 1
        tail -= deleted[edit]
        for at in range(offsets[edit], offsets[edit + 1]):
            before[head] = inserted[at]
            head += 1
    for at in range(tail):
        before[head + at] = behind[room - tail + at]
    return head + tail


def bare(recorded: History) -> str:
    start = np.frombuffer(recorded.start.encode("utf-32-le"), np.uint32)
    room = len(start) + len(recorded.edits[3])
    before, behind = np.empty(room, np.uint32), np.empty(room, np.uint32)
    before[: len(start)] = start
    size = gap_buffer(*recorded.edits, before, behind, len(start))
    return str(before[:size].data, "utf-32-le")


def spliced(recorded: History) -> str:
    data = bytearray(recorded.start.encode("utf-32-le"))
    for position, deleted, inserted in recorded.patches:
        data[4 * position : 4 * (position + deleted)] = inserted.encode("utf-32-le")
    return data.decode("utf-32-le")


def by_loro(recorded: History) -> str:
    import loro

    text = loro.LoroDoc().get_text("text")
    text.insert(0, recorded.start)
    for position, deleted, inserted in recorded.patches:
        if deleted:
            text.delete(position, deleted)
        if inserted:
            text.insert(position, inserted)
    return text.to_string()


def by_pycrdt(recorded: History) -> str:
    import pycrdt

    document: Any = pycrdt.Doc()
    document["text"] = text = pycrdt.Text(recorded.start)
    count = len(recorded.patches) if len(recorded.patches) < LONG else BEGINNING
    with document.transaction():
        for position, deleted, inserted in recorded.in_utf8[:count]:
            if deleted:
                del text[position : position + deleted]
            if inserted:
                text.insert(position, inserted)
    if count == len(recorded.patches):
        return str(text)
    (expected,) = texts_at_columns(recorded.ops, [START + count * TICK], recorded.start)
    return recorded.end if str(text) == expected else ""


ENGINES: list[tuple[str, Callable[[History], str], str | None, int]] = [
    ("columns, compiled", compiled, None, 15),
    ("  and every checksum", partial(compiled, every_checksum=True), None, 9),
    ("plain, every checksum", plain, None, 1),
    ("a bare numba loop", bare, None, 15),
    ("bytearray", spliced, None, 5),
    ("loro", by_loro, "loro", 5),
    ("pycrdt", by_pycrdt, "pycrdt", 1),
    ("decoding into columns", decoded, None, 9),
    ("plain decoding", plainly_decoded, None, 1),
]


def timed(replay: Callable[[History], str], recorded: History) -> float:
    started = perf_counter()
    text = replay(recorded)
    taken = perf_counter() - started
    if text != recorded.end:
        raise SystemExit("an engine does not reach the history's end")
    return taken


def one_turn(replay: Callable[[History], str], recorded: History, runs: int) -> list[float]:
    """So many runs, or more until 30 ms are over: a quick engine is warm then as a slow one is."""
    taken = [timed(replay, recorded)]
    while len(taken) < runs or (runs > 1 and sum(taken) < 0.03):
        taken.append(timed(replay, recorded))
    return taken


def side_by_side(name: str, recorded: History) -> None:
    print(f"{name}: {len(recorded.patches):,} patches, {len(recorded.end):,} characters at the end")
    installed = [engine for engine in ENGINES if engine[2] is None or importlib.util.find_spec(engine[2])]
    taken: dict[str, list[float]] = {engine: [] for engine, *_ in installed}
    for engine, replay, _, _ in installed[:5]:
        if engine != "plain, every checksum":
            timed(replay, recorded)  # what is compiled or paged in once is not counted
    for turn in range(max(turns for *_, turns in installed)):
        for engine, replay, _, turns in installed:
            if turn < turns:
                taken[engine] += one_turn(replay, recorded, 1 if turns == 1 else 3)
    reference = statistics.median(taken["columns, compiled"])
    for engine, times in taken.items():
        middle = statistics.median(times)
        part = engine == "pycrdt" and len(recorded.patches) >= LONG
        note = f"  (the first {BEGINNING:,} patches only)" if part else ""
        print(f"  {engine:22} {1000 * middle:10.2f} ms  {middle / reference:8.1f} x the first line{note}")


def moments(recorded: History) -> None:
    """Many moments against the last one alone; what writing, making and keeping the strings costs is measured
    apart."""
    last = len(recorded.patches)
    every = [START + last * TICK * (part + 1) / MOMENTS for part in range(MOMENTS)]
    alone: list[float] = []
    many: list[float] = []
    making: list[float] = []
    for _ in range(9):
        alone.append(timed(compiled, recorded))
        started = perf_counter()
        texts = texts_at_columns(recorded.ops, every, recorded.start, base_version=0)
        many.append(perf_counter() - started)
        encoded = [np.frombuffer(text.encode(), np.uint8) for text in texts]
        row = np.empty(sum(map(len, encoded)), np.uint8)
        started = perf_counter()
        at = 0
        for text in encoded:
            row[at : at + len(text)] = text
            at += len(text)
        at, written, made = 0, row.data, []
        for text in encoded:
            made.append(str(written[at : at + len(text)], "utf-8"))
            at += len(text)
        making.append(perf_counter() - started)
    one, all_of_them, strings = (1000 * statistics.median(seconds) for seconds in (alone, many, making))
    print(
        f"  {MOMENTS:,} moments: {all_of_them:.2f} ms; the last one alone {one:.2f} ms, writing and making "
        f"their strings {strings:.2f} ms: {all_of_them / (2 * one + strings):.2f} x (twice the last + these)"
    )


def interleaved(recorded: History, copies: int) -> pa.RecordBatch:
    """`copies` of a document in one file, edited in turn: each packet is far from the one before it."""
    positions, deleted, offsets, _ = recorded.edits
    packets = len(positions) * copies
    lengths = np.cumsum(np.diff(offsets) - deleted)
    skips = positions[:, None] + np.arange(copies) * lengths[:, None]
    counts = np.stack([skips.ravel(), np.repeat(deleted, copies), np.zeros(packets, np.int64)], 1)
    texts = pa.array([inserted for _, _, inserted in recorded.patches])
    kinds = np.tile(np.array([SKIP, DELETE, INSERT], np.uint8), packets)
    rows = np.full((packets, 3), len(texts))
    rows[:, 2] = np.repeat(np.arange(len(texts)), copies)
    op = pa.StructArray.from_arrays(
        [
            pa.array(kinds),
            pa.array(counts.ravel().astype(np.uint32)),
            pa.concat_arrays([texts, pa.array([""])]).take(pa.array(rows.ravel())),
        ],
        fields=list(OPS.field("ops").type.value_field.type),
    )
    checksums = np.zeros(packets, np.uint32)
    checksums[-1] = zlib.crc32((recorded.end * copies).encode())
    return pa.RecordBatch.from_arrays(
        [
            pa.array([b""] * packets, pa.binary()),
            pa.array(np.ones(packets, np.bool_)),
            pa.array(np.arange(1, packets + 1).astype(np.uint32)),
            pa.array(checksums),
            pa.array(np.zeros(packets, np.uint8)),
            pa.array(np.zeros(packets, np.int64)).cast(OPS.field("committed").type),
            pa.ListArray.from_arrays(
                pa.array(np.arange(0, 3 * packets + 1, 3, dtype=np.int32)), op, type=OPS.field("ops").type
            ),
        ],
        schema=OPS,
    )


def growth(recorded: History) -> None:
    for copies in (1, 10, 100):
        ops = interleaved(recorded, copies)
        taken: list[float] = []
        for _ in range(3):
            started = perf_counter()
            (text,) = texts_at_columns(ops, [START])
            taken.append(perf_counter() - started)
            if text != recorded.end * copies:
                raise SystemExit("the copies do not reach their end")
        tracemalloc.start()
        texts_at_columns(ops, [START])
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        middle = statistics.median(taken)
        print(
            f"  {copies:3} copies, {ops.num_rows:9,} packets, {len(text):9,} characters: "
            f"{1000 * middle:8.1f} ms, {1e9 * middle / ops.num_rows:4.0f} ns a packet, "
            f"{peak / 2**20:5.1f} MiB at the most"
        )


def main() -> None:
    if not (DATA / "editing_traces").is_dir():
        print(f"no editing traces at {DATA}; set REPAIR_SHARED_DATA to a folder that holds them")
        return
    for name in TRACES:
        recorded = history(name)
        side_by_side(name, recorded)
        moments(recorded)
    print("Growth: copies of sveltecomponent in one file, edited in turn")
    growth(history(TRACES[0]))


if __name__ == "__main__":
    main()
