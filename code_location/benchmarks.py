"""The checkpoint and every baseline on the whole benchmarks: `python -m code_location.benchmarks`.

Needs the published benchmark data (REPAIR_BENCHMARK_DATA) and a store with a checkpoint, such as `make demo`
leaves; the latest one is scored. It trains nothing. Results that still hold are reused, and no answer is
decoded twice, so that a run that was interrupted goes on where it was.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

import dagster as dg
from rich.console import Console

from code_location.definitions import defs
from code_location.partition_runs import latest, materialize, open_instance
from code_location.summary import SUMMARY_COLUMNS, score_table
from eval_assets.models import BASE, MODEL
from eval_assets.predictions import Answering
from partitions.keys import Key
from partitions.types import DIAGNOSTIC_TYPES
from repair.evaluation.benchmark import REPORTED
from repair.evaluation.scored import scored
from repair.evaluation.summary import Row, SystemScore, system_scores
from repair.models.checkpoint import has_base
from repair.models.made_by import MADE_BY
from repair.store.reader import PartitionStore
from resources.benchmark_data import HINT, BenchmarkDataResource
from resources.store import StoreResource
from resources.stored_checkpoint import CHECKPOINT


def latest_checkpoint(store: PartitionStore) -> Key:
    """The date of the latest checkpoint; raises SystemExit if there is none."""
    return latest(store, "checkpoint", "checkpoint to score: `make demo` trains one")


def models_of(store: PartitionStore, checkpoint: Key) -> list[str]:
    """The models that answer: those that answer by default, and the base of a checkpoint that has one."""
    made_by = json.loads(store.read_bytes("checkpoint", checkpoint.segments(), f"{CHECKPOINT}/{MADE_BY}"))
    names = Answering().models
    return [MODEL, BASE, *(name for name in names if name != MODEL)] if has_base(made_by) else list(names)


def print_scores(console: Console, store: PartitionStore, checkpoint: Key) -> None:
    """Print every model's scores on every benchmark, with all samples and without contaminated ones."""
    found = scored(store, checkpoint.date or "")
    console.print(score_table(_reported(found.rows), "all samples"))
    counts = found.counts()
    said = (
        f"{counts['contaminated']} of {counts['samples']} samples are in the training mixture or nearly so,"
        f" {counts['unchecked']} could not be compared"
    )
    if counts["contaminated"] or counts["unchecked"]:
        console.print(score_table(_reported(found.clean_rows()), "without contaminated samples"))
    console.print(said)


def _reported(rows: Sequence[Row]) -> list[SystemScore]:
    """The scores on the benchmarks that results are reported on, benchmark by benchmark."""
    scores = system_scores(rows)
    return [score for name in REPORTED for score in scores if score.benchmark == name]


def main() -> None:
    """Run the command."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    resources: dict[str, Any] = dict(defs.resources or {})
    data: BenchmarkDataResource = resources["benchmark_data"]
    if not data.folder:
        raise SystemExit(f"there is no benchmark data: {HINT}")
    stores: StoreResource = resources["store"]
    store = stores.store()
    checkpoint = latest_checkpoint(store)
    with open_instance() as instance:
        score(store, checkpoint, instance)


def score(store: PartitionStore, checkpoint: Key, instance: dg.DagsterInstance) -> None:
    """Let the checkpoint and every baseline answer the benchmarks, and print the scores as one table."""
    types = DIAGNOSTIC_TYPES.get_partition_keys()
    answering = {"predictions": {"models": models_of(store, checkpoint)}}
    counts: Counter[str] = Counter()
    for title, jobs, config in (
        ("Benchmarks", [("benchmarks", Key(None, name)) for name in types], {}),
        ("Predictions", [("prediction", checkpoint)], answering),
        ("Evaluation", [("evaluation", Key(checkpoint.date, name)) for name in types], {}),
        ("Scorecard", [("scorecards", checkpoint)], {}),
    ):
        counts += materialize(jobs, instance, title, config)
    console = Console()
    print_scores(Console(width=max(console.width, SUMMARY_COLUMNS)), store, checkpoint)
    console.print(f"Stage results: {counts['written']} written, {counts['reused']} reused")
    page = store.file_uri("scorecard", checkpoint.segments(), "scorecard.html")
    console.print(f"Scorecard: {page}", soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
