"""From session events to repair candidates at growing numbers of diagnostics: what one of them costs.

    python bench/growth.py [--sizes 1000 3000] [--projects 24]
    python bench/growth.py --sizes 1000 10000 100000        # the whole of it: half an hour

`--projects` simulated projects of one day are recorded once, with what the servers find at each pause. The
recording of each size holds as many copies of them in other words (`repair.sources.simulated.copies`) as give
at least that many diagnostics after sampling, whose caps are lifted. Then the stages run as the asset graph
runs them, in a process of its own for each size, with two workers and no cache of the servers' results. The
smallest recording that there can be runs once before and is not counted.

The time for each sampled diagnostic at the largest size is to be at most 1.15 times that at the smallest.
"""

import argparse
import math
import multiprocessing
import os
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

from repair.error_states.project import SETTLE_SECONDS
from repair.language_servers import LanguageServers
from repair.recording.event import Event, Project
from repair.sources.importing import with_diagnostics, write_recording
from repair.sources.report import Report
from repair.sources.simulated import projects_and_events
from repair.sources.simulated.copies import with_copies

DAY = date(2026, 1, 5)
WORKERS = 2
STAGES = ("session_events", "error_states", "reproduced_diagnostics", "repair_candidates")
NO_CAP = 10**9
MOST_GROWTH = 1.15
EXTRAPOLATED = (100_000, 1_000_000)

Found = Sequence[tuple[Project, Sequence[Event]]]


class Cost(NamedTuple):
    """Of one size."""

    diagnostics: int
    """Sampled."""
    reproduced: int
    candidates: int
    events: int
    seconds: dict[str, float]
    """By stage."""
    own_mb: float
    """The peak of this process's memory."""
    all_mb: float
    """The peak with the language servers'."""


class Memory:
    """The peak of the resident memory of this process and its children, in MB, looked at twice a second."""

    def __init__(self) -> None:
        self.own = self.all = 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.5):
            own = _resident(os.getpid())
            self.own = max(self.own, own)
            self.all = max(self.all, own + sum(_resident(pid) for pid in _below(os.getpid())))


def _resident(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _below(pid: int) -> list[int]:
    try:
        found = [
            int(child)
            for children in Path(f"/proc/{pid}/task").glob("*/children")
            for child in children.read_text().split()
        ]
    except OSError:
        return []
    return found + [below for child in found for below in _below(child)]


def recorded(projects: int) -> Found:
    """Simulated projects of one day with their diagnostics."""
    report = Report(datetime.now(UTC))
    with LanguageServers(WORKERS) as servers:
        source = projects_and_events(projects=projects, days=1, first_date=DAY)
        found = with_diagnostics(source, servers, report, settle_seconds=SETTLE_SECONDS)
        return [(project, list(events)) for project, events in found]


def write(found: Found, copies: int, folder: Path) -> None:
    source = with_copies(((project, iter(events)) for project, events in found), copies)
    write_recording(source, folder, Report(datetime.now(UTC)))


def run(folder: Path, cache: str = "") -> Cost:
    """All stages over the recording `folder / "recording"`, in this process; `cache` is the servers' own."""
    import dagster as dg

    from partitions.keys import Key
    from partitions.types import DIAGNOSTIC_TYPES
    from repair_assets.error_states import error_states
    from repair_assets.repair_candidates import repair_candidates
    from repair_assets.reproduced_diagnostics import reproduced_diagnostics
    from repair_assets.session_events import published_by_type, session_events
    from resources.engine import EngineResource
    from resources.language_servers import LanguageServersResource
    from resources.recordings import RecordingsResource
    from resources.store import StoreResource

    resources = {
        "engine": EngineResource(),
        "store": StoreResource(base_uri=str(folder / "store")),
        "recordings": RecordingsResource(uri=str(folder / "recording")),
        "language_servers": LanguageServersResource(workers=WORKERS, cache=cache),
    }
    store = resources["store"].store()
    caps = {"cap_per_type": NO_CAP, "cap_per_project": NO_CAP}
    instance = dg.DagsterInstance.ephemeral()
    seconds: Counter[str] = Counter()
    rows: Counter[str] = Counter()

    def materialize(asset: dg.AssetsDefinition, key: Key) -> None:
        name = asset.key.path[-1]
        config = {"ops": {"error_states": {"config": caps}}} if name == "error_states" else {}
        quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        start = time.perf_counter()
        dg.materialize(
            [asset],
            instance=instance,
            partition_key=key.dagster(),
            resources=resources,
            run_config=quiet | config,
        )
        seconds[name] += time.perf_counter() - start
        manifest = store.manifest(name, key.segments())
        if manifest is None or not manifest.adds_up:
            raise SystemExit(f"{name}[{key}] lost rows: {manifest}")
        rows[name] += manifest.rows_out
        if name == "error_states":
            rows["sampled"] += manifest.extra["sampled"]

    with Memory() as memory:
        day = Key(str(DAY))
        materialize(session_events, day)
        events = store.manifest("session_events", day.segments())
        counts = published_by_type(events) if events else {}
        for name in DIAGNOSTIC_TYPES.get_partition_keys():
            if counts.get(name):
                for asset in (error_states, reproduced_diagnostics, repair_candidates):
                    materialize(asset, Key(str(DAY), name))
    return Cost(
        rows["sampled"],
        rows["reproduced_diagnostics"],
        rows["repair_candidates"],
        rows["session_events"],
        dict(seconds),
        memory.own,
        memory.all,
    )


def measured(found: Found, copies: int, home: Path) -> Cost:
    folder = home / f"copies-{copies}"
    start = time.perf_counter()
    write(found, copies, folder / "recording")
    print(f"{copies} x {len(found)} projects recorded in {time.perf_counter() - start:.0f} s", flush=True)
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(run, folder).result()


def show(cost: Cost) -> None:
    stages = ", ".join(f"{name} {1000 * cost.seconds[name] / cost.diagnostics:.1f}" for name in STAGES)
    total_ms = 1000 * sum(cost.seconds.values()) / cost.diagnostics
    print(
        f"{cost.diagnostics:7,} diagnostics of {cost.events:9,} events, "
        f"{cost.reproduced / cost.diagnostics:.1%} reproduced, {cost.candidates:6,} candidates: "
        f"{total_ms:.1f} ms each ({stages}); "
        f"{cost.own_mb:,.0f} MB, with the servers {cost.all_mb:,.0f} MB",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 3000])
    parser.add_argument("--projects", type=int, default=24, help="simulated projects that are copied")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="growth-") as home:
        found = recorded(given.projects)
        once = measured(found, 1, Path(home) / "before")
        show(once)
        costs: list[Cost] = []
        for size in sorted(given.sizes):
            costs.append(measured(found, math.ceil(size / once.diagnostics), Path(home) / str(size)))
            show(costs[-1])
    small, large = (sum(cost.seconds.values()) / cost.diagnostics for cost in (costs[0], costs[-1]))
    growth = large / small
    print(f"time for each at the largest: {growth:.2f} times that at the smallest (at most {MOST_GROWTH})")
    for size in EXTRAPOLATED:
        print(f"{size:9,} diagnostics at that: {size * large / 3600:.1f} hours, {costs[-1].all_mb:,.0f} MB")
    if growth > MOST_GROWTH:
        print("MISSED")


if __name__ == "__main__":
    main()
