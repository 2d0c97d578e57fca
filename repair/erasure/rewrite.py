"""Partitions without the rows of forgotten projects, marked to be made again.

A partition that is filtered keeps what it was made of in its manifest, but not its fingerprint: a run that is
asked for it makes it again, for rows of others may have been left out because of those that are gone (caps,
near-duplicates). What is frozen keeps its fingerprint: its other rows stay as they are.

Tested by `tests/repair/erasure/test_forget.py`.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from typing import Any

import pyarrow as pa
import pyarrow.compute

from repair.erasure.stored_rows import RowsOfProjects, read
from repair.recording.event_totals import EventTotals
from repair.recording.row_ranges import PROJECT_ROWS_TABLE, PROJECTS_TABLE, ROW_GROUP_BYTES, RowRanges
from repair.store.manifest import DATA, FORGOTTEN, MANIFEST, REJECTED, Manifest
from repair.store.reader import PartitionStore
from repair.store.writer import PartitionWriter

pc: Any = pyarrow.compute  # its functions are made at import, so that type checkers do not see them

EVENTS_ASSET = "session_events"


def without_rows(store: PartitionStore, manifest: Manifest, found: RowsOfProjects, count: int) -> None:
    """Replaces a partition by one without those rows, which are `count`; what is no table stays as it is."""
    with store.writer(manifest.asset, manifest.partition) as writer:
        extra = _without_mentions(manifest.extra, found.projects)
        extra[FORGOTTEN] = manifest.extra.get(FORGOTTEN, 0) + count
        if manifest.asset == EVENTS_ASSET:
            extra |= _write_events(store, manifest, found, writer)
        else:
            for stored in manifest.files:
                if stored.rows is None:
                    writer.keep(stored)
                    continue
                for batch in _kept(store, manifest, stored.name, found):
                    _write(writer, stored.name, batch)
        lost = manifest.rows_out - writer.rows(DATA) + sum(manifest.rejects.values()) - writer.rejected
        writer.commit(
            fingerprint=_fingerprint(manifest),
            inputs=manifest.inputs,
            versions=manifest.versions,
            rows_in=manifest.rows_in - lost,
            extra=extra,
            configuration=manifest.configuration,
            types=manifest.types,
            definitions=manifest.definitions,
        )


def remove(store: PartitionStore, manifest: Manifest) -> None:
    """Removes a partition: its manifest first, so that no reader meets half of it."""
    filesystem, folder = store.locate(manifest.asset, manifest.partition)
    for name in (MANIFEST, *(stored.file for stored in manifest.files)):
        with suppress(FileNotFoundError):
            filesystem.rm_file(f"{folder}/{name}")


def _fingerprint(manifest: Manifest) -> str:
    """One that no run asks for; that of a frozen partition, which no code decides, stays."""
    if not manifest.definitions or FORGOTTEN in manifest.extra:
        return manifest.fingerprint
    return hashlib.sha256(f"{FORGOTTEN} {manifest.fingerprint}".encode()).hexdigest()


def _kept(
    store: PartitionStore, manifest: Manifest, name: str, found: RowsOfProjects
) -> Iterator[pa.RecordBatch]:
    for batch in read(store, manifest, manifest.file(name)):
        yield batch.filter(pc.invert(found.mask(batch)))


def _write(writer: PartitionWriter, name: str, batch: pa.RecordBatch) -> None:
    if name == REJECTED:
        writer.write_rejects(batch)
    else:
        writer.write(name, batch)


def _write_events(
    store: PartitionStore, manifest: Manifest, found: RowsOfProjects, writer: PartitionWriter
) -> dict[str, Any]:
    """A day's events, whose rows have an index and totals."""
    ranges, totals = RowRanges(), EventTotals()
    for batch in _kept(store, manifest, DATA, found):
        writer.declare(batch.schema, row_group_bytes=ROW_GROUP_BYTES)
        writer.write(DATA, batch)
        for part in _of_one_project(batch):
            ranges.record(part)
        totals.add(batch)
    projects = 0
    for stored in manifest.files:
        if stored.name == PROJECT_ROWS_TABLE:
            writer.write(PROJECT_ROWS_TABLE, ranges.table())
        elif stored.name != DATA:
            for batch in _kept(store, manifest, stored.name, found):
                projects += batch.num_rows if stored.name == PROJECTS_TABLE else 0
                _write(writer, stored.name, batch)
    return {**totals.figures(), "projects": projects}


def _of_one_project(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    encoded = batch.column("project_id").dictionary_encode()
    ends = pc.run_end_encode(encoded.indices).run_ends.to_pylist() if batch.num_rows else []
    for start, end in zip([0, *ends], ends, strict=False):
        yield batch.slice(start, end - start)


def _without_mentions(value: Any, projects: Collection[str]) -> Any:
    """JSON without the strings of lists that begin with the project's name, such as `ada/main.py at ...`."""
    if isinstance(value, Mapping):
        return {key: _without_mentions(item, projects) for key, item in value.items()}
    if isinstance(value, list):
        return [
            _without_mentions(item, projects)
            for item in value
            if not (isinstance(item, str) and any(_mentions(item, project) for project in projects))
        ]
    return value


def _mentions(text: str, project: str) -> bool:
    return text == project or text.startswith(f"{project}/")
