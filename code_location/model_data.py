"""Training data for a small model: `python -m code_location.model_data --examples 10000`.

A simulated typist writes programs out of installed packages whose licences permit it, on as many days as that
number of verified examples takes; the stages up to `training_mixture` run on them in this process. What is
there already is reused, so that a run that was stopped goes on where it was.

Tested by `tests/code_location/test_model_data.py`.
"""

import argparse
import math
import sys
import time
from collections import Counter
from datetime import date, timedelta
from functools import cache
from pathlib import Path

from rich.table import Table
from rich.text import Text

from code_location.definitions import SETTINGS, defs
from code_location.partition_runs import CONSOLE, materialize, open_instance
from partitions.dates import DEFAULT_FIRST_DATE
from partitions.keys import Key
from partitions.types import DIAGNOSTIC_TYPES
from repair.recording.layout import is_recording
from repair.sources.simulated.corpus import Corpus, corpus_of
from repair.store.reader import PartitionStore
from repair_assets.session_events import published_by_type
from resources.benchmark_data import HINT
from resources.recordings import RecordingsResource
from resources.store import StoreResource
from training_assets.training_mixture import WINDOW

PACKAGES = (
    *("alembic", "aiohttp", "attrs", "botocore", "cachetools", "click", "dspy", "flask", "fsspec"),
    *("google-auth", "graphql-core", "huggingface_hub", "humanfriendly", "import-linter", "jinja2", "mako"),
    *("mosaicml", "mpmath", "oauthlib", "prompt_toolkit", "pydantic", "pygments", "pytest", "requests"),
    *("rich", "setuptools", "sqlalchemy", "starlette", "torchvision", "transformers", "urllib3", "werkzeug"),
)
"""Installed packages whose licence files are the whole text of a permissive licence."""

SEED, MODULES = 29, 3
DEFAULT_EXAMPLES = 10_000
EXAMPLES_PER_PROJECT = 16
"""Verified examples that a project gives at least, on the mean of a day; measured."""

PROJECTS_PER_DAY = 80
"""All days are alike, so that more examples are more days and those that are there are reused."""

CAPS = {"error_states": {"cap_per_type": 100_000, "cap_per_project": 30}}
"""One mistake causes several diagnostics of one type, and most of those are near-duplicates of each other."""

MIXING = {"training_mixture": {"share_per_kind": 0.15, "cap_per_repair": 2}}


@cache
def corpora() -> list[Corpus]:
    """The packages' programs. A package that is not installed or does not permit it ends the program."""
    found = [corpus_of(name) for name in PACKAGES]
    refused = [corpus.name for corpus in found if corpus.licence is None]
    if refused:
        raise SystemExit(f"The licence files of {', '.join(refused)} do not permit to learn from them.")
    return found


def plan(examples: int) -> list[date]:
    """The days on which enough projects are worked on."""
    days = math.ceil(examples / (EXAMPLES_PER_PROJECT * PROJECTS_PER_DAY))
    if not 1 <= days <= WINDOW:
        most = WINDOW * EXAMPLES_PER_PROJECT * PROJECTS_PER_DAY
        raise SystemExit(
            f"{examples} examples are wanted; 1 to {most:,} are possible: a mixture reads {WINDOW} days."
        )
    return [DEFAULT_FIRST_DATE + timedelta(days=number) for number in range(days)]


def without_problems(folder: str) -> str:
    """What to say before an hour of work whose mixture no LeetCode sample is kept out of; else nothing."""
    if folder:
        return ""
    return (
        "No LeetCode problems: no sample of them is kept out of the mixture, and none will be answered."
        f" To have them, {HINT}; now, or later by the same command, which uses what is made again."
    )


def _record(folder: Path, day: date, number: int) -> None:
    if is_recording(folder):
        CONSOLE.print(f"Recorded sessions: {folder} (reused)")
        return
    from repair.cli.imports import import_simulated

    CONSOLE.print(f"Recorded sessions: {folder}: {PROJECTS_PER_DAY} projects; the servers watch.")
    import_simulated(
        out=folder,
        first_date=day,
        seed=SEED,
        projects=PROJECTS_PER_DAY,
        first_project=number * PROJECTS_PER_DAY,
        days=1,
        modules_per_project=MODULES,
        every_case=False,
        corpora=corpora(),
    )


def main() -> None:
    """Make the training data."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--examples", type=int, default=DEFAULT_EXAMPLES, help="wanted verified examples")
    wanted = parser.parse_args().examples
    stores: StoreResource = (defs.resources or {})["store"]
    days, started = plan(wanted), time.monotonic()
    if missing := without_problems(SETTINGS.benchmark_data):
        CONSOLE.print(missing)
    types = DIAGNOSTIC_TYPES.get_partition_keys()
    with open_instance() as instance:
        for number, day in enumerate(days):
            key, folder = Key(day.isoformat()), SETTINGS.home / "recordings" / day.isoformat()
            _record(folder, day, number)
            recorded = {"recordings": RecordingsResource(uri=str(folder))}
            materialize([("events", key)], instance, "Session events", resources=recorded)
            manifest = stores.store().manifest("session_events", key.segments())
            counts = published_by_type(manifest) if manifest else Counter[str]()
            # The benchmarks read every type of the first day.
            with_work = [Key(key.date, name) for name in types if counts.get(name) or not number]
            materialize(
                [("diagnostics", of_type) for of_type in with_work], instance, "Diagnostics", config=CAPS
            )
            materialize([("examples", key)], instance, "Examples")
            spent = time.monotonic() - started
            left = spent / (number + 1) * (len(days) - number - 1)
            CONSOLE.print(f"Day {number + 1} of {len(days)} is done; about {left / 60:.0f} minutes are left.")
        materialize([("benchmarks", Key(None, name)) for name in types], instance, "Benchmarks")
        last = Key(days[-1].isoformat())
        materialize([("training", last)], instance, "Mixture", config=MIXING, only=["training_mixture"])
    show(stores.store(), last)


def show(store: PartitionStore, key: Key) -> None:
    """Print what is in the mixture, by diagnostic code, and what was rejected."""
    manifest = store.manifest("training_mixture", key.segments())
    if manifest is None:
        raise SystemExit("there is no mixture")
    codes: Counter[str] = Counter()
    for batch in store.read("training_mixture", key.segments(), manifest=manifest):
        codes.update(batch["code"].to_pylist())
    table = Table("code", "examples", title=f"Training mixture {key}: {manifest.rows_out:,} examples")
    table.columns[1].justify = "right"
    for code, count in codes.most_common():
        table.add_row(Text(code), f"{count:,}")
    for reason, count in sorted(manifest.rejects.items()):
        table.add_row(Text(f"rejected: {reason}"), f"{count:,}")
    CONSOLE.print(table)
    CONSOLE.print(f"The mixture: {store.uri('training_mixture', key.segments())}")


if __name__ == "__main__":
    sys.exit(main())
