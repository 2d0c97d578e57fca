"""The episodes of the diagnostics that were published: from first seen to gone.

An *episode* is one diagnostic of a file (its code, its message, its ordinal among equal ones of the
publication, in order of position) from the first publication of the file that holds it to the first
later one without it. A publication is *settled* if the project's last edit before it and the first
one after it lie far enough apart. All of it works on columns, a number for each publication.

Tested by `tests/repair/error_states/test_sampling.py`.
"""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute

from repair.errors import ConfigurationError
from repair.extras import extra
from repair.schema.events import EventKind
from repair.schema.stages import SAMPLED_EPISODES, extended

with extra("pipeline"):
    import numpy as np
    import numpy.typing as npt

pc: Any = pyarrow.compute  # its functions are made at import, so that type checkers do not see them

COLUMNS = ("project_id", "session_id", "timestamp", "sequence", "kind", "path", "diagnostics")
"""The columns of `repair.schema.events.EVENTS` that sampling reads."""

KINDS = (EventKind.DIAGNOSTICS, EventKind.OT, EventKind.FILE)
"""The events that it reads."""

# `settled`: a settled publication exists, and the row shows it; else the row shows the first one.
EPISODES = extended(
    SAMPLED_EPISODES,
    pa.field("ordinal", pa.int64()),
    pa.field("settled", pa.bool_()),
    pa.field("id_bits", pa.uint64()),
)

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def episodes(events: pa.Table, *, wanted: Callable[[str], bool], settle_seconds: float) -> pa.Table:
    """The episodes of all diagnostics whose code is `wanted`, one row of `EPISODES` each.

    `events` has the `COLUMNS` of whole projects, in any order.
    """
    line = Timeline(events)
    shown = Published(line, wanted)
    if len(shown.publication) == 0:
        return EPISODES.empty_table()
    ordinal = _ordinals(shown)

    # Each episode is a run of neighbours once equal diagnostics are sorted together in order of publication.
    index = line.index_in_file[shown.publication]
    order = np.lexsort((index, ordinal, shown.message, shown.code, line.file[shown.publication]))
    publication, index = shown.publication[order], index[order]
    same = _equal_to_previous(line.file[publication], shown.code[order], shown.message[order], ordinal[order])
    same[1:] &= index[1:] == index[:-1] + 1
    starts = np.flatnonzero(~same)
    ends = np.append(starts[1:], len(order)) - 1

    settled = line.settled(settle_seconds)[publication]
    never = len(order)
    settled_at = np.minimum.reduceat(np.where(settled, np.arange(never), never), starts)
    has_settled = settled_at < never
    chosen = np.where(has_settled, settled_at, starts)

    rows = line.events.take(line.row[publication[chosen]])
    first_seen = line.timestamp[publication[starts]]
    recorded = shown.diagnostics.take(pa.array(order[chosen]))
    ids, bits = _ids(rows, recorded, first_seen, ordinal[order[starts]])
    table = pa.table(
        {
            "diagnostic_id": ids,
            "project_id": rows["project_id"],
            "session_id": rows["session_id"],
            "path": rows["path"],
            "moment": rows["timestamp"],
            "sequence": rows["sequence"],
            "first_seen": pa.array(first_seen).cast(EPISODES.field("first_seen").type),
            "gone": line.next_publication(publication[ends]).cast(EPISODES.field("gone").type),
            "publications": ends - starts + 1,
            "recorded": recorded,
            "ordinal": ordinal[order[starts]],
            "settled": has_settled,
            "id_bits": bits,
        },
        schema=EPISODES,
    )
    return _one_for_each_id(table)


class Timeline:
    """The publications and edits of whole projects, in order, as arrays.

    One element for each publication: `row` among `events`, `file` (a number for project and path),
    `index_in_file` among the publications of that file, `timestamp` in microseconds UTC.
    """

    def __init__(self, events: pa.Table) -> None:
        self.events = events.select(COLUMNS)
        # What is taken and compared many times is one chunk; the diagnostics are flattened chunk by chunk.
        light = self.events.select(["project_id", "timestamp", "sequence", "kind", "path"]).combine_chunks()
        keys = [(name, "ascending") for name in ("project_id", "timestamp", "sequence")]
        order = to_numpy(pc.sort_indices(light, sort_keys=keys)).astype(np.int64)
        kind = light["kind"]
        project = numbers_of(light["project_id"])[order]
        timestamp = to_numpy(light["timestamp"].cast(pa.int64()))[order]
        edits = np.flatnonzero(
            to_numpy(pc.is_in(kind, pa.array([EventKind.OT, EventKind.FILE], pa.string())))[order]
        )
        shown = np.flatnonzero(to_numpy(pc.equal(kind, EventKind.DIAGNOSTICS))[order])
        self.row: Ints = order[shown]
        self.timestamp: Ints = timestamp[shown]
        paths = numbers_of(light["path"])[self.row]
        _, self.file = np.unique(project[shown] * (paths.max(initial=0) + 1) + paths, return_inverse=True)
        self._by_file: Ints = np.argsort(self.file, kind="stable")
        self._first: Ints = np.searchsorted(
            self.file[self._by_file], np.arange(self.file.max(initial=-1) + 2)
        )
        self.index_in_file: Ints = np.empty_like(self.row)
        self.index_in_file[self._by_file] = np.arange(len(shown)) - self._first[self.file[self._by_file]]
        self._gap = _gaps_around(shown, edits, project, timestamp)

    def settled(self, seconds: float) -> Bools:
        """For each publication, whether the edits around it lie at least so far apart."""
        return self._gap >= round(seconds * 1_000_000)

    def next_publication(self, publications: Ints) -> pa.Array:
        """The time of the same file's next publication, in microseconds; null: there is none."""
        file, index = self.file[publications], self.index_in_file[publications] + 1
        at = self._first[file] + index
        missing = at >= self._first[file + 1]
        times = self.timestamp[self._by_file[np.where(missing, 0, at)]]
        return pa.array(times, mask=missing)


def _gaps_around(shown: Ints, edits: Ints, project: Ints, timestamp: Ints) -> Ints:
    """Microseconds between the project's last edit before and its first after each publication.

    Where there is none on a side, nothing disturbed the state: the gap has no end.
    """
    if len(edits) == 0:
        return np.full(len(shown), np.iinfo(np.int64).max)
    after = np.searchsorted(edits, shown)
    last, following = edits[np.maximum(after - 1, 0)], edits[np.minimum(after, len(edits) - 1)]
    has_last = (after > 0) & (project[last] == project[shown])
    has_next = (after < len(edits)) & (project[following] == project[shown])
    return np.where(has_last & has_next, timestamp[following] - timestamp[last], np.iinfo(np.int64).max)


class Published:
    """The wanted diagnostics of all publications, as arrays.

    `publication` is the number of the publication in the timeline; `code` and `message` are numbers
    that tell distinct ones apart.
    """

    def __init__(self, line: Timeline, wanted: Callable[[str], bool]) -> None:
        lists = line.events["diagnostics"].take(pa.array(line.row)).combine_chunks()
        if isinstance(lists, pa.ChunkedArray):
            raise ConfigurationError(
                "a chunk of events holds more than 2 GiB of diagnostics; use smaller tables"
            )
        flat = lists.flatten()
        codes = pc.struct_field(flat, "code").dictionary_encode()
        mask = np.array([wanted(code) for code in codes.dictionary.to_pylist()], dtype=bool)
        numbers = to_numpy(codes.indices).astype(np.int64)
        keep = np.flatnonzero(mask[numbers]) if len(numbers) else numbers
        self.diagnostics: pa.Array = flat.take(pa.array(keep))
        self.publication: Ints = to_numpy(pc.list_parent_indices(lists)).astype(np.int64)[keep]
        self.code: Ints = numbers[keep]
        self.message: Ints = numbers_of(pc.struct_field(self.diagnostics, "message"))


def _ordinals(shown: Published) -> Ints:
    """The number of equal diagnostics before each one in its publication, in order of position."""
    positions = [
        to_numpy(pc.struct_field(shown.diagnostics, name))
        for name in ("end_character", "end_line", "start_character", "start_line")
    ]
    order = np.lexsort((*positions, shown.message, shown.code, shown.publication))
    same = _equal_to_previous(shown.publication[order], shown.code[order], shown.message[order])
    at = np.arange(len(order))
    ordinal = np.empty(len(order), np.int64)
    ordinal[order] = at - np.maximum.accumulate(np.where(same, 0, at))
    return ordinal


def _ids(rows: pa.Table, recorded: pa.Array, first_seen: Ints, ordinal: Ints) -> tuple[pa.Array, pa.Array]:
    """The ids of episodes, and their first 64 bits as numbers."""
    digests = [
        hashlib.sha256(json.dumps(parts).encode()).digest()
        for parts in zip(
            rows["project_id"].to_pylist(),
            rows["path"].to_pylist(),
            pc.struct_field(recorded, "code").to_pylist(),
            pc.struct_field(recorded, "message").to_pylist(),
            first_seen.tolist(),
            ordinal.tolist(),
            strict=True,
        )
    ]
    bits = np.array([int.from_bytes(digest[:8], "big") for digest in digests], np.uint64)
    return pa.array([digest[:16].hex() for digest in digests]), pa.array(bits)


def _one_for_each_id(table: pa.Table) -> pa.Table:
    """Episodes of one diagnostic that begin in the same microsecond are one: they share their id."""
    bits = to_numpy(table["id_bits"])
    _, first, inverse = np.unique(bits, return_index=True, return_inverse=True)
    if len(first) == len(bits):
        return table
    publications = np.zeros(len(first), np.int64)
    np.add.at(publications, inverse, to_numpy(table["publications"]))
    column = table.schema.get_field_index("publications")
    return table.take(pa.array(first)).set_column(column, "publications", pa.array(publications))


def _equal_to_previous(*columns: Ints) -> Bools:
    """For each element, whether all columns repeat the one before it."""
    same = np.ones(len(columns[0]), bool)
    same[:1] = False
    for column in columns:
        same[1:] &= column[1:] == column[:-1]
    return same


def numbers_of(array: Any) -> Ints:
    """A number for each distinct value, null included."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    return to_numpy(array.dictionary_encode(null_encoding="encode").indices).astype(np.int64)


def to_numpy(array: Any) -> Any:
    return array.to_numpy(zero_copy_only=False) if isinstance(array, pa.Array) else array.to_numpy()
