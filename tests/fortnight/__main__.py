"""A fortnight under the real daemon, with its faults: `make fortnight`, or `python -m tests.fortnight`.

Fourteen days of sessions arrive one by one, one of them late, one damaged and one without its last edit; a
language server is killed, the model's service is down for a while, a run is killed, and the daemon is killed
twice with SIGKILL: once alone, once with all that it had started, as when a machine is lost. Nobody helps.
Then comes one night's scheduled backfill, in which the code server is killed and stays away for a while. It
ends with what was stored, the runs, the retries and the alerts, and fails if a day is not made, a run was
lost for good, or an alert that was due did not come once, with its recovery. A clock of seconds stands for
one of days; training is left out, for its benchmarks are frozen by a person. Dagster's storage is on
PostgreSQL where its server is installed.
"""

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from rich.table import Table

from tests.due_alerts import Cause, due
from tests.fortnight.recordings import ERRORS
from tests.fortnight.world import CONSOLE, FAILED, RETRIED, SUCCEEDED, Fortnight, fortnight

SCRIPTED = (Cause("step", "session_events"), Cause("check", "error_states", "replay_equals_stored_copy"))
"""What the damaged and the incomplete day make fail; which runs are lost with their processes is chance."""


def report(world: Fortnight, backfilled: tuple[int, int], minutes: float) -> Table:
    """What was stored, the runs, the retries, and the alerts."""
    runs = world.runs()
    statuses = Counter(run.status.value for run in runs)
    tried_again = sum(len(world.instance.all_logs(run.run_id, of_type=RETRIED)) for run in runs)
    stored = Counter(
        path.relative_to(world.home / "store").parts[0]
        for path in (world.home / "store").glob("**/manifest.json")
    )
    expected, told = due(world.instance), Counter[str]()
    for message in world.alerts.received:
        told[message["status"]] += 1
    table = Table("", "", title=f"{len(world.dates)} days in {minutes:.0f} minutes; {world.storage}")
    made = sum(world.rows(date) == ERRORS for date in world.dates)
    table.add_row("days made, of days", f"{made} of {len(world.dates)}")
    partitions = ", ".join(f"{name} {count}" for name, count in sorted(stored.items()))
    table.add_row("partitions stored", f"{stored.total()}: {partitions}")
    by_status = ", ".join(f"{name.lower()} {count}" for name, count in sorted(statuses.items()))
    table.add_row("runs", f"{len(runs)}: {by_status}")
    table.add_row("runs whose process was lost", str(len(world.lost_runs())))
    table.add_row("runs started again", str(sum(run.parent_run_id is not None for run in runs)))
    table.add_row("steps tried again", str(tried_again))
    table.add_row("kills of the daemon", str(world.daemon.kills))
    table.add_row("backfill: partitions planned, made", f"{backfilled[0]}, {backfilled[1]}")
    table.add_row("alerts due", "\n".join(map(str, sorted(expected))) or "none")
    for message in world.alerts.received:
        table.add_row(f"alert: {message['status']}", str(Cause.of(message)))
    table.add_row("alerts received", ", ".join(f"{name} {count}" for name, count in sorted(told.items())))
    table.add_row("delivered again with the same key", str(world.alerts.repeated))
    return table


def faults(world: Fortnight) -> Iterator[str]:
    """What did not come to the right state."""
    for date in world.dates:
        if (rows := world.rows(date)) != ERRORS:
            yield f"{date} has {rows} examples, not {ERRORS}"
    again = {run.parent_run_id: run for run in world.runs() if run.parent_run_id}
    lost = world.lost_runs()
    if not lost:
        yield "no run was lost"
    for run in lost:
        follows = again.get(run.run_id)
        if follows is None or follows.status not in (SUCCEEDED, FAILED):
            yield f"run {run.run_id} was lost, and not started again"
    happened = due(world.instance)
    yield from (f"did not happen: {cause}" for cause in SCRIPTED if cause not in happened)
    yield from world.wrong_alerts()
    if world.alerts.repeated > world.daemon.kills:
        yield f"{world.alerts.repeated} alerts were delivered again; a kill explains one"


def main() -> None:
    arguments = argparse.ArgumentParser(
        prog="python -m tests.fortnight",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    arguments.add_argument("--minutes", type=float, default=60.0, help="after which it gives up")
    arguments.add_argument("--days", type=int, default=14, help="fewer, at least 7, for a quick look")
    arguments.add_argument("--keep", action="store_true", help="keep its folder")
    given = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # its processes end with it
    home = Path(tempfile.mkdtemp(prefix="fortnight-"))
    started = time.monotonic()
    failed: list[str] = []
    backfilled = (0, 0)
    whole = False
    try:
        with fortnight(home, given.minutes, given.days) as world:
            CONSOLE.print(f"In {home}; the daemon's log is daemon.log there. Storage: {world.storage}")
            try:
                world.passes()
                backfilled = world.backfills()
            except (TimeoutError, AssertionError) as error:
                failed.append(str(error))
            failed += faults(world)
            CONSOLE.print(report(world, backfilled, (time.monotonic() - started) / 60))
        whole = not failed
    finally:
        if given.keep or not whole:
            CONSOLE.print(f"Kept: {home}")
        else:
            shutil.rmtree(home)
    sys.exit("\n".join(failed) or None)


if __name__ == "__main__":
    main()
