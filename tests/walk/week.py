"""The recordings of the walk: the demo's days, the rest of their week with two faults, and yesterday."""

import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from repair.cli.imports import import_simulated
from repair.recording.layout import EVENTS_FOLDER, PROJECTS_FILE
from repair.schema.events import PROJECTS

FIRST, BROKEN, LOST, LAST = (f"2026-01-{day:02d}" for day in (7, 8, 9, 11))
"""Recorded after the demo's days: of `BROKEN` comes half a file, of `LOST` edits are missing."""


def record_more(home: Path) -> None:
    """The rest of the week, with a fault in two days of it; yesterday's day waits in a folder of its own."""
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    for name, first, days in (("week", date.fromisoformat(FIRST), 5), ("yesterday", yesterday, 1)):
        import_simulated(
            out=home / name, first_date=first, days=days, projects=6, seed=first.toordinal(), every_case=False
        )
    arrives(home, "week")
    lose_edits(file_of(home, LOST))


def arrives(home: Path, name: str) -> None:
    """Recorded days come to those that are there."""
    source, target = home / name, home / "recordings"
    for path in (source / EVENTS_FOLDER).glob("*/*.parquet"):
        folder = target / path.parent.relative_to(source)
        folder.mkdir(exist_ok=True)
        shutil.copy(path, folder / f"{name}.parquet")
    tables = [pq.read_table(folder / PROJECTS_FILE, schema=PROJECTS) for folder in (target, source)]
    pq.write_table(pa.concat_tables(tables), target / PROJECTS_FILE)


def file_of(home: Path, day: str) -> Path:
    return home / "recordings" / EVENTS_FOLDER / f"date={day}" / "week.parquet"


def lose_edits(path: Path) -> None:
    """The export lost the last edit of each file of two projects."""
    table = pq.read_table(path)
    rows = table.select(["project_id", "kind", "path"]).to_pylist()
    projects = sorted({row["project_id"] for row in rows if row["kind"] == "ot"})[:2]
    last = {
        (row["project_id"], row["path"]): index
        for index, row in enumerate(rows)
        if row["kind"] == "ot" and row["project_id"] in projects
    }
    kept = sorted(set(range(table.num_rows)) - set(last.values()))
    pq.write_table(table.take(kept), path)
