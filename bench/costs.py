"""Cost model: core hours, tokens, GPU hours and storage of 100,000 and of 10,000,000 diagnostics.

    python bench/costs.py                       # the tables of docs/costs.md
    python bench/costs.py --store .demo/store   # rows, bytes and tokens for each diagnostic in a store

The first is arithmetic on `MEASURED`: each figure has the command that measured it. Everything is taken as
proportional to the number of diagnostics; `bench/growth.py` shows that the time for each falls a little.
"""

import argparse
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from repair.pipeline import STAGES
from repair.prompt.sentinels import ZERO_SHOT_SYSTEM, Example, render_prompt
from repair.store.reader import PartitionStore
from repair.store.text_table import FOLDER
from repair.synthesis.lm.limits import estimated_tokens
from repair.text.files import text_of

SIZES = (100_000, 10_000_000)
CORES = 2
"""Of the machine on which the milliseconds were measured: all of them were at work."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured figure."""

    value: float
    what: str
    source: str


MEASURED: Mapping[str, Figure] = {
    "error_states": Figure(2.3, "ms for a sampled diagnostic: validation and replay", "bench/growth.py"),
    "reproduced_diagnostics": Figure(7.2, "ms for one: pyright and ruff", "bench/growth.py"),
    "repair_candidates": Figure(4.5, "ms for one: filters, redaction, near-duplicates", "bench/growth.py"),
    "candidates": Figure(0.55, "candidates of a sampled diagnostic", "bench/costs.py --store"),
    "verification": Figure(7.2, "ms for a diff: pyright and ruff again", "bench/growth.py"),
    "checks": Figure(1.02, "checks of the servers for a diff", "bench/verification.py"),
    "question": Figure(
        583, "tokens of a question to a teacher, a quarter of its characters", "bench/costs.py --store"
    ),
    "answer": Figure(29, "tokens of an answer", "bench/costs.py --store"),
    "example": Figure(369, "tokens of a training example", "docs/training.md: 735,361 of 1,992"),
    "epochs": Figure(4, "epochs", "the recipe of 7 billion weights"),
    "gpu": Figure(10_643, "tokens a second and GPU", "published of LLM Foundry, 7B on H100; not run here"),
    "bytes": Figure(2_452, "bytes stored for a sampled diagnostic", "bench/costs.py --store"),
}


def value(name: str) -> float:
    return MEASURED[name].value


def rows(size: int) -> Iterator[tuple[str, str]]:
    """What so many sampled diagnostics take, one line of the table each."""
    candidates = size * value("candidates")
    hours = CORES / 1000 / 3600
    parts = {
        "events to error states": size * value("error_states") * hours,
        "reproduction": size * value("reproduced_diagnostics") * hours,
        "candidates": size * value("repair_candidates") * hours,
        "verification": candidates * value("verification") * value("checks") * hours,
    }
    for name, core_hours in parts.items():
        yield f"{name}, core hours", _number(core_hours)
    yield "**core hours**", f"**{_number(sum(parts.values()))}**"
    yield "candidates, each a question", _number(candidates)
    yield "tokens that a teacher reads, millions", _number(candidates * value("question") / 1e6)
    yield "tokens that it writes, millions", _number(candidates * value("answer") / 1e6)
    trained = candidates * value("example") * value("epochs")
    yield "training tokens at most, millions", _number(trained / 1e6)
    yield "**GPU hours (H100) at most**", f"**{_number(trained / value('gpu') / 3600)}**"
    yield "storage, GB", _number(size * value("bytes") / 1e9)


def _number(found: float) -> str:
    return f"{found:,.0f}" if found >= 20 else f"{found:.1f}" if found >= 1 else f"{found:.2f}"


def tables() -> str:
    """The two tables, in Markdown."""
    heads = [f"{size:,} diagnostics" for size in SIZES]
    lines = [f"| | {' | '.join(heads)} |", f"|---|{'---:|' * len(SIZES)}"]
    for parts in zip(*map(rows, SIZES), strict=True):
        lines.append(f"| {parts[0][0]} | {' | '.join(part for _, part in parts)} |")
    lines += ["", "| figure | | measured by |", "|---:|---|---|"]
    lines += [f"| {known.value:,g} | {known.what} | {_source(known)} |" for known in MEASURED.values()]
    return "\n".join(lines)


def _source(known: Figure) -> str:
    return f"`{known.source}`" if known.source.startswith("bench/") else known.source


def measure(store: PartitionStore) -> str:
    """Rows, bytes and tokens of a store for each of its sampled diagnostics."""
    counts: Counter[str] = Counter()
    stored = sum(file.stat().st_size for file in Path(store.base_uri, FOLDER).rglob("*.parquet"))
    for stage in STAGES:
        for partition in store.partitions(stage.name):
            manifest = store.manifest(stage.name, partition)
            if manifest:
                counts[stage.name] += manifest.rows_out
                stored += sum(file.bytes for file in manifest.files)
    questions = [
        estimated_tokens([{"content": ZERO_SHOT_SYSTEM}, {"content": render_prompt(_example(row))}])
        for row in _rows(store, "repair_candidates", ["path", "files", "diagnostic"])
    ]
    answers = [len(row["response"]) / 4 for row in _rows(store, "repair_examples", ["response"])]
    sampled = counts["error_states"]
    lines = [
        f"{name}: {count:,} rows, {count / sampled:.2f} for each sampled" for name, count in counts.items()
    ]
    return "\n".join(
        [
            *lines,
            f"bytes stored, texts among them: {stored / sampled:,.0f} for each sampled",
            f"tokens of a question: {_mean(questions):,.0f}; of an answer: {_mean(answers):,.0f}",
        ]
    )


def _rows(store: PartitionStore, asset: str, columns: list[str]) -> Iterator[Mapping[str, Any]]:
    for partition in store.partitions(asset):
        for batch in store.read(asset, partition, columns=columns):
            yield from batch.to_pylist()


def _example(row: Mapping[str, Any]) -> Example:
    diagnostic = row["diagnostic"]
    return Example(row["path"], text_of(row), diagnostic["message"], diagnostic["start_line"])


def _mean(figures: Sequence[float]) -> float:
    return sum(figures) / max(1, len(figures))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--store", help="measure this one")
    options = parser.parse_args()
    print(measure(PartitionStore(options.store)) if options.store else tables())
