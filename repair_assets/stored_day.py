"""A day's stored events, read by project: the light columns that sampling needs, and tasks of whole projects.

Tested by `tests/code_location/test_graph.py`.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute

from repair.error_states.batches import by_project
from repair.error_states.episodes import COLUMNS, KINDS
from repair.execution.tasks import StoredRows
from repair.recording.row_ranges import PROJECT_ROWS_TABLE, PROJECTS_TABLE, RowRanges
from repair.schema.events import EventKind
from repair.store.manifest import Manifest, StoredFile
from repair.store.reader import PartitionStore
from resources.stages import Input

pc: Any = pyarrow.compute  # its functions are made at import, so that type checkers do not see them

# Projects are small, as a rule: thousands of events, which are replayed in less than a second.
EVENTS_PER_TASK = 50_000

LIGHT_ROWS = 1 << 13
"""Rows read at a time: never more than a row group's."""

SAMPLED_KINDS = pa.array(KINDS, pa.string())


@dataclass(frozen=True, slots=True)
class StoredDay:
    """The events of one partition of `session_events`: the file that is there now, whatever replaces it."""

    store: PartitionStore
    asset: str
    partition: dict[str, str]
    events: StoredFile
    ranges: RowRanges
    projects: Mapping[str, Mapping[str, Any]]
    """The record of each project, by its id."""

    @classmethod
    def of(cls, store: PartitionStore, day: Input, version: Manifest) -> "StoredDay":
        """The events of the partition `day`, in the version that a manifest names."""
        partition = day.key.segments()
        records = store.table(day.asset, partition, PROJECTS_TABLE, manifest=version).to_pylist()
        return cls(
            store=store,
            asset=day.asset,
            partition=partition,
            events=store.stored(day.asset, partition, manifest=version),
            ranges=RowRanges.of_table(
                store.table(day.asset, partition, PROJECT_ROWS_TABLE, manifest=version)
            ),
            projects={record["project_id"]: record for record in records},
        )

    def publishing(self, wanted: Callable[[str], bool]) -> Iterator[pa.Table]:
        """What sampling reads of each project with a published diagnostic whose code is wanted."""
        light = (
            batch
            for rows in self.ranges.coalesce(self.ranges.publishing(wanted), None)
            for batch in self.store.read_file(
                self.asset, self.partition, self.events, list(COLUMNS), rows=rows, batch_rows=LIGHT_ROWS
            )
        )
        for _, table in by_project(light):
            yield table.filter(pc.is_in(table["kind"], SAMPLED_KINDS))

    def showing_fixes(self) -> set[str]:
        """The projects in which a fix was shown."""
        kinds = (
            batch
            for rows in self.ranges.coalesce(self.projects, None)
            for batch in self.store.read_file(
                self.asset,
                self.partition,
                self.events,
                ["project_id", "kind"],
                rows=rows,
                batch_rows=LIGHT_ROWS,
            )
        )
        shown = (batch.filter(pc.equal(batch["kind"], EventKind.FIX_SHOWN.value)) for batch in kinds)
        return {name for batch in shown for name in batch["project_id"].unique().to_pylist()}

    def tasks(self, projects: Collection[str], rows_per_task: int | None) -> list[StoredRows]:
        """All events of these projects, cut between projects where the engine wants tasks at all."""
        most = None if rows_per_task is None else EVENTS_PER_TASK
        return [
            StoredRows(
                store=self.store,
                asset=self.asset,
                partition=self.partition,
                file=self.events,
                start=start,
                stop=stop,
                batch_rows=LIGHT_ROWS,
            )
            for start, stop in self.ranges.coalesce(projects, most)
        ]
