"""Removes projects from a recording, file by file: each is replaced as a whole.

The table of projects is the last: as long as a project is in it, its events may be there.

Tested by `tests/repair/erasure/test_forget.py`.
"""

from collections.abc import Collection, Iterator
from io import BytesIO
from typing import Any, cast

import fsspec
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from repair.errors import InputError
from repair.recording.layout import EVENTS_FOLDER, PARQUET, PROJECTS_FILE
from repair.store.atomic import write_whole

pc: Any = pyarrow.compute  # its functions are made at import, so that type checkers do not see them

PROJECT = "project_id"


def recorded_rows(uri: str, projects: Collection[str]) -> int:
    """The events of these projects in the recording at `uri`, and their records."""
    filesystem, root = _located(uri)
    return sum(_count(filesystem, path, projects) for path in _files(filesystem, root))


def remove_recorded(uri: str, projects: Collection[str]) -> None:
    """Removes the events of these projects, then their records."""
    filesystem, root = _located(uri)
    for path in _files(filesystem, root):
        if not _count(filesystem, path, projects):
            continue
        table = _read(filesystem, path)
        kept = table.filter(pc.invert(_own(table, projects)))
        sink = BytesIO()
        pq.write_table(kept, sink, **PARQUET)
        write_whole(filesystem, path, sink.getvalue())


def _located(uri: str) -> tuple[Any, str]:
    filesystem, root = fsspec.core.url_to_fs(uri, use_listings_cache=False)
    root = str(root).rstrip("/")
    if not filesystem.exists(f"{root}/{PROJECTS_FILE}"):
        raise InputError(f"{uri} is no recording: it has no {PROJECTS_FILE}; name the folder of one")
    return filesystem, root


def _files(filesystem: Any, root: str) -> Iterator[str]:
    folder = f"{root}/{EVENTS_FOLDER}"
    found = cast(list[str], filesystem.find(folder)) if filesystem.exists(folder) else []
    yield from sorted(path for path in found if path.endswith(".parquet"))
    yield f"{root}/{PROJECTS_FILE}"


def _count(filesystem: Any, path: str, projects: Collection[str]) -> int:
    return _own(_read(filesystem, path, [PROJECT]), projects).true_count


def _own(table: pa.Table, projects: Collection[str]) -> Any:
    found = pc.is_in(table.column(PROJECT).combine_chunks(), pa.array(list(projects), pa.string()))
    return pc.fill_null(found, False)


def _read(filesystem: Any, path: str, columns: list[str] | None = None) -> pa.Table:
    try:
        with filesystem.open(path, "rb") as handle:
            return pq.ParquetFile(handle).read(columns=columns)
    except pa.ArrowException as error:
        raise InputError(f"{path} is damaged or no part of a recording: {str(error)[:300]}") from None
