"""From recorded events to error states: events a second through validation, sampling and replay.

    python bench/events.py [--recording DIR] [--projects 24]

Two recordings. One is of simulated projects: `--recording`, as `repair import simulated --projects 24
--out DIR` makes it, else `--projects` of one day, made here. The other is of real histories: the editing
traces under REPAIR_SHARED_DATA (else ../shared/data), each a project of one long file, written as a folder of
OT packets and imported as `repair import ot` does, with a pause and a published diagnostic after every
`TYPED` edits.

Each partition of `session_events` and `error_states` is made in a process of its own, as in the asset graph,
by the functions of both assets: no Dagster and no language servers. The time is the processor's, from the
first row that is read to the commit, so what a process loads on the way counts. Shown is the median of
`--runs`.
"""

import argparse
import gzip
import hashlib
import json
import multiprocessing
import os
import statistics
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any

from partitions.dates import window
from partitions.keys import Key
from repair.diagnostics.types import known_types, partition_of
from repair.error_states.batches import SnapshotTotals, replay_projects
from repair.error_states.sampling import SamplingSettings, sample_partition
from repair.ot.packets import Delete, Insert, Op, Packet, Skip, encode_packet
from repair.recording.event_totals import EventTotals
from repair.recording.reader import Recording
from repair.recording.row_ranges import PROJECT_ROWS_TABLE, PROJECTS_TABLE, ROW_GROUP_BYTES, RowRanges
from repair.recording.session_events import session_events
from repair.replay.text_buffer import TextBuffer
from repair.schema.events import EVENTS, PROJECTS
from repair.schema.outcomes import split_outcomes
from repair.sources import ot
from repair.sources.importing import write_recording
from repair.sources.report import Report
from repair.store.reader import PartitionStore
from repair_assets.stored_day import StoredDay
from resources.stages import Input

DATA = Path(os.environ.get("REPAIR_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
TRACES = ("sveltecomponent", "friendsforever_flat", "json-crdt-patch", "automerge-paper")
START = datetime(2026, 1, 5, 1, tzinfo=UTC)
TICK, PAUSE = timedelta(milliseconds=50), timedelta(seconds=8)
TYPED = 100  # edits between two pauses
SETTINGS = SamplingSettings()


@dataclass(frozen=True, slots=True)
class Run:
    """One partition."""

    rows: int
    seconds: float
    digest: str
    """Of what came out."""


def write_ot_folder(root: Path) -> None:
    """Every editing trace as a project of one file."""
    root.mkdir()
    records: list[dict[str, Any]] = []
    for name in TRACES:
        records.append(
            {
                "project_id": name,
                "visibility": "public",
                "language": "python",
                "licence": "MIT",
                "consent": True,
            }
        )
        trace = json.loads(gzip.decompress((DATA / "editing_traces" / f"{name}.json.gz").read_bytes()))
        (root / name / "packets").mkdir(parents=True)
        text, now = TextBuffer(trace["startContent"]), START
        published: list[dict[str, Any]] = []
        with (root / name / "packets" / "main.py.otp").open("wb") as file:
            patches = (patch for transaction in trace["txns"] for patch in transaction["patches"])
            for version, (position, deleted, inserted) in enumerate(patches, 1):
                ops: list[Op] = [Skip(position)] if position else []
                ops += [Delete(deleted)] if deleted else []
                ops += [Insert(inserted)] if inserted else []
                text.apply(ops)
                now += TICK
                packet = encode_packet(Packet(tuple(ops), text.crc32(), now, version))
                file.write(varint(len(packet)) + packet)
                if version % TYPED == 0:
                    published.append(diagnostic(name, now + PAUSE / 2, version // TYPED))
                    now += PAUSE
        lines = "".join(json.dumps(row) + "\n" for row in published)
        (root / name / "diagnostics.jsonl").write_text(lines)
    (root / "projects.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))


def diagnostic(project: str, now: datetime, number: int) -> dict[str, Any]:
    start, end = {"line": 0, "character": 0}, {"line": 0, "character": 1}
    return {
        "project_id": project,
        "timestamp": now.isoformat(),
        "path": "main.py",
        "code": "ruff[F821]",
        "message": f"Undefined name `name_{number}`",
        "range": {"start": start, "end": end},
    }


def varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def write_session_events(store: PartitionStore, recording: str, day: date) -> Run:
    start, end = window(str(day))
    source = Recording(recording)
    projects = source.projects()
    rows = 0
    ranges, totals = RowRanges(), EventTotals()
    started = process_time()
    with store.writer("session_events", Key(str(day)).segments()) as writer:
        writer.declare(EVENTS, row_group_bytes=ROW_GROUP_BYTES)
        for outcome in session_events(source.events_by_project(start, end), projects):
            rows += outcome.num_rows
            writer.write_outcomes(outcome)
            kept, _ = split_outcomes(outcome)
            ranges.record(kept)
            totals.add(kept)
        writer.write(PROJECTS_TABLE, projects.cast(PROJECTS))
        writer.write(PROJECT_ROWS_TABLE, ranges.table())
        manifest = writer.commit(fingerprint="", inputs={}, versions={}, rows_in=rows, extra=totals.figures())
    return Run(rows, process_time() - started, manifest.data_version)


def write_error_states(store: PartitionStore, key: Key) -> Run:
    known = known_types(date.fromisoformat(key.date or ""))
    started = process_time()
    events, totals = StoredDay.of(store, Input("session_events", Key(key.date))), SnapshotTotals()
    with store.writer("error_states", key.segments()) as writer:
        sampled, counts = sample_partition(
            events.publishing(lambda code: partition_of(code, known) == key.diagnostic_type),
            diagnostic_type=key.diagnostic_type or "",
            known_types=known,
            project_rejects={},
            settings=SETTINGS,
            reject=writer.write_rejects,
        )
        wanted = {name: events.projects[name] for name in sampled["project_id"].unique().to_pylist()}
        replay = partial(
            replay_projects,
            episodes=sampled,
            projects=wanted,
            settle_seconds=SETTINGS.settle_seconds,
        )
        for task in events.tasks(wanted, None):
            for outcome in replay(task.batches()):
                writer.write_outcomes(totals.add(outcome))
        manifest = writer.commit(
            fingerprint="", inputs={}, versions={}, rows_in=counts.publications, extra={}
        )
    if totals.compared != totals.equal:
        raise SystemExit(f"the replay went another way than the stored copies: {totals.mismatches[:3]}")
    return Run(manifest.rows_out, process_time() - started, manifest.data_version)


def in_a_process_of_its_own(function: Any, *arguments: Any) -> Run:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(function, *arguments).result()


def measure(name: str, recording: str, runs: int) -> None:
    days = Recording(recording).active_dates()
    seconds: dict[str, list[float]] = {"session_events": [], "error_states": []}
    events = states = partitions = 0
    digest = ""
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            store = PartitionStore(folder)
            found = [in_a_process_of_its_own(write_session_events, store, recording, day) for day in days]
            of_types: list[Run] = []
            for day in days:
                manifest = store.manifest("session_events", Key(str(day)).segments())
                codes: dict[str, int] = manifest.extra["codes"] if manifest else {}
                known = known_types(day)
                types = {partition_of(code, known) for code in codes}
                for of in sorted(types):
                    of_types.append(in_a_process_of_its_own(write_error_states, store, Key(str(day), of)))
        seconds["session_events"].append(sum(run.seconds for run in found))
        seconds["error_states"].append(sum(run.seconds for run in of_types))
        events, states = sum(run.rows for run in found), sum(run.rows for run in of_types)
        partitions = len(of_types)
        digest = hashlib.sha256(repr([run.digest for run in found + of_types]).encode()).hexdigest()
    first, second = (statistics.median(runs) for runs in seconds.values())
    print(
        f"{name}: {events:,} events, {states:,} states in {partitions} partitions: "
        f"session_events {first:.2f} s, error_states {second:.2f} s, "
        f"{events / (first + second):,.0f} events/s together; outcome {digest[:12]}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recording", help="of simulated projects; default: it is made")
    parser.add_argument("--projects", type=int, default=24, help="simulated projects, if they are made")
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="events-") as home:
        simulated = given.recording
        if simulated is None:
            from growth import recorded, write

            simulated = str(Path(home) / "simulated")
            write(recorded(given.projects), 1, Path(simulated))
        measure("simulated", simulated, given.runs)
        write_ot_folder(Path(home) / "ot")
        traces = Path(home) / "traces"
        report = Report(datetime.now(UTC))
        write_recording(ot.projects_and_events(Path(home) / "ot", report=report), traces, report)
        measure("editing traces", str(traces), given.runs)


if __name__ == "__main__":
    main()
