"""The whole way once, on an embedded sample: `python -m code_location.demo`.

Imports simulated sessions if there are none, then materializes every stage through the jobs of the
code location, in this process, so that the language servers stay warm. The runs are recorded in the
instance at DAGSTER_HOME and show in the UI. A second run reuses what is still valid.

Tested by `tests/code_location/test_demo.py`.
"""

import argparse
import sys
from collections import Counter
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

from rich.console import Console

from code_location.definitions import SETTINGS, defs
from code_location.partition_runs import CONSOLE, materialize, open_instance
from code_location.shipped_scores import print_shipped_scores
from code_location.summary import SUMMARY_COLUMNS, print_funnel, print_summary
from partitions.dates import (
    DEFAULT_FIRST_DATE,
    DateSettings,
    dates_between,
    days_before_the_first,
    window,
)
from partitions.keys import Key
from partitions.types import DIAGNOSTIC_TYPES
from repair.recording.layout import is_recording
from repair.recording.reader import Recording
from repair_assets.session_events import published_by_type
from resources.language_servers import LanguageServersResource
from resources.recordings import RecordingsResource
from resources.store import StoreResource

SEED, PROJECTS, DAYS = 17, 24, 2
AFTER_THE_FUNNEL = ("Training", "Predictions", "Evaluation", "Scorecard")


def import_sample(folder: Path) -> None:
    """Write the embedded sample's recording to `folder`, unless it is there."""
    if is_recording(folder):
        CONSOLE.print(f"Recorded sessions: {folder} (reused)")
        return
    from repair.cli.imports import import_simulated

    CONSOLE.print("Recorded sessions: a typist writes modules of the standard library; the servers watch.")
    import_simulated(out=folder, first_date=DEFAULT_FIRST_DATE, seed=SEED, projects=PROJECTS, days=DAYS)


def recorded_dates(recording: Recording) -> list[str]:
    """Keys of the date partitions on which something was recorded; days outside of them are told."""
    days = recording.active_dates()
    if not days:
        raise SystemExit(f"{recording.uri} holds no events; import some with `repair import`")
    first, last = (datetime.combine(day, time(), UTC) for day in (days[0], days[-1]))
    active = {datetime.combine(day, time(), UTC) for day in days}
    keys = [
        key
        for key in dates_between(first, last)
        if any(window(key)[0] <= day < window(key)[1] for day in active)
    ]
    before = days_before_the_first(days)
    if not keys:
        raise SystemExit(
            f"No day of {recording.uri} is in a partition: {len(days)} days, {days[0]} to {days[-1]}."
            f" Partitions begin where {DateSettings.variable('first_date')} says, and end with the last one "
            f"that is over: set {DateSettings.variable('first_date')}={days[0]}"
            + ("" if before else ", or wait until the day is over (UTC)")
        )
    if before:
        CONSOLE.print(
            f"{len(before)} of {len(days)} recorded days, {before[0]} to {before[-1]}, are before the first "
            f"partition and are left out: {DateSettings.variable('first_date')}={before[0]} takes them in."
        )
    unfinished = [day for day in days if datetime.combine(day, time(), UTC) >= window(keys[-1])[1]]
    if unfinished:
        CONSOLE.print(
            f"{len(unfinished)} of {len(days)} recorded days, from {unfinished[0]} on, are left out: their "
            "partition is not over yet (UTC)."
        )
    return keys


def main() -> None:
    """Run the demo."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--only-recordings", action="store_true", help="import the sample and stop")
    only_recordings = arguments.parse_args().only_recordings

    resources: dict[str, Any] = dict(defs.resources or {})
    recordings: RecordingsResource = resources["recordings"]
    stores: StoreResource = resources["store"]
    if "recordings" not in SETTINGS.model_fields_set:
        import_sample(Path(recordings.uri))
    if only_recordings:
        return
    dates = recorded_dates(recordings.recording())
    types = DIAGNOSTIC_TYPES.get_partition_keys()

    def with_work(day: str) -> list[str]:
        """The types that have something to do on `day`; on the first day all, since benchmarks need them."""
        manifest = stores.store().manifest("session_events", Key(day).segments())
        counts = published_by_type(manifest) if manifest else {}
        return [name for name in types if counts.get(name) or day == dates[0]]

    last = dates[-1]
    counts: Counter[str] = Counter()
    console = Console()
    wide = Console(width=max(console.width, SUMMARY_COLUMNS))  # a table that is cut says nothing
    with open_instance() as instance:
        for title, jobs in (
            ("Session events", [("events", Key(day)) for day in dates]),
            ("Diagnostics", (("diagnostics", Key(day, name)) for day in dates for name in with_work(day))),
            ("Benchmarks", [("benchmarks", Key(None, name)) for name in types]),
            ("Examples", [("examples", Key(day)) for day in dates]),
            ("Training", [("training", Key(last))]),
            ("Predictions", [("prediction", Key(last))]),
            ("Evaluation", [("evaluation", Key(last, name)) for name in types]),
            ("Scorecard", [("scorecards", Key(last))]),
        ):
            try:
                counts += materialize(jobs, instance, title)
            except SystemExit:
                if title in AFTER_THE_FUNNEL:  # what came of the recording is known all the same
                    print_funnel(wide, stores.store(), dates)
                raise
    servers: LanguageServersResource = resources["language_servers"]
    print_shipped_scores(wide, stores.store(), Key(last), servers.servers())
    print_summary(wide, stores.store(), SETTINGS.home, dates, counts)


if __name__ == "__main__":
    sys.exit(main())
