"""Load of the code location, ticks of the automation, a backfill's plan: at all types and 3 years of days.

    python bench/automation.py

Prints CPU seconds. The ticks are those of one day: a quiet one, then one after each stage was made. The
plan is that of the night after a new version of pyright, with everything in the look-back window.
"""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

sys.path.insert(0, str(Path(__file__).parents[1]))

from code_location.backfill.costs import MeasuredCosts
from code_location.backfill.plan import (
    DIAGNOSTICS,
    EVENTS,
    EXAMPLES,
    MODEL,
    Budget,
    Partition,
    Plan,
    State,
    plan,
)
from code_location.definitions import defs
from partitions.dates import DEFAULT_FIRST_DATE
from partitions.keys import Key
from partitions.types import DIAGNOSTIC_TYPES
from repair.execution.staleness import Cause, Staleness
from repair.store.manifest import Manifest
from tests.code_location.stored_history import report, with_history
from training_assets.training_mixture import WINDOW

DAYS = 3 * 365
UNTIL = datetime.combine(DEFAULT_FIRST_DATE, datetime.min.time(), UTC) + timedelta(days=DAYS)
LOAD = """
import time
import dagster
alone = time.process_time()
import code_location.definitions
print(f"{alone:.2f} {time.process_time():.2f}")
"""


def ticks(instance: dg.DagsterInstance) -> Iterator[tuple[str, float, int]]:
    """What each tick is, its CPU seconds, and the partitions that it asks for."""
    cursor = None

    def tick(now: datetime) -> tuple[float, dict[str, set[str]]]:
        nonlocal cursor
        start = time.process_time()
        found = dg.evaluate_automation_conditions(defs, instance, evaluation_time=now, cursor=cursor)
        seconds = time.process_time() - start
        cursor = found.cursor
        graph = defs.resolve_asset_graph()
        return seconds, {
            key.path[-1]: {str(partition) for partition in found.get_requested_partitions(key)}
            for key in graph.get_all_asset_keys()
            if found.get_num_requested(key)
        }

    yield "the first", *_counted(tick(UNTIL + timedelta(minutes=10)))
    now = UNTIL + timedelta(days=1, minutes=10)
    yield "a quiet one, on the next day", *_counted(tick(now))
    day = UNTIL.date().isoformat()
    asked = {"recorded_days": {day}}
    while asked:
        for asset, partitions in asked.items():
            for partition in partitions:
                report(instance, asset, partition, "new")
        now += timedelta(minutes=1)
        made = min(asked)
        seconds, asked = tick(now)
        yield f"after {made}", seconds, sum(map(len, asked.values()))


def _counted(found: tuple[float, dict[str, set[str]]]) -> tuple[float, int]:
    return found[0], sum(map(len, found[1].values()))


def planned(dates: Sequence[str], types: Sequence[str]) -> tuple[Plan, float]:
    """The plan where every type of every date is stored and stale, and its CPU seconds."""
    partitions: list[Partition] = [
        *((asset, Key(date)) for date in dates for asset in (*EVENTS, *EXAMPLES)),
        *((asset, Key(date, name)) for date in dates for name in types for asset in DIAGNOSTICS),
        *((asset, Key(dates[-1])) for asset in MODEL),
    ]
    newer = (Cause("version", "pyright 1 made it, 2 is here"),)
    stored = {
        (asset, key): Staleness(
            f"{asset}[{key}]", newer if asset == DIAGNOSTICS[1] else (), (), manifest(asset, key)
        )
        for asset, key in partitions
    }
    numbers = {date: number for number, date in enumerate(dates)}
    state = State(
        stored=stored,
        dates=dates,
        types=types,
        recorded=dates,
        published=dict.fromkeys(dates, types),
        window_of=lambda date: dates[max(0, numbers[date] + 1 - WINDOW) : numbers[date] + 1],
    )
    costs = MeasuredCosts(found.manifest for found in stored.values())
    start = time.process_time()
    found = plan(state, costs, Budget(seconds=1e12, usd=1e12))
    return found, time.process_time() - start


def manifest(asset: str, key: Key) -> Manifest:
    """That of a partition of ten rows, made in 20 seconds."""
    return Manifest(
        asset=asset,
        partition=key.segments(),
        fingerprint="",
        inputs={},
        versions={},
        rows_in=10,
        rows_out=10,
        rejects={},
        files=(),
        data_version="",
        created=UNTIL,
        extra={"seconds": 20.0},
    )


def main() -> None:
    """Print the figures."""
    load = [sys.executable, "-c", LOAD]
    alone, loaded = min(
        subprocess.run(load, check=True, capture_output=True, text=True).stdout.split() for _ in range(3)
    )
    print(f"load of the code location: {loaded} s, of them dagster alone {alone} s")
    types = DIAGNOSTIC_TYPES.get_partition_keys()
    print(f"{len(types)} types, {DAYS} days")
    for name, seconds, asked in ticks(with_history(defs, UNTIL)):
        print(f"tick, {name}: {seconds:.2f} s, asks for {asked} partitions")
    dates = [(UNTIL - timedelta(days=number)).date().isoformat() for number in range(DAYS, 0, -1)]
    found, seconds = planned(dates, types)
    print(
        f"plan of a backfill of {len(found.runs)} runs, {len(found.partitions())} partitions: {seconds:.2f} s"
    )


if __name__ == "__main__":
    main()
