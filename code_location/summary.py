"""Summary of the demo: tables of counts and scores, and where to look.

Tested by `tests/code_location/test_demo.py`.
"""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from partitions.keys import Key
from repair.evaluation.reports.funnel import Funnel, funnels, steps_of, total
from repair.evaluation.summary import SystemScore, summarize
from repair.pipeline import STAGES
from repair.store.reader import PartitionStore

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
    console.print(_score_table(summarize(store, dates[-1])))
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


def _score_table(scores: Sequence[SystemScore]) -> Table:
    table = Table(title="Scores (per cent, 95% interval)")
    for name in (
        "benchmark",
        "system",
        "samples",
        "AST",
        "AST or string",
        "repaired",
        "functional",
        "strict",
    ):
        table.add_column(name, justify="left" if name in ("benchmark", "system") else "right")
    for score in scores:
        table.add_row(
            score.benchmark,
            score.system,
            str(score.samples),
            *(share.text() if share else "-" for share in score.shares()),
        )
    return table
