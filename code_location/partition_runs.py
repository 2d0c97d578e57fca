"""Runs partitions of jobs in this process, one after the other, with a progress bar.

Tested by `tests/code_location/test_benchmarks.py`.
"""

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from code_location.definitions import SETTINGS, defs
from partitions.keys import Key
from repair.store.reader import PartitionStore
from resources.store import latest_date

CONSOLE = Console(stderr=True)
QUIET: Mapping[str, Any] = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}


def open_instance() -> dg.DagsterInstance:
    """The instance at DAGSTER_HOME, which keeps the runs for the UI; by default one below REPAIR_HOME."""
    home = os.environ.setdefault("DAGSTER_HOME", str(SETTINGS.home / "dagster"))
    Path(home).mkdir(parents=True, exist_ok=True)
    return dg.DagsterInstance.get()


def latest(store: PartitionStore, asset: str, missing: str) -> Key:
    """The latest date of which the store has an asset; raises SystemExit with `missing` if there is none."""
    date = latest_date(store, asset)
    if date is None:
        raise SystemExit(f"{store.base_uri} has no {missing}")
    return Key(date)


def materialize(
    jobs: Iterable[tuple[str, Key]],
    instance: dg.DagsterInstance,
    title: str,
    config: Mapping[str, Any] | None = None,
    *,
    resources: Mapping[str, Any] | None = None,
    only: Sequence[str] | None = None,
) -> Counter[str]:
    """Run each job's partition in order; the number of stage results that were written and reused.

    `config` is that of assets by name, `resources` stand in the place of the code location's, `only` names
    the assets of the jobs that run, by default all. Raises SystemExit with the errors of a run that fails.
    """
    todo = list(jobs)
    counts: Counter[str] = Counter()
    run_config = {**QUIET, "ops": {name: {"config": own} for name, own in (config or {}).items()}}
    columns = (TextColumn("{task.description:<42}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=CONSOLE) as progress:
        task = progress.add_task(title, total=len(todo))
        for name, key in todo:
            progress.update(task, description=f"{title} {key}"[:42])
            result = defs.resolve_job_def(name).execute_in_process(
                instance=instance,
                partition_key=key.dagster(),
                run_config=run_config,
                raise_on_error=False,
                resources=resources,
                asset_selection=None if only is None else [dg.AssetKey(name) for name in only],
            )
            if not result.success:
                raise SystemExit(_failure(name, key, result))
            for event in result.get_asset_materialization_events():
                reused = event.materialization.metadata.get("reused")
                counts["reused" if reused is not None and reused.value else "written"] += 1
            progress.advance(task)
        progress.update(
            task, description=f"{title} {counts['written']} written, {counts['reused']} reused"[:42]
        )
    return counts


def _failure(name: str, key: Key, result: dg.ExecuteInProcessResult) -> str:
    errors = [
        str(event.event_specific_data.error)  # pyright: ignore[reportAttributeAccessIssue, reportOptionalMemberAccess]
        for event in result.all_events
        if event.is_step_failure
    ]
    return f"{name}[{key}] failed (run {result.run_id}; `make dev` shows it):\n" + "\n".join(errors)
