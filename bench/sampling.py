"""Sampling before replay: how fast, how much memory, and how many checks it saves.

    python bench/sampling.py [--publications 10000000] [--recording DIR]

Publications of made-up projects are streamed into `repair.error_states.sampling.sample_partition`, each run
in a process of its own: a tenth of them, all of them, and all of them in two other partitionings, whose
samples must be the same. Then the publications of a recording (default: eight simulated projects, made on the
fly) are brought down to the sample: each publication that is left out is a check of the servers that is
saved.
"""

import argparse
import hashlib
import multiprocessing
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from repair.diagnostics.codes import type_of_code
from repair.error_states.episodes import COLUMNS
from repair.error_states.sampling import SamplingSettings, sample_partition
from repair.recording.reader import Recording
from repair.schema.events import EVENTS, EventKind

SCHEMA = pa.schema([EVENTS.field(name) for name in COLUMNS])
OF_A_PROJECT = 2_000  # publications
AT_ONCE = 5  # diagnostics in a publication event
STAYS = 10  # publications in which a diagnostic is seen
PROJECTS_OF_A_TABLE = 50
MOST_SECONDS, MOST_GROWTH = 120, 1.5


class Run(NamedTuple):
    seconds: float
    peak_mb: float
    publications: int
    episodes: int
    settled: int
    sampled: int
    rejected: int
    digest: str


def project(number: int) -> pa.Table:
    """A project that publishes `AT_ONCE` diagnostics after each of its edits; some edits come in bursts."""
    random = np.random.default_rng(number)
    pairs = OF_A_PROJECT // AT_ONCE
    gaps = random.choice([400_000, 5_000_000], pairs)  # microseconds: typing on, or looking at it
    edits = np.cumsum(gaps)
    times = np.column_stack([edits, edits + 300_000]).ravel() + 1_800_000_000_000_000
    flat = pairs * AT_ONCE
    places = np.arange(flat)
    names = places // (STAYS * AT_ONCE) * AT_ONCE + places % AT_ONCE
    lines = pa.array((places % AT_ONCE).astype(np.int32))
    item = SCHEMA.field("diagnostics").type.value_type
    columns = {
        "code": pa.repeat(pa.scalar("ruff[F821]"), flat),
        "message": pc.binary_join_element_wise("Undefined name", pa.array(names).cast(pa.string()), " "),
        "severity": pa.nulls(flat, pa.string()),
        **dict.fromkeys(("start_line", "start_character", "end_line", "end_character"), lines),
        "code_action": pa.nulls(flat, pa.bool_()),
    }
    structs = pa.StructArray.from_arrays(list(columns.values()), fields=list(item))
    offsets = np.concatenate([[0], np.cumsum(np.tile([0, AT_ONCE], pairs))]).astype(np.int32)
    rows = 2 * pairs
    kinds = pa.array([EventKind.OT.value, EventKind.DIAGNOSTICS.value] * pairs)
    return pa.table(
        {
            "project_id": pa.repeat(pa.scalar(f"project-{number:07}"), rows),
            "session_id": pa.nulls(rows, pa.string()),
            "timestamp": pa.array(times).cast(SCHEMA.field("timestamp").type),
            "sequence": pa.array(np.arange(rows)),
            "kind": kinds,
            "path": pa.repeat(pa.scalar("main.py"), rows),
            "diagnostics": pa.ListArray.from_arrays(pa.array(offsets), structs),
        },
        schema=SCHEMA,
    )


def tables(projects: int, of_a_table: int, *, backwards: bool) -> Iterator[pa.Table]:
    """Every project once, `of_a_table` in each table."""
    numbers = range(projects)[:: -1 if backwards else 1]
    for start in range(0, projects, of_a_table):
        yield pa.concat_tables([project(number) for number in numbers[start : start + of_a_table]])


def run(publications: int, of_a_table: int, *, backwards: bool) -> Run:
    """Samples in this process, which has done nothing before. Making the tables is not in the time."""
    made = 0.0
    rejected = 0

    def timed() -> Iterator[pa.Table]:
        nonlocal made
        start = time.perf_counter()
        for table in tables(publications // OF_A_PROJECT, of_a_table, backwards=backwards):
            made += time.perf_counter() - start
            yield table
            start = time.perf_counter()

    def reject(lines: pa.Table) -> None:
        nonlocal rejected
        rejected += pc.sum(lines["rows"]).as_py() or 0

    start = time.perf_counter()
    sampled, counts = sample_partition(
        timed(),
        diagnostic_type="F821",
        known_types=frozenset({"F821"}),
        project_rejects={},
        settings=SamplingSettings(),
        reject=reject,
    )
    seconds = time.perf_counter() - start - made
    digest = hashlib.sha256(repr(sampled.to_pylist()).encode()).hexdigest()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Run(seconds, peak, *(getattr(counts, name) for name in Run._fields[2:6]), rejected, digest)


def in_a_process_of_its_own(
    publications: int, of_a_table: int = PROJECTS_OF_A_TABLE, backwards: bool = False
) -> Run:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        result = pool.apply(run, (publications, of_a_table), {"backwards": backwards})
    if result.publications != publications or result.publications != result.sampled + result.rejected:
        raise SystemExit(f"publications were lost: {result}")
    return result


def synthetic(publications: int) -> None:
    small, large = (in_a_process_of_its_own(count) for count in (publications // 10, publications))
    for name, run in (("a tenth", small), ("all", large)):
        print(
            f"{name:8} {run.publications:11,} publications, {run.episodes:9,} episodes, "
            f"{run.settled:9,} settled, {run.sampled:6,} sampled: {run.seconds:6.1f} s, "
            f"peak {run.peak_mb:6,.0f} MB"
        )
    growth = large.peak_mb / small.peak_mb
    print(f"memory for ten times as many: {growth:.2f} times (at most {MOST_GROWTH})")
    others = [
        in_a_process_of_its_own(publications, of_a_table=1),
        in_a_process_of_its_own(publications, of_a_table=999, backwards=True),
    ]
    if {run.digest for run in others} != {large.digest}:
        raise SystemExit("the sample depends on the partitioning of the input")
    print("the same sample from tables of one project, and of 999 in reverse order")
    allowed = MOST_SECONDS * publications / 10_000_000
    if large.seconds > allowed:
        print(f"MISSED: {large.seconds:.0f} s, expected less than {allowed:.0f} s")
    if growth > MOST_GROWTH:
        print(f"MISSED: memory grows by {growth:.2f}")


def project_tables(recording: Recording, day: date) -> Iterator[pa.Table]:
    kinds = pa.array([EventKind.DIAGNOSTICS, EventKind.OT, EventKind.FILE], pa.string())
    batches = recording.events_of_day(day)
    for _, together in groupby(batches, key=lambda batch: batch["project_id"][0].as_py()):
        table = pa.Table.from_batches(together).select(COLUMNS)
        yield table.filter(pc.is_in(table["kind"], kinds))


def saved(recording: Recording, name: str) -> None:
    """How many checks of the servers the sample takes, against one for each publication."""
    total: Counter[str] = Counter()
    for day in recording.active_dates():
        codes = {
            code
            for table in project_tables(recording, day)
            for code in pc.unique(
                pc.struct_field(table["diagnostics"].combine_chunks().flatten(), "code")
            ).to_pylist()
        }
        for diagnostic_type in sorted({type_of_code(code) for code in codes}):
            _, counts = sample_partition(
                project_tables(recording, day),
                diagnostic_type=diagnostic_type,
                known_types=frozenset({diagnostic_type}),
                project_rejects={},
                settings=SamplingSettings(),
                reject=lambda _: None,
            )
            total.update(
                {name: getattr(counts, name) for name in ("publications", "episodes", "settled", "sampled")}
            )
    factor = total["publications"] / max(1, total["sampled"])
    units = ("publications", "episodes", "settled", "sampled")
    summary = ", ".join(f"{total[unit]:,} {unit}" for unit in units)
    print(f"{name}: {summary}: {factor:.1f} publications to each check")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--publications", type=int, default=10_000_000)
    parser.add_argument("--recording", help="a recording, such as one of `repair import git`")
    given: Any = parser.parse_args()
    synthetic(given.publications // (10 * OF_A_PROJECT) * 10 * OF_A_PROJECT)
    if given.recording:
        saved(Recording(given.recording), given.recording)
        return
    from repair.cli.imports import import_simulated

    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "recording"
        import_simulated(out=folder, first_date=date(2024, 5, 6), projects=8, days=1)
        saved(Recording(folder), "simulated")


if __name__ == "__main__":
    main()
