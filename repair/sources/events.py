"""Importer of events in the published schema (`repair.schema.events`): Parquet or JSON Lines.

Rows may come in any order and from any number of files. External sort: they are first checked and staged in a
temporary folder, then read back for a few projects at a time and sorted, so that memory stays bounded
by the largest project. Large values are staged in a file of their own, each once.
"""

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from repair.errors import InputError
from repair.messages import shown
from repair.recording.event import LARGEST_SEQUENCE, Event, Project, event_batch, events_of
from repair.recording.validation import Problem, check_batch, readable, rows_where
from repair.schema.events import EVENTS, PROJECTS
from repair.sources.large_values import LARGE, LargeValues
from repair.sources.parquet_rows import Located, bytes_of_rows, located_batches
from repair.sources.report import CHUNK, Report, chunks
from repair.sources.rows import RowError, event_of, json_rows, project_of

pc: Any = pyarrow.compute  # makes its functions at import, so no checker knows them

SUFFIXES = (".parquet", ".jsonl")
NEEDED = ("project_id", "timestamp", "kind")
AT_ONCE = 128 << 20

LARGEST_PROJECT = 1 << 30
"""Staged bytes of one project, which is sorted in memory; large values do not count."""

ROWS = pa.schema([field.with_nullable(True) for field in EVENTS])
"""`EVENTS` as a source may have them: the sequence may be null, and so may what a bad row lacks."""
_ENCODED: dict[str, Callable[[Any], bytes]] = {
    **dict.fromkeys(("packet", "content"), bytes),
    **{"payload": str.encode, "diagnostics": lambda rows: json.dumps(rows).encode()},
}
_LARGE_COLUMNS = tuple(_ENCODED)
_DECODED: dict[str, Callable[[bytes], Any]] = {
    **dict.fromkeys(("packet", "content"), bytes),
    **{"payload": bytes.decode, "diagnostics": json.loads},
}
STAGED = pa.schema([*ROWS, *(pa.field(f"{name}_at", pa.int64()) for name in _LARGE_COLUMNS)])
"""`ROWS`, and the numbers of those values that are among the large ones."""


def projects_and_events(
    path: Path, *, projects: Path | None = None, report: Report, at_once: int = AT_ONCE
) -> Iterator[tuple[Project, Iterator[Event]]]:
    """The projects under `path` and their events, ordered by (`timestamp`, `sequence`).

    `path` is a file, a folder of files, or a recording; `projects` the table of projects (default:
    `projects.parquet` or `projects.jsonl` beside or in it). A row that can't be ordered (no project, no
    kind, no usable time, text that is not UTF-8, a value that is too large) is left out and counted in
    `report`; any other bad row is counted and goes on, so that the stage `session_events` rejects it.
    Events of a project without a record are reported, and the project goes on with an empty record.
    `at_once`: bytes of the projects that are sorted in memory together.

    Raises InputError if a file is no such table.
    """
    known = {project.project_id: project for project in _projects(path, projects, report)}
    with (
        tempfile.TemporaryDirectory(prefix="repair-import-") as folder,
        LargeValues(Path(folder) / "large") as large,
    ):
        sizes = _stage(_event_files(path, projects, report), Path(folder), large, report)
        for name in sorted(sizes.keys() - known.keys()):
            report.add(
                Problem(
                    "unknown_project",
                    f"a record of project {shown(name)}",
                    "add it to the table of projects",
                    str(path),
                )
            )
        for name in [name for name, size in sizes.items() if size > LARGEST_PROJECT]:
            expected = f"a project of at most {LARGEST_PROJECT >> 20} MiB of events, not {shown(name)}"
            report.add(Problem("too_large", expected, "import it in parts", str(path)))
            del sizes[name]
        for names in _groups(sizes, at_once):
            table = _sorted(Path(folder), names)
            first = 0
            for count in pc.value_counts(table.column("project_id")).to_pylist():
                name, rows = count["values"], table.slice(first, count["counts"])
                first += rows.num_rows
                yield known.pop(name, Project(name)), _events(rows, large)
        for project in known.values():
            yield project, iter(())


def _projects(path: Path, given: Path | None, report: Report) -> Iterator[Project]:
    beside = path if path.is_dir() else path.parent
    tables = [given] if given else [beside / f"projects{suffix}" for suffix in reversed(SUFFIXES)]
    file = next((table for table in tables if table.is_file()), None)
    if file is None:
        raise InputError(f"no table of projects at {' or '.join(map(str, tables))}; give one with --projects")
    seen: set[str] = set()
    for location, project in _project_rows(file, report):
        if project.project_id in seen:
            report.add(
                Problem(
                    "malformed_event", "one record for each project", "keep the newest", str(file), location
                )
            )
            continue
        seen.add(project.project_id)
        yield project


def _project_rows(file: Path, report: Report) -> Iterator[tuple[str, Project]]:
    if file.suffix == ".parquet":
        schema = pa.schema([field.with_nullable(True) for field in PROJECTS])
        for locations, batch in _parquet_batches(file, schema, ("project_id",), report):
            sound, unreadable = readable(batch)
            for index, row in enumerate(sound.to_pylist()):
                if index in unreadable:
                    report.add(unreadable[index].at(str(file), locations[index]))
                elif not row["project_id"]:
                    problem = Problem("malformed_event", "a project with project_id", "name the project")
                    report.add(problem.at(str(file), locations[index]))
                else:
                    yield locations[index], Project(**row)
        return
    for location, row in json_rows(file, str(file), report.add):
        try:
            yield location, project_of(row)
        except RowError as error:
            report.add(error.problem.at(str(file), location))


def _event_files(path: Path, projects: Path | None, report: Report) -> list[Path]:
    if not path.exists():
        raise InputError(f"there is nothing at {path}; give a file or a folder of events")
    found = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES)
    reserved = {projects, *(path / f"projects{suffix}" for suffix in SUFFIXES)}
    files: list[Path] = []
    for file in found:
        if file != path and file.is_symlink():
            report.add(Problem("unsafe_path", "a plain file, not a symbolic link", "copy it in", str(file)))
        elif file not in reserved and file.is_file():
            files.append(file)
    if not files or files[0].suffix not in SUFFIXES:
        raise InputError(f"no {' or '.join(SUFFIXES)} file with events at {path}")
    return files


def _stage(files: list[Path], folder: Path, large: LargeValues, report: Report) -> dict[str, int]:
    """Write the usable rows as Parquet into `folder`; returns the bytes of each project."""
    sizes: Counter[str] = Counter()
    with pq.ParquetWriter(folder / "events.parquet", STAGED, compression="zstd") as writer:
        for file in files:
            for locations, batch in _batches(file, report):
                usable = _usable_rows(batch, locations, str(file), report)
                if usable.num_rows:
                    staged = _staged(usable, large)
                    writer.write_batch(staged)
                    counts = pc.value_counts(staged.column("project_id")).to_pylist()
                    for count in counts:
                        sizes[count["values"]] += 1 + staged.nbytes * count["counts"] // staged.num_rows
    return sizes


def _staged(batch: pa.RecordBatch, large: LargeValues) -> pa.RecordBatch:
    """`batch` in the schema `STAGED`: its large values are put into `large`."""
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    for name in _LARGE_COLUMNS:
        column = columns[name]
        is_large = pc.greater_equal(bytes_of_rows(column), LARGE)
        numbers: list[int | None] = [None] * batch.num_rows
        for row in rows_where(is_large):
            numbers[row] = large.put(_ENCODED[name](column[row].as_py()))
        columns[name] = pc.if_else(is_large, pa.scalar(None, column.type), column)
        columns[f"{name}_at"] = pa.array(numbers, pa.int64())
    return pa.RecordBatch.from_arrays([columns[name] for name in STAGED.names], schema=STAGED)


def _usable_rows(batch: pa.RecordBatch, locations: list[str], source: str, report: Report) -> pa.RecordBatch:
    problems = check_batch(batch, now=report.now)
    _, unreadable = readable(batch)
    incomplete = pa.array([False] * batch.num_rows, pa.bool_())
    for name in NEEDED:
        incomplete = pc.or_(incomplete, pc.is_null(batch.column(name)))
    keep = pc.invert(incomplete).to_pylist()
    unnumbered = _without_place(batch)
    for row, problem in sorted({**problems, **unnumbered}.items()):
        report.add(problem.at(source, locations[row]))
        if problem.reason in ("bad_timestamp", "too_large") or row in unreadable or row in unnumbered:
            keep[row] = False
    return batch.filter(pa.array(keep, pa.bool_()))


def _without_place(batch: pa.RecordBatch) -> dict[int, Problem]:
    """The rows whose sequence leaves no room for the numbers of those after them."""
    sequences = batch.column("sequence")
    outside = pc.or_(pc.less(sequences, 0), pc.greater(sequences, LARGEST_SEQUENCE))
    expected = f"a sequence from 0 to {LARGEST_SEQUENCE}"
    problem = Problem("malformed_event", expected, "number the events of a project from 0")
    return dict.fromkeys(rows_where(pc.fill_null(outside, False)), problem)


def _batches(file: Path, report: Report) -> Located:
    if file.suffix == ".parquet":
        yield from _parquet_batches(file, ROWS, NEEDED, report)
        return
    for chunk in chunks(_json_events(file, report)):
        yield [location for location, _ in chunk], event_batch([event for _, event in chunk])


def _parquet_batches(file: Path, schema: pa.Schema, needed: tuple[str, ...], report: Report) -> Located:
    def add(location: str, problem: Problem) -> None:
        report.add(problem.at(str(file), location))

    return located_batches(file, schema, needed, add)


def _json_events(file: Path, report: Report) -> Iterator[tuple[str, Event]]:
    for location, row in json_rows(file, str(file), report.add):
        try:
            yield location, event_of(row)
        except RowError as error:
            report.add(error.problem.at(str(file), location))


def _groups(sizes: dict[str, int], at_once: int) -> Iterator[list[str]]:
    """Group the names, in order, so that a group has at most `at_once` bytes."""
    group: list[str] = []
    group_bytes = 0
    for name in sorted(sizes):
        if group and group_bytes + sizes[name] > at_once:
            yield group
            group, group_bytes = [], 0
        group.append(name)
        group_bytes += sizes[name]
    if group:
        yield group


def _sorted(folder: Path, names: list[str]) -> pa.Table:
    dataset = ds.dataset(folder / "events.parquet", schema=STAGED, format="parquet")
    table = dataset.to_table(filter=ds.field("project_id").isin(pa.array(names, pa.string())))
    order = [(name, "ascending") for name in ("project_id", "timestamp", "sequence")]
    return table.take(pc.sort_indices(table, sort_keys=order))


def _events(rows: pa.Table, large: LargeValues) -> Iterator[Event]:
    for batch in rows.to_batches(max_chunksize=CHUNK):
        columns = [batch.column(f"{name}_at").to_pylist() for name in _LARGE_COLUMNS]
        for event, *numbers in zip(events_of(batch), *columns, strict=True):
            found: dict[str, Any] = {
                name: large.get(number, _DECODED[name])
                for name, number in zip(_LARGE_COLUMNS, numbers, strict=True)
                if number is not None
            }
            yield replace(event, **found) if found else event
