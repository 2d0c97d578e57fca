"""The world of a fortnight: its days, its daemon, its instance, and the faults that happen to it."""

import json
import os
import re
import time
from collections import defaultdict
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.execution.backfill import BulkActionStatus
from rich.console import Console

from partitions.dates import DATES
from tests.due_alerts import differences, due, failed_ticks
from tests.fortnight.processes import ROOT, Daemon
from tests.fortnight.receiver import AlertReceiver
from tests.fortnight.recordings import ERRORS, Arrivals, repairs
from tests.model_server import ModelServer, answers
from tests.postgres import running

CONSOLE = Console(width=110)
FAILED, SUCCEEDED = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS
FINISHED = (SUCCEEDED, FAILED, dg.DagsterRunStatus.CANCELED)
MADE, RETRIED = dg.DagsterEventType.ASSET_MATERIALIZATION, dg.DagsterEventType.STEP_UP_FOR_RETRY
CHECKED = dg.DagsterEventType.ASSET_CHECK_EVALUATION
INCOMPLETE, LATE, DAMAGED = 4, 6, 10
"""Days of fourteen."""
GAP_S = 5
"""Seconds between two days that arrive, where nothing else is waited for."""
TOLD_WITHIN_S = 300
"""After the last run its alerts are awaited for so long."""
SENSORS = {"recorded_days_sensor", "automation", "alerts", "desk"}
LOOK_BACK = 2
"""Days, the last that came, that the night's backfill looks at."""
NO_ASSETS = "existed at storage-time, but no longer does"
"""What the daemon logs of a backfill whose code location is away, whether it waits or fails."""
_PROCESS = re.compile(r"Started process for run \(pid: (\d+)\)")


@dataclass
class Fortnight:
    """The world at `home`."""

    home: Path
    storage: str
    dates: list[str]
    deadline: float
    daemon: Daemon
    arrivals: Arrivals
    alerts: AlertReceiver
    instance: dg.DagsterInstance
    model: ModelServer
    good: Any

    def tell(self, said: str) -> None:
        CONSOLE.print(f"[dim]{time.strftime('%H:%M:%S')}[/dim] {said}")

    def until(self, what: str, holds: Callable[[], Any]) -> Any:
        """Waits until something holds; raises TimeoutError at the deadline."""
        while not (found := holds()):
            if time.monotonic() > self.deadline:
                raise TimeoutError(f"it did not come to pass in time that {what}")
            if not self.daemon.is_running():
                raise TimeoutError(f"the daemon ended before {what}: see daemon.log")
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

    def passes(self) -> None:
        """The days, and what happens on them."""
        count = len(self.dates)
        late, damaged, incomplete = (self.dates[_at(day, count) - 1] for day in (LATE, DAMAGED, INCOMPLETE))
        happens: dict[int, list[Callable[[], None]]] = defaultdict(list)
        for day, what in (
            (3, self._a_language_server_dies),
            (5, self._everything_dies),
            (7, lambda: self._comes_whole(incomplete, self._check_fails)),
            (9, lambda: self._comes(late, "the late day comes")),
            (10, self._the_daemon_dies),
            (11, lambda: self._comes_whole(damaged, self._events_fail)),
            (12, self._the_model_is_down),
            (13, self._a_run_dies),
        ):
            happens[_at(day, count)].append(what)
        self.until("the sensors look", self._sensors_are_awake)
        for number, date in enumerate(self.dates, start=1):
            if number == count:  # a slow machine would read the day before with this one's closing copies
                self.until("the days that came are read", self._are_read)
            if date == late:
                self.tell(f"day {number} does not come")
            elif date == damaged:
                # a day is read with the next one's files: what these damage waits for the night's retries
                self.until("the days that came are read", self._are_read)
                self.arrivals.arrives_damaged(date)
                self.tell(f"day {number} comes damaged")
            elif date == incomplete:
                self.arrivals.arrives_incomplete(date)
                self.tell(f"day {number} comes without its last edit")
            else:
                self._comes(date, f"day {number} comes")
            time.sleep(GAP_S)
            for what in happens[number]:
                what()
        self.until("every day is made", lambda: all(self.rows(date) == ERRORS for date in self.dates))
        self.until("no run is at work", lambda: all(run.status in FINISHED for run in self.runs()))

    def _sensors_are_awake(self) -> bool:
        """Whether each has looked once: what was there before its first look is history to it."""
        looked = {
            state.instigator_name
            for state in self.instance.all_instigator_state()
            if getattr(state.instigator_data, "last_tick_timestamp", None)
        }
        return looked >= SENSORS

    def _are_read(self) -> bool:
        came = (self.home / "recordings" / "events").iterdir()
        return all(
            (self.home / "store" / "session_events" / day.name / "manifest.json").is_file() for day in came
        )

    def _comes(self, date: str, said: str) -> None:
        self.arrivals.arrives(date)
        self.tell(said)

    def _comes_whole(self, date: str, fails: Callable[[str], bool]) -> None:
        self.until(f"{date} fails", lambda: fails(date))
        self._comes(date, f"{date} comes again, whole")

    def _events_fail(self, date: str) -> bool:
        return any(run.tags.get("dagster/partition") == date for run in self.runs(FAILED))

    def _check_fails(self, date: str) -> bool:
        return any(
            not record.dagster_event.asset_check_evaluation_data.passed
            for run in self.runs(SUCCEEDED)
            if run.tags.get("dagster/partition", "").startswith(date)
            for record in self.instance.all_logs(run.run_id, of_type=CHECKED)
            if record.dagster_event
        )

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

    def _a_run_dies(self) -> None:
        killed = self.until("a run is at work", self._kill_a_run)
        self.tell("the process of a run is killed")
        self.until("it has failed", lambda: killed in {run.run_id for run in self.runs(FAILED)})
        self.until("it is started again", lambda: killed in {run.parent_run_id for run in self.runs()})

    def _kill_a_run(self) -> str | None:
        for run in self.at_work():
            for entry in self.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT):
                message = (entry.dagster_event.message if entry.dagster_event else "") or ""
                started = _PROCESS.search(message)
                if started and self.daemon.kill_process(int(started[1])):
                    return run.run_id
        return None

    def _the_model_is_down(self) -> None:
        self.until("the first day is made", lambda: self.rows(self.dates[0]) == ERRORS)
        self._asks("1-teacher", job_name="teacher")
        self.until("the teacher's program is made", lambda: self._is_made("1-teacher"))
        self.model.script = lambda exchange: exchange.error(503, "down")
        self.tell("the model's service is down")
        ops = {"synthesized_diffs": {"config": {"teacher": "lm"}}}
        self._asks(
            "2-by-model",
            job_name="diagnostics",
            partition_key=f"{self.dates[0]}|F821",
            run_config={"ops": ops},
        )
        run = self.until("its run is asked for", lambda: self._run_of("2-by-model"))
        self.until("a step is tried again", lambda: self.instance.all_logs(run.run_id, of_type=RETRIED))
        self.model.script = self.good
        self.tell("the model's service is back")
        self.until("it is made by the model", lambda: self._is_made("2-by-model"))

    def _asks(self, name: str, **request: Any) -> None:
        """A person's request of a run."""
        (self.home / "requests" / f"{name}.json").write_text(json.dumps(request))

    def _run_of(self, name: str) -> dg.DagsterRun | None:
        found = self.instance.get_runs(dg.RunsFilter(tags={"dagster/run_key": f"{name}.json"}))
        return found[0] if found else None

    def _is_made(self, name: str) -> bool:
        run = self._run_of(name)
        return run is not None and run.status is SUCCEEDED

    def backfills(self) -> tuple[int, int]:
        """One night's scheduled backfill: partitions that were planned, and that were made."""
        from code_location.backfill.job import submit

        plan, sources = self._plan()
        assert plan.runs, "nothing is stale, though the last day but one was made without its closing copies"
        name = submit(plan, sources, self.instance)
        self.tell(f"a night's backfill of {len(plan.runs)} runs is submitted")
        self._the_code_server_goes_away(name)
        self.until("the backfill ends", lambda: self._ended(name))
        ended = self.instance.get_backfill(name)
        assert ended and ended.status is BulkActionStatus.COMPLETED_SUCCESS, f"the backfill is {ended}"
        self.until("no run is at work", lambda: all(run.status in FINISHED for run in self.runs()))
        made = {
            (event.asset_key.path[-1], event.partition)
            for run in self.instance.get_runs(dg.RunsFilter(tags={"dagster/backfill": name}))
            for record in self.instance.all_logs(run.run_id, of_type=MADE)
            if record.dagster_event and (event := record.dagster_event).asset_key
        }
        planned = {(asset, str(key.dagster())) for asset, key in plan.partitions()}
        assert made == planned, f"planned and not made: {planned - made}; made: {made - planned}"
        left, _ = self._plan()
        assert not left.runs, f"a second night would make {[str(run) for run in left.runs]}"
        return len(planned), len(made)

    def _the_code_server_goes_away(self, backfill: str) -> None:
        """Until Dagster's daemon has found its backfill without its assets, as in a slow deployment."""
        self.until("a run of the backfill is at work", lambda: self._at_work_for(backfill))
        before = self.daemon.log().count(NO_ASSETS)
        lost = len(self.at_work())
        self.daemon.kill_the_code_server()
        self.tell(f"the code server goes away, with {lost} runs")
        self.until("the backfill misses its assets", lambda: self.daemon.log().count(NO_ASSETS) > before)
        self.daemon.serve()
        self.tell("the code server is back")

    def _at_work_for(self, backfill: str) -> bool:
        tags = dg.DagsterRun.tags_for_backfill_id(backfill)
        filters = dg.RunsFilter(tags=tags, statuses=[dg.DagsterRunStatus.STARTED])
        return self.instance.get_runs_count(filters) > 0

    def _plan(self) -> tuple[Any, Any]:
        from code_location.backfill.plan import Budget
        from code_location.backfill.sources import Sources, plan_of
        from code_location.definitions import defs

        resources: dict[str, Any] = dict(defs.resources or {})
        keys = DATES.get_partition_keys()  # midnight may have passed
        sources = Sources.of(
            resources["store"].store(),
            resources["recordings"].recording(),
            resources["language_servers"],
            resources["language_model"],
            look_back=len(keys) - keys.index(self.dates[-LOOK_BACK]),
        )
        return plan_of(sources, self.instance, Budget(3600.0, 10.0), code_changes=False), sources

    def _ended(self, backfill: str) -> bool:
        found = self.instance.get_backfill(backfill)
        return found is not None and found.backfill_end_timestamp is not None

    def wrong_alerts(self) -> list[str]:
        """What was told otherwise than it should have been, when all that waits has had time to come."""
        until = time.monotonic() + TOLD_WITHIN_S
        while wrong := list(
            differences(due(self.instance), failed_ticks(self.instance), self.alerts.received)
        ):
            if time.monotonic() > until:
                return wrong
            time.sleep(GAP_S)
        return []

    def lost_runs(self) -> list[dg.DagsterRun]:
        """Failed runs of which no step failed: their processes were lost."""
        steps = {dg.DagsterEventType.STEP_FAILURE}
        return [run for run in self.runs(FAILED) if not self.instance.all_logs(run.run_id, of_type=steps)]


def _at(day: int, count: int) -> int:
    """A day of fourteen in a time of `count` days."""
    return round(day * count / 14)


@contextmanager
def fortnight(home: Path, minutes: float, days: int) -> Generator[Fortnight]:
    """The world, with its daemon, at an empty folder; everything of it ends with the block."""
    storage, settings, environment = _storage(home)
    environment |= {
        "REPAIR_HOME": str(home),
        "DAGSTER_HOME": str(home / "dagster"),
        "REPAIR_MODEL": "openai/scripted",
        "PYTHONPATH": str(ROOT),
    }
    _write_settings(home, settings)
    with ModelServer(lambda exchange: exchange.error(503, "not yet")) as model, AlertReceiver() as alerts:
        environment |= {"REPAIR_MODEL_URL": model.base_url, "REPAIR_ALERT_WEBHOOK_URL": alerts.url}
        os.environ.update(environment)
        from tests.fortnight.location import defs

        dg.Definitions.validate_loadable(defs)  # else the daemon would log it and wait
        dates = list(DATES.get_partition_keys()[-days:])
        model.script = good = answers(repairs(dates))
        daemon = Daemon(home, {**os.environ, **environment})
        arrivals = Arrivals(home / "recordings", dates, dates[_at(INCOMPLETE, days) - 1])
        with dg.DagsterInstance.get() as instance:
            deadline = time.monotonic() + 60 * minutes
            daemon.start()
            try:
                yield Fortnight(
                    home, storage, dates, deadline, daemon, arrivals, alerts, instance, model, good
                )
            finally:
                daemon.end()


def _storage(home: Path) -> tuple[str, dict[str, Any], dict[str, str]]:
    """Where Dagster keeps what it knows: PostgreSQL as a deployment has it, or files where there is none.

    Its server is started before the environment tells of this world: a kill of everything leaves it alone.
    """
    try:
        pytest.importorskip("dagster_postgres", reason="dagster-postgres is not installed")
        server = running()
    except pytest.skip.Exception as missing:
        return f"SQLite: {missing}", {}, {}
    environment = {
        "DAGSTER_POSTGRES_URL": server.address().replace("postgresql:", "postgresql+psycopg2:"),
        "DAGSTER_FILES": str(home / "dagster"),
    }
    settings = yaml.safe_load((ROOT / "docker" / "storage.yaml").read_text())
    return f"PostgreSQL {server.run('SHOW server_version')[0][0]}", settings, environment


def _write_settings(home: Path, storage: dict[str, Any]) -> None:
    """The project's `dagster.yaml`, with pauses for a clock of seconds."""
    for name in ("dagster", "requests"):
        (home / name).mkdir()
    settings = yaml.safe_load((ROOT / "dagster.yaml").read_text()) | storage
    settings["run_monitoring"] |= {"poll_interval_seconds": 5, "free_slots_after_run_end_seconds": 5}
    (home / "dagster" / "dagster.yaml").write_text(yaml.safe_dump(settings))
