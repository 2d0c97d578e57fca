"""Loader of a released benchmark: every file and row is checked before any is used.

Tested by `tests/repair/evaluation/release/test_release.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from repair.errors import InputError
from repair.evaluation.leetcode.functional import parsed
from repair.evaluation.release.manifest import SAMPLES, ReleaseManifest, read_files, read_manifest
from repair.evaluation.release.selection import RELEASE_SAMPLES
from repair.messages import shown
from repair.text.paths import path_fault

_MAY_BE_NULL = frozenset({"tests", "project_id", "verified_by"})


@dataclass(frozen=True, slots=True)
class Release:
    """A released benchmark; `samples` are rows of `RELEASE_SAMPLES`, in the order of their `sample_id`."""

    manifest: ReleaseManifest
    samples: Sequence[Mapping[str, Any]]


def load_release(folder: Path) -> Release:
    """Reads the release in `folder`.

    Raises:
        InputError: a file is not the one of the manifest, or a row is no sample of the benchmark.
    """
    manifest = read_manifest(folder)
    data = read_files(folder, manifest)
    file = folder / SAMPLES
    try:
        table = pq.ParquetFile(pa.BufferReader(data)).read(use_threads=False)
        if not table.schema.equals(RELEASE_SAMPLES):
            raise InputError(f"{file} has other columns than a release: expected {RELEASE_SAMPLES.names}")
        table.validate(full=True)
        rows: list[dict[str, Any]] = table.to_pylist()
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} can't be read as Parquet: {str(error)[:300]}") from error
    if len(rows) != manifest.samples:
        raise InputError(f"{file} has {len(rows)} rows, and the manifest says {manifest.samples}")
    seen: set[str] = set()
    for number, row in enumerate(rows):
        if fault := _fault(row, manifest.benchmark) or _repeated(row, seen):
            raise InputError(f"row {number} of {file}: {fault}")
    return Release(manifest, sorted(rows, key=lambda row: row["sample_id"]))


def _repeated(row: Mapping[str, Any], seen: set[str]) -> str | None:
    if row["sample_id"] in seen:
        return f"the sample_id {shown(row['sample_id'])} is that of an earlier row"
    seen.add(row["sample_id"])
    return None


def _fault(row: Mapping[str, Any], benchmark: str) -> str | None:
    """What is wrong with a row; None: it is a sample."""
    for name in RELEASE_SAMPLES.names:
        if row[name] is None and name not in _MAY_BE_NULL:
            return f"{name} is null"
    if row["benchmark"] != benchmark:
        return f"it is of the benchmark {shown(row['benchmark'])}, and the release of {shown(benchmark)}"
    for column in ("files", "target_files"):
        paths: set[str] = set()
        for file in row[column]:
            if file is None or file["path"] is None or file["text"] is None:
                return f"{column} has a null"
            if fault := path_fault(file["path"]):
                return f"{column} has the path {shown(file['path'])}: {fault}"
            if file["path"] in paths:
                return f"{column} has the path {shown(file['path'])} twice"
            paths.add(file["path"])
        if column == "files" and row["path"] not in paths:
            return f"the path {shown(row['path'])} is none of its files"
    if row["diagnostic"]["path"] != row["path"]:
        return f"the diagnostic is in {shown(row['diagnostic']['path'])}, the sample is {shown(row['path'])}"
    if row["tests"] is not None:
        try:
            if not parsed(row["tests"]).cases:
                return "tests has no case: any answer would pass"
        except InputError as error:
            return f"in tests, {error}"
    for diagnostic in (row["diagnostic"], *row["before"]):
        if diagnostic is None or None in diagnostic.values():
            return "a diagnostic has a null"
    return None
