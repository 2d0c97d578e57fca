"""Audit log: which projects' rows a stage was about to read, for which purpose; append-only.

```
BASE/_audit/date=2026-01-05/<run>-<token>.parquet        by the day on which the run was at it
```

A stage writes one file before it reads: a run that fails later is on record, too. A project is known by the
SHA-256 of its id, so that the log outlives a project that is forgotten, and does not name it.

Tested by `tests/resources/test_stages.py`.
"""

import re
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from repair.errors import StoreError
from repair.schema.events import TIMESTAMP, Purpose, project_digest
from repair.store.atomic import write_whole
from repair.store.files import READ_ERRORS
from repair.store.manifest import DATA, Manifest
from repair.store.reader import PartitionStore

FOLDER = "_audit"
PROJECT = "project_id"
_RUN = re.compile(r"[^A-Za-z0-9]+")

PREPARATION = "preparation"
"""What any purpose needs: to find out what a row is worth."""
PURPOSES = {
    **dict.fromkeys(
        ("training_mixture", "checkpoint", "scaling_results", "preference_pairs"), Purpose.TRAINING
    ),
    **dict.fromkeys(("few_shot_examples", "teacher_program"), Purpose.SYNTHESIS),
    **dict.fromkeys(("workspace_benchmark", "predictions", "eval_results", "scorecard"), Purpose.EVALUATION),
}
"""What a stage reads rows for, if not for preparation."""

READS = pa.schema(
    [
        pa.field("at", TIMESTAMP, nullable=False),
        pa.field("run", pa.string(), nullable=False),
        pa.field("stage", pa.string(), nullable=False),  # asset[date|type]
        pa.field("purpose", pa.string(), nullable=False),  # of `Purpose`, or preparation
        pa.field("source", pa.string(), nullable=False),  # the partition that has the rows
        pa.field("project_sha256", pa.string(), nullable=False),
        pa.field("rows", pa.int64(), nullable=False),  # of the project in the source
    ]
)


def record_reads(
    store: PartitionStore,
    *,
    run: str,
    stage: str,
    purpose: str,
    sources: Mapping[str, Manifest],
    now: datetime | None = None,
) -> None:
    """Writes down what a stage is about to read: the rows of these partitions, by project."""
    at = now or datetime.now(UTC)
    rows = [
        {
            **{"at": at, "run": run, "stage": stage, "purpose": purpose, "source": source},
            **{"project_sha256": project_digest(project), "rows": count},
        }
        for source, manifest in sources.items()
        for project, count in _projects(store, manifest)
    ]
    if not rows:
        return
    filesystem, folder = store.locate(FOLDER, {"date": at.date().isoformat()})
    sink = BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=READS), sink, compression="zstd")
    name = f"{_RUN.sub('', run)[:36]}-{uuid.uuid4().hex[:16]}.parquet"
    write_whole(filesystem, f"{folder}/{name}", sink.getvalue())


def recorded_reads(store: PartitionStore, project_id: str | None = None) -> Iterable[dict[str, Any]]:
    """The rows of `READS` in the order of their days, of one project or of all. Raises StoreError."""
    filesystem, folder = store.locate(FOLDER, {})
    digest = None if project_id is None else project_digest(project_id)
    paths = cast(list[str], filesystem.find(folder)) if filesystem.exists(folder) else []
    for path in sorted(path for path in paths if path.endswith(".parquet")):
        try:
            with filesystem.open(path, "rb") as handle:
                rows = pq.ParquetFile(handle).read().to_pylist()
        except READ_ERRORS as error:
            raise StoreError(f"{path}, a part of the audit log, is damaged: {error}; move it away") from error
        yield from (row for row in rows if digest is None or row["project_sha256"] == digest)


def _projects(store: PartitionStore, manifest: Manifest) -> Iterable[tuple[str, int]]:
    """Rows by project of a partition's data; none, where its rows do not name projects."""
    data = next((stored for stored in manifest.files if stored.name == DATA and stored.rows), None)
    if data is None or PROJECT not in store.schema(manifest.asset, manifest.partition, data).names:
        return ()
    batches = store.read_file(
        manifest.asset, manifest.partition, data, [PROJECT], texts=False, batch_rows=1 << 16
    )
    counts = pa.Table.from_batches(batches).group_by(PROJECT).aggregate([([], "count_all")])
    found = counts.sort_by(PROJECT).to_pylist()
    return [(row[PROJECT], row["count_all"]) for row in found if row[PROJECT] is not None]
