"""Index of a day's events by project: row range and published codes, so that a stage reads what it needs."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute

from repair.schema.events import PROJECT_ROWS, EventKind

pc: Any = pyarrow.compute  # its functions are made at import, so that type checkers do not see them

PROJECTS_TABLE, PROJECT_ROWS_TABLE = "projects", "project_rows"
"""Tables of a day's `session_events`, beside its events."""

ROW_GROUP_BYTES = 4 << 20
"""Of a day's events. Some ten projects: whoever replays a few of them passes over the other groups."""

GAP_ROWS = 1 << 14
"""Rows of other projects that are read along: a row group is decoded as a whole, and these are about two."""


@dataclass(slots=True)
class RowRanges:
    """Where the rows of each project are in a table in which each project's are together."""

    ranges: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    codes: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    """Of the published diagnostics of each project."""
    _rows: int = 0

    def record(self, events: pa.RecordBatch) -> None:
        """The next rows of the table (`repair.schema.events.EVENTS`), all of one project."""
        if not events.num_rows:
            return
        project_id: str = events["project_id"][0].as_py()
        start, stop = self.ranges.get(project_id, (self._rows, self._rows))
        if stop != self._rows:
            raise ValueError(f"the rows of project {project_id!r} are not together in the table")
        self._rows += events.num_rows
        self.ranges[project_id] = (start, self._rows)
        publications = events.filter(pc.equal(events["kind"], EventKind.DIAGNOSTICS.value))
        codes = publications["diagnostics"].flatten().field("code").unique().to_pylist()
        self.codes.setdefault(project_id, set()).update(codes)

    def table(self) -> pa.Table:
        """Rows of `PROJECT_ROWS`."""
        rows = [
            {"project_id": project_id, "start": start, "stop": stop, "codes": sorted(self.codes[project_id])}
            for project_id, (start, stop) in self.ranges.items()
        ]
        return pa.Table.from_pylist(rows, schema=PROJECT_ROWS)

    @classmethod
    def of_table(cls, table: pa.Table) -> "RowRanges":
        """The inverse of `table`."""
        rows = table.to_pylist()
        return cls(
            {row["project_id"]: (row["start"], row["stop"]) for row in rows},
            {row["project_id"]: set(row["codes"]) for row in rows},
            max((row["stop"] for row in rows), default=0),
        )

    def publishing(self, wanted: Callable[[str], bool]) -> list[str]:
        """The projects with a published diagnostic whose code is wanted."""
        return [project_id for project_id, codes in self.codes.items() if any(map(wanted, codes))]

    def coalesce(self, project_ids: Iterable[str], most: int | None) -> Sequence[tuple[int, int]]:
        """Row ranges that hold the projects, each of them in one, with at most `GAP_ROWS` between two.

        A range has at most `most` rows unless one project has more.
        """
        found: list[tuple[int, int]] = []
        for start, stop in sorted(self.ranges[project_id] for project_id in project_ids):
            near = found and start - found[-1][1] <= GAP_ROWS
            if near and (most is None or stop - found[-1][0] <= most):
                found[-1] = (found[-1][0], stop)
            else:
                found.append((start, stop))
        return found
