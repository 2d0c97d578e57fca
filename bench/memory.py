"""Peak memory of a process that runs `error_states` on projects of unusual size.

    python bench/memory.py [--edits 1000000] [--files 1000]

A project with a million edits and one with a thousand files of 10 kB, 50 diagnostics of each sampled: a day's
`session_events` is written, and one child for each project materializes the stage over it. Shown is the
child's largest resident memory, Dagster and all, beside the limit that a worker has.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any

import pyarrow as pa

from partitions.keys import Key
from repair.ot.packets import Delete, Insert, Packet, Skip, encode_packet
from repair.recording.row_ranges import PROJECT_ROWS_TABLE, RowRanges
from repair.schema.events import EVENTS, PROJECTS, EventKind
from repair.store.reader import PartitionStore

LIMIT_MB = 2000
DAY = datetime(2026, 1, 5, tzinfo=UTC)
KEY = Key("2026-01-05", "F821")
EPISODES = 50
LINE = "value = undefined_name  # a line of some length, as there are many in a file of code\n"
DIAGNOSTIC = {
    "code": "ruff[F821]",
    "message": "Undefined name `undefined_name`",
    "severity": "error",
    "start_line": 0,
    "start_character": 8,
    "end_line": 0,
    "end_character": 22,
    "code_action": None,
}


def events(files: dict[str, str], edits: int) -> Iterator[dict[str, Any]]:
    """A day of a project: snapshots at both ends, edits spread over the files, and 50 episodes in pauses."""
    texts = dict(files)
    versions = dict.fromkeys(files, 0)
    paths = list(files)
    number, now = 0, DAY

    def event(kind: EventKind, **columns: Any) -> dict[str, Any]:
        nonlocal number
        number += 1
        row = dict.fromkeys(EVENTS.names) | {"project_id": "large", "session_id": "s", "sequence": number}
        return row | {"timestamp": now, "kind": kind.value} | columns

    def snapshot() -> Iterator[dict[str, Any]]:
        for path in paths:
            content = texts[path].encode()
            yield event(EventKind.SNAPSHOT, path=path, content=content, version=versions[path])

    yield from snapshot()
    now = DAY + timedelta(hours=1)
    per_episode = edits // EPISODES
    for episode in range(EPISODES):
        path = paths[episode % len(paths)]
        for number in range(per_episode):
            now += timedelta(milliseconds=50)
            # A letter comes, and goes again.
            comes, at = number % 2 == 0, (number // 2 * 7919 + episode) % len(files[path])
            op = Insert("x") if comes else Delete(1)
            text = texts[path]
            text = text[:at] + ("x" + text[at:] if comes else text[at + 1 :])
            texts[path], versions[path] = text, versions[path] + 1
            crc = zlib.crc32(text.encode())
            ops = (Skip(at), op) if at else (op,)
            packet = Packet(ops=ops, committed=now, crc32=crc, version=versions[path])
            yield event(EventKind.OT, path=path, packet=encode_packet(packet))
        now += timedelta(seconds=5)
        yield event(EventKind.DIAGNOSTICS, path=path, diagnostics=[DIAGNOSTIC])
        now += timedelta(seconds=5)
        yield event(EventKind.DIAGNOSTICS, path=path, diagnostics=[])
    now = DAY + timedelta(days=1)
    yield from snapshot()


def write(store: PartitionStore, files: dict[str, str], edits: int) -> int:
    """The day's `session_events`; the number of its rows."""
    rows = 0
    ranges = RowRanges()
    remaining = events(files, edits)
    project = {
        "project_id": "large",
        "visibility": "public",
        "language": "python",
        "licence": "MIT",
        "consent": True,
    }
    with store.writer("session_events", Key(KEY.date).segments()) as writer:
        while part := list(islice(remaining, 20_000)):
            batch = pa.RecordBatch.from_pylist(part, schema=EVENTS)
            writer.write("data", batch)
            ranges.record(batch)
            rows += len(part)
        writer.write(PROJECT_ROWS_TABLE, ranges.table())
        writer.write("projects", pa.Table.from_pylist([project], schema=PROJECTS))
        writer.commit(
            fingerprint="", inputs={}, versions={}, rows_in=rows, extra={"codes": {"ruff[F821]": EPISODES}}
        )
    return rows


def materialize(base_uri: str) -> None:
    """In a child: the stage, and then what it took."""
    import dagster as dg

    from repair_assets.error_states import error_states
    from resources.engine import EngineResource
    from resources.store import StoreResource

    started = perf_counter()
    dg.materialize(
        [error_states],
        partition_key=KEY.dagster(),
        resources={"store": StoreResource(base_uri=base_uri), "engine": EngineResource()},
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )
    seconds = perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    manifest = PartitionStore(base_uri).manifest("error_states", KEY.segments())
    assert manifest is not None
    print(json.dumps({"peak": peak, "seconds": seconds, "out": manifest.rows_out, **manifest.rejects}))


def measure(name: str, files: dict[str, str], edits: int) -> bool:
    """Whether the child stayed under the limit."""
    with tempfile.TemporaryDirectory() as folder:
        rows = write(PartitionStore(folder), files, edits)
        done = subprocess.run(
            [sys.executable, __file__, "--child", folder], check=True, capture_output=True, text=True
        )
    found = json.loads(done.stdout.splitlines()[-1])
    size = sum(map(len, files.values())) / 1e6
    print(
        f"{name:17} {rows:>8} events, {len(files)} files of {size:.1f} MB together: "
        f"peak {found['peak']:.0f} MB (limit {LIMIT_MB} MB), {found['seconds']:.1f} s, "
        f"{found['out']} states of {EPISODES}"
    )
    return found["peak"] < LIMIT_MB and found["out"] == EPISODES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edits", type=int, default=1_000_000)
    parser.add_argument("--files", type=int, default=1_000)
    parser.add_argument("--child")
    arguments = parser.parse_args()
    if arguments.child:
        materialize(arguments.child)
        return
    sources = Path(__file__).parents[1]
    assert sources.is_dir()
    large = {"main.py": LINE * 250}
    # No two files are alike, as in a project.
    many = {
        f"module_{n}.py": LINE + "".join(f"name_{n}_{line} = {line}\n" for line in range(500))
        for n in range(arguments.files)
    }
    kept = [
        measure("a million edits", large, arguments.edits),
        measure("a thousand files", many, 10_000),
    ]
    if not all(kept):
        sys.exit("a worker took more than it may, or lost a state")


if __name__ == "__main__":
    main()
