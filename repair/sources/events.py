"""Importer of events in the published schema (`repair.schema.events`): Parquet or JSON Lines.

Rows may come in any order and from any number of files. External sort: they are first checked and staged in a
temporary folder, then read back for a few projects at a time and sorted, so that memory stays bounded
by the largest project.
"""

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from repair.errors import InputError
from repair.messages import shown
from repair.recording.event import Event, Project, event_batch, events_of
from repair.recording.validation import Problem, check_batch, readable
from repair.schema.events import EVENTS, PROJECTS
from repair.sources.report import CHUNK, Report
from repair.sources.rows import RowError, event_of, json_rows, project_of

pc: Any = pyarrow.compute  # makes its functions at import, so no checker knows them

SUFFIXES = (".parquet", ".jsonl")
NEEDED = ("project_id", "timestamp", "kind")
AT_ONCE = 128 << 20

STAGED = pa.schema([field.with_nullable(True) for field in EVENTS])
"""`EVENTS` with a nullable sequence."""


def projects_and_events(
    path: Path, *, projects: Path | None = None, report: Report, at_once: int = AT_ONCE
) -> Iterator[tuple[Project, Iterator[Event]]]:
    """The projects under `path` and their events, ordered by (`timestamp`, `sequence`).

    `path` is a file, a folder of files, or a recording; `projects` the table of projects (default:
    `projects.parquet` or `projects.jsonl` beside or in it). A row that can't be ordered (no project, no
    kind, no usable time, text that is not UTF-8) is left out and counted in `report`; any other bad row
    is counted and goes on, so that the stage `session_events` rejects it. Events of a project without
    a record are reported, and the project goes on with an empty record. `at_once`: bytes of the
    projects that are sorted in memory together.

    Raises InputError if a file is no such table.
    """
    known = {project.project_id: project for project in _projects(path, projects, report)}
    with tempfile.TemporaryDirectory(prefix="repair-import-") as folder:
        sizes = _stage(_event_files(path, projects, report), Path(folder), report)
        for name in sorted(sizes.keys() - known.keys()):
            report.add(
                Problem(
                    "unknown_project",
                    f"a record of project {shown(name)}",
                    "add it to the table of projects",
                    str(path),
                )
            )
        for names in _groups(sizes, at_once):
            table = _sorted(Path(folder), names)
            first = 0
            for count in pc.value_counts(table.column("project_id")).to_pylist():
                name, rows = count["values"], table.slice(first, count["counts"])
                first += rows.num_rows
                yield known.pop(name, Project(name)), _events(rows)
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
        for number, row in enumerate(_table(file, PROJECTS, ("project_id",)).to_pylist(), start=1):
            yield f"row {number}", Project(**row)
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


def _stage(files: list[Path], folder: Path, report: Report) -> dict[str, int]:
    """Write the usable rows as Parquet into `folder`; returns the bytes of each project."""
    sizes: Counter[str] = Counter()
    with pq.ParquetWriter(folder / "events.parquet", STAGED, compression="zstd") as writer:
        for file in files:
            batches = _parquet_batches(file) if file.suffix == ".parquet" else _json_batches(file, report)
            for locations, batch in batches:
                located = _usable_rows(batch, locations, str(file), report)
                if located.num_rows:
                    writer.write_batch(located.cast(STAGED))
                    counts = pc.value_counts(located.column("project_id")).to_pylist()
                    for count in counts:
                        sizes[count["values"]] += 1 + located.nbytes * count["counts"] // located.num_rows
    return sizes


def _usable_rows(batch: pa.RecordBatch, locations: list[str], source: str, report: Report) -> pa.RecordBatch:
    problems = check_batch(batch, now=report.now)
    _, unreadable = readable(batch)
    incomplete = pa.array([False] * batch.num_rows, pa.bool_())
    for name in NEEDED:
        incomplete = pc.or_(incomplete, pc.is_null(batch.column(name)))
    keep = pc.invert(incomplete).to_pylist()
    for row, problem in sorted(problems.items()):
        report.add(problem.at(source, locations[row]))
        if problem.reason == "bad_timestamp" or row in unreadable:
            keep[row] = False
    return batch.filter(pa.array(keep, pa.bool_()))


def _parquet_batches(file: Path) -> Iterator[tuple[list[str], pa.RecordBatch]]:
    _table_schema(file, EVENTS, NEEDED)
    first = 1
    for batch in ds.dataset(file, schema=STAGED, format="parquet").to_batches(batch_size=CHUNK):
        yield [f"row {first + row}" for row in range(batch.num_rows)], batch
        first += batch.num_rows


def _json_batches(file: Path, report: Report) -> Iterator[tuple[list[str], pa.RecordBatch]]:
    events = _json_events(file, report)
    while chunk := list(islice(events, CHUNK)):
        yield [location for location, _ in chunk], event_batch([event for _, event in chunk])


def _json_events(file: Path, report: Report) -> Iterator[tuple[str, Event]]:
    for location, row in json_rows(file, str(file), report.add):
        try:
            yield location, event_of(row)
        except RowError as error:
            report.add(error.problem.at(str(file), location))


def _table(file: Path, schema: pa.Schema, needed: Iterable[str]) -> pa.Table:
    _table_schema(file, schema, needed)
    return ds.dataset(file, schema=schema, format="parquet").to_table()


def _table_schema(file: Path, schema: pa.Schema, needed: Iterable[str]) -> None:
    """Raise InputError unless `file` is Parquet with `needed` and no columns but `schema`'s."""
    try:
        found = pq.read_schema(file)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{file} is not readable as Parquet: {error}") from None
    missing, unknown = set(needed) - set(found.names), set(found.names) - set(schema.names)
    if missing or unknown:
        raise InputError(
            f"{file} lacks the columns {sorted(missing)} and has {sorted(unknown)} too; "
            f"expected some of {', '.join(schema.names)}"
        )
    for field in found:
        wanted = schema.field(field.name).type
        if pa.types.is_timestamp(wanted) and (not pa.types.is_timestamp(field.type) or field.type.tz is None):
            raise InputError(f"{file}: {field.name} is {field.type}, expected a timestamp with a time zone")
        if not field.type.equals(wanted) and not _casts(field.type, wanted):
            raise InputError(f"{file}: {field.name} is {field.type}, expected {wanted}")


def _casts(found: pa.DataType, wanted: pa.DataType) -> bool:
    try:
        pa.array([], found).cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
        return False
    return True


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


def _events(rows: pa.Table) -> Iterator[Event]:
    for batch in rows.to_batches(max_chunksize=CHUNK):
        yield from events_of(batch)
