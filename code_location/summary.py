"""Summary of the demo: tables of counts and scores, and where to look.

Tested by `tests/code_location/test_demo.py`.
"""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from partitions.keys import Key
from repair.evaluation.intervals import Share
from repair.evaluation.outcomes import ABSTAINED, NO_CHANGE
from repair.evaluation.reports.funnel import Funnel, funnels, steps_of, total
from repair.evaluation.summary import SystemScore, summarize
from repair.pipeline import STAGES
from repair.store.reader import PartitionStore

SUMMARY_COLUMNS = 136
"""The width that the tables need at least."""

_METRIC_COLUMNS = {
    "functional": "functional",
    "functional_strict": "strict",
    "ast_match": "AST",
    "ast_or_string_match": "AST or string",
    "repaired": "repaired",
}
_KIND_COLUMNS = {NO_CHANGE: "no change", ABSTAINED: "abstained"}

SHOWN = [step for step in steps_of(STAGES) if step not in ("settled", "replayed")]


def print_summary(
    console: Console, store: PartitionStore, home: Path, dates: Sequence[str], results: Counter[str]
) -> None:
    """Print the funnel by type, the training's losses, the scores and the paths to look at."""
    last = Key(dates[-1]).segments()
    print_funnel(console, store, dates)
    made_by = json.loads(store.read_bytes("checkpoint", last, "checkpoint/made_by.json"))
    result = made_by["result"]
    console.print(f"Loss: first {result['first_loss']:.3f}, last {result['last_loss']:.3f}")
    console.print(score_table(summarize(store, dates[-1]), "all samples"))
    console.print(f"Stage results: {results['written']} written, {results['reused']} reused")
    console.print("Look at")
    console.print(f"  scorecard    {store.file_uri('scorecard', last, 'scorecard.html')}")
    console.print(f"  checkpoint   {store.uri('checkpoint', last)}")
    console.print(f"  all tables   {store.base_uri}")
    console.print(f"  Dagster UI   make dev, then http://localhost:3000 (instance {home / 'dagster'})")


def print_funnel(console: Console, store: PartitionStore, dates: Sequence[str]) -> None:
    """Print the rows that each step left, by type."""
    title = f"{_sessions(store, dates)} sessions on {len(dates)} dates"
    console.print(_funnel_table(funnels(store, STAGES, dates), title))


def _sessions(store: PartitionStore, dates: Sequence[str]) -> int:
    """Sessions of all dates; one that crosses midnight counts once."""
    found: set[str] = set()
    for day in dates:
        ids = store.table("session_events", Key(day).segments(), columns=["session_id"])["session_id"]
        found.update(ids.unique().drop_null().to_pylist())
    return len(found)


def _funnel_table(rows: Sequence[Funnel], title: str) -> Table:
    table = Table(title=title, show_footer=True)
    sums = total(rows, STAGES)
    table.add_column("diagnostic type", footer="all", no_wrap=True)
    for step in SHOWN:
        table.add_column(step, justify="right", footer=str(sums[step]))
    for row in rows:
        table.add_row(row.diagnostic_type, *(str(row.steps[step]) for step in SHOWN))
    return table


def score_table(scores: Sequence[SystemScore], samples: str) -> Table:
    """Benchmark and system by metric; answers that change or propose nothing are counted apart."""
    table = Table(title=f"Scores: per cent of {samples}, and the 95% interval", box=SIMPLE_HEAD)
    for name in ("benchmark", "system"):
        table.add_column(name)
    table.add_column("n", justify="right")
    for name in (*_METRIC_COLUMNS.values(), *_KIND_COLUMNS.values()):
        table.add_column(name, justify="right")
    for number, score in enumerate(scores):
        cells = (
            *(score.metrics[name] for name in _METRIC_COLUMNS),
            *(score.kinds[name] for name in _KIND_COLUMNS),
        )
        last = number + 1 == len(scores) or scores[number + 1].benchmark != score.benchmark
        table.add_row(score.benchmark, score.system, str(score.samples), *map(_cell, cells), end_section=last)
    return table


def _cell(share: Share | None) -> str:
    if share is None:
        return "-"
    low, high = share.interval
    return f"{100 * share.value:.1f}\n{100 * low:.1f}-{100 * high:.1f}"
