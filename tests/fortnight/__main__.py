"""A fortnight under the real daemon, with its faults: `make fortnight`, or `python -m tests.fortnight`.

Fourteen days of sessions arrive one by one, one of them late and one broken; a language server is killed, the
model's service is down for a while, and the daemon is killed twice with SIGKILL: once alone, once with all
that it had started, as when a machine is lost. Nobody helps. Then comes one night's scheduled backfill. It
ends with what was stored, the runs, the retries and the alerts, or fails and says what is missing. A clock of
seconds stands for one of days; training is left out, for its benchmarks are frozen by a person.
"""

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import yaml
from rich.console import Console
from rich.table import Table

from partitions.dates import DATES
from resources.settings import Settings
from tests.fortnight.processes import ROOT, Daemon
from tests.fortnight.receiver import AlertReceiver
from tests.fortnight.recordings import ERRORS, Arrivals, repairs
from tests.model_server import ModelServer, answers

CONSOLE = Console(width=110)
FINISHED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
MADE, RETRIED = dg.DagsterEventType.ASSET_MATERIALIZATION, dg.DagsterEventType.STEP_UP_FOR_RETRY
LATE, BROKEN = 6, 8
"""Days of fourteen."""
GAP_S = 5
"""Seconds between two days that arrive, where nothing else is waited for."""


@dataclass
class Fortnight:
    """The world at `home`: its days, its daemon and its instance."""

    home: Path
    dates: list[str]
    deadline: float
    daemon: Daemon
    arrivals: Arrivals
    instance: dg.DagsterInstance
    model: ModelServer
    good: Any
    told: list[str] = field(default_factory=list)

    def tell(self, said: str) -> None:
        self.told.append(said)
        CONSOLE.print(f"[dim]{time.strftime('%H:%M:%S')}[/dim] {said}")

    def until(self, what: str, holds: Callable[[], Any]) -> Any:
        """Waits until something holds; raises TimeoutError at the deadline."""
        while not (found := holds()):
            if time.monotonic() > self.deadline:
                raise TimeoutError(what)
            time.sleep(1)
        return found

    def runs(self, *statuses: dg.DagsterRunStatus) -> list[dg.DagsterRun]:
        return list(self.instance.get_runs(dg.RunsFilter(statuses=statuses) if statuses else None))

    def at_work(self) -> list[dg.DagsterRun]:
        return self.runs(dg.DagsterRunStatus.STARTED)

    def rows(self, date: str) -> int | None:
        """Examples of a day; None: it is not made."""
        path = self.home / "store" / "daily_examples" / f"date={date}" / "manifest.json"
        return json.loads(path.read_text())["rows_out"] if path.is_file() else None

    def sensors_are_awake(self) -> bool:
        """Whether each has looked once: what was there before its first look is history to it."""
        looked = {
            state.instigator_name
            for state in self.instance.all_instigator_state()
            if getattr(state.instigator_data, "last_tick_timestamp", None)
        }
        return {"recorded_days_sensor", "automation", "desk"} <= looked

    def asks(self, name: str, **request: Any) -> None:
        """A person's request of a run."""
        (self.home / "requests" / f"{name}.json").write_text(json.dumps(request))

    def run_of(self, name: str) -> dg.DagsterRun | None:
        found = self.instance.get_runs(dg.RunsFilter(tags={"dagster/run_key": f"{name}.json"}))
        return found[0] if found else None

    def passes(self) -> None:
        """The days, and what happens on them."""
        count = len(self.dates)
        late, broken = (self.dates[_at(day, count) - 1] for day in (LATE, BROKEN))
        happens: dict[int, list[Callable[[], None]]] = defaultdict(list)
        for day, what in (
            (3, self._a_language_server_dies),
            (5, self._everything_dies),
            (9, lambda: self._comes(late, "the late day comes")),
            (10, self._the_daemon_dies),
            (11, lambda: self._comes(broken, "the broken day comes again, whole")),
            (12, self._the_model_is_down),
        ):
            happens[_at(day, count)].append(what)
        self.until("the sensors look", self.sensors_are_awake)
        for number, date in enumerate(self.dates, start=1):
            if date == late:
                self.tell(f"day {number} does not come")
            elif date == broken:
                self.arrivals.arrives_broken(date)
                self.tell(f"day {number} comes broken")
            else:
                self._comes(date, f"day {number} comes")
            time.sleep(GAP_S)
            for what in happens[number]:
                what()
        self.until("every day is made", lambda: all(self.rows(date) == ERRORS for date in self.dates))
        self.until("no run is at work", lambda: all(run.status in FINISHED for run in self.runs()))

    def _comes(self, date: str, said: str) -> None:
        self.arrivals.arrives(date)
        self.tell(said)

    def _a_language_server_dies(self) -> None:
        self.until("a language server is at work", self.daemon.kill_a_language_server)
        self.tell("a language server is killed")

    def _everything_dies(self) -> None:
        self.until("a run is at work", self.at_work)
        lost = len(self.at_work())
        self.daemon.kill(with_children=True)
        self.tell(f"all processes are killed, {lost} runs among them")
        self.daemon.start()

    def _the_daemon_dies(self) -> None:
        self.daemon.kill(with_children=False)
        self.tell("the daemon is killed, its runs go on")
        time.sleep(GAP_S)
        self.daemon.start()

    def _the_model_is_down(self) -> None:
        self.until("the first day is made", lambda: self.rows(self.dates[0]) == ERRORS)
        self.asks("1-teacher", job_name="teacher")
        self.until("the teacher's program is made", lambda: _succeeded(self.run_of("1-teacher")))
        self.model.script = lambda exchange: exchange.error(503, "down")
        self.tell("the model's service is down")
        ops = {"synthesized_diffs": {"config": {"teacher": "lm"}}}
        self.asks(
            "2-by-model",
            job_name="diagnostics",
            partition_key=f"{self.dates[0]}|F821",
            run_config={"ops": ops},
        )
        run = self.until("its run is asked for", lambda: self.run_of("2-by-model"))
        self.until("a step is tried again", lambda: self.instance.all_logs(run.run_id, of_type=RETRIED))
        self.model.script = self.good
        self.tell("the model's service is back")
        self.until("it is made by the model", lambda: _succeeded(self.run_of("2-by-model")))

    def backfills(self) -> tuple[int, int]:
        """One night's scheduled backfill of two days: partitions that were planned, and that were made."""
        from code_location.backfill.job import submit
        from code_location.backfill.plan import Budget
        from code_location.backfill.sources import Sources, plan_of
        from code_location.definitions import defs

        resources: dict[str, Any] = dict(defs.resources or {})
        sources = Sources.of(
            resources["store"].store(),
            resources["recordings"].recording(),
            resources["language_servers"],
            resources["language_model"],
            look_back=2,
        )
        plan = plan_of(sources, self.instance, Budget(3600.0, 10.0), code_changes=False)
        if not plan.runs:
            return 0, 0
        name = submit(plan, sources, self.instance)
        self.tell(f"a night's backfill of {len(plan.runs)} runs is submitted")
        self.until("the backfill ends", lambda: self._ended(name))
        made = {
            (event.asset_key.path[-1], event.partition)
            for run in self.instance.get_runs(dg.RunsFilter(tags={"dagster/backfill": name}))
            for record in self.instance.all_logs(run.run_id, of_type=MADE)
            if record.dagster_event and (event := record.dagster_event).asset_key
        }
        planned = {(asset, str(key.dagster())) for asset, key in plan.partitions()}
        assert made == planned, f"planned and not made: {planned - made}; made: {made - planned}"
        return len(planned), len(made)

    def _ended(self, backfill: str) -> bool:
        found = self.instance.get_backfill(backfill)
        return found is not None and found.status.value.startswith("COMPLETED")


def _at(day: int, count: int) -> int:
    """A day of fourteen in a time of `count` days."""
    return round(day * count / 14)


def _succeeded(run: dg.DagsterRun | None) -> bool:
    return run is not None and run.status is dg.DagsterRunStatus.SUCCESS


@contextmanager
def fortnight(home: Path, minutes: float, days: int) -> Iterator[tuple[Fortnight, AlertReceiver]]:
    """The world, with its daemon, at an empty folder; everything of it ends with the block."""
    environment = {
        "REPAIR_HOME": str(home),
        "DAGSTER_HOME": str(home / "dagster"),
        "REPAIR_MODEL": "openai/scripted",
        "PYTHONPATH": str(ROOT),
    }
    _write_settings(home)
    with ModelServer(lambda exchange: exchange.error(503, "not yet")) as model, AlertReceiver() as alerts:
        environment["REPAIR_MODEL_URL"] = model.base_url
        if "alert_webhook_url" in Settings.model_fields:
            environment["REPAIR_ALERT_WEBHOOK_URL"] = alerts.url
        os.environ.update(environment)
        dates = list(DATES.get_partition_keys()[-days:])
        model.script = good = answers(repairs(dates))
        daemon = Daemon(home, {**os.environ, **environment})
        arrivals = Arrivals(home / "recordings", dates)
        with dg.DagsterInstance.get() as instance:
            deadline = time.monotonic() + 60 * minutes
            daemon.start()
            try:
                yield (
                    Fortnight(home, dates, deadline, daemon, arrivals, instance, model, good),
                    alerts,
                )
            finally:
                daemon.end()


def _write_settings(home: Path) -> None:
    """The project's `dagster.yaml`, with pauses for a clock of seconds."""
    for name in ("dagster", "requests"):
        (home / name).mkdir()
    settings = yaml.safe_load((ROOT / "dagster.yaml").read_text())
    settings["run_monitoring"] |= {"poll_interval_seconds": 5, "free_slots_after_run_end_seconds": 5}
    (home / "dagster" / "dagster.yaml").write_text(yaml.safe_dump(settings))
    module = {
        "module_name": "tests.fortnight.location",
        "working_directory": str(ROOT),
        "location_name": "repair",
    }
    (home / "workspace.yaml").write_text(yaml.safe_dump({"load_from": [{"python_module": module}]}))


def report(world: Fortnight, alerts: AlertReceiver, backfilled: tuple[int, int]) -> Table:
    """What was stored, the runs, the retries, and the alerts."""
    runs = world.runs()
    statuses = Counter(run.status.value for run in runs)
    started_again = [run for run in runs if run.parent_run_id]
    tried_again = sum(len(world.instance.all_logs(run.run_id, of_type=RETRIED)) for run in runs)
    stored = Counter(
        path.relative_to(world.home / "store").parts[0]
        for path in (world.home / "store").glob("**/manifest.json")
    )
    due = _alerts_due(world)
    table = Table("", "", title="A fortnight")
    table.add_row(
        "days made, of days",
        f"{sum(world.rows(date) == ERRORS for date in world.dates)} of {len(world.dates)}",
    )
    table.add_row("partitions stored", ", ".join(f"{name} {count}" for name, count in sorted(stored.items())))
    table.add_row("runs", ", ".join(f"{name.lower()} {count}" for name, count in sorted(statuses.items())))
    table.add_row("runs started again after their process was killed", str(len(started_again)))
    table.add_row("steps tried again", str(tried_again))
    table.add_row("kills of the daemon", str(world.daemon.kills))
    table.add_row("backfill: partitions planned, made", f"{backfilled[0]}, {backfilled[1]}")
    table.add_row("alerts due", "; ".join(sorted(due)) or "none")
    for status, messages in sorted(alerts.by_status().items()):
        table.add_row(f"alerts sent: {status}", "; ".join(sorted(messages)))
    table.add_row("alerts sent twice", str(alerts.repeated()))
    return table


def _alerts_due(world: Fortnight) -> set[str]:
    """The causes of failed runs: an asset and its error, or a job whose process was lost."""
    due: set[str] = set()
    for run in world.runs(dg.DagsterRunStatus.FAILURE):
        failures = world.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
        due |= {f"{record.dagster_event.step_key} fails" for record in failures if record.dagster_event}
        if not failures:
            due.add(f"a run of {run.job_name} was lost")
    return due


def main() -> None:
    arguments = argparse.ArgumentParser(
        prog="python -m tests.fortnight",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    arguments.add_argument("--minutes", type=float, default=60.0, help="after which it gives up")
    arguments.add_argument("--days", type=int, default=14, help="fewer, at least 5, for a quick look")
    arguments.add_argument("--keep", action="store_true", help="keep its folder")
    given = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # its processes end with it
    home = Path(tempfile.mkdtemp(prefix="fortnight-"))
    failed = ""
    backfilled = (0, 0)
    try:
        with fortnight(home, given.minutes, given.days) as (world, alerts):
            CONSOLE.print(f"In {home}; the daemon's log is daemon.log there.")
            try:
                world.passes()
                backfilled = world.backfills()
                time.sleep(3 * GAP_S)  # the alerts of the last runs
            except TimeoutError as error:
                failed = f"It did not come to pass within {given.minutes:g} minutes that {error}."
            CONSOLE.print(report(world, alerts, backfilled))
    finally:
        if given.keep or failed:
            CONSOLE.print(f"Kept: {home}")
        else:
            shutil.rmtree(home)
    sys.exit(failed or None)


if __name__ == "__main__":
    main()
