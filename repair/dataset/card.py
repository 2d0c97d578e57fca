"""Data card of a training mixture: what it is made of, in Markdown, with counts."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute

from repair.prompt.sentinels import PROMPT_VERSION
from repair.schema.outcomes import REASON

pc: Any = pyarrow.compute  # its functions are made at import, so that type checkers do not see them

SHOWN = 30
"""Codes that are listed; the others share a line."""


@dataclass(slots=True)
class MixtureCard:
    """Counts the examples that come into a mixture, and those that stay, while they stream by."""

    came_in: dict[str, Counter[str]] = field(default_factory=lambda: _counters("licence", "teacher"))
    """Column -> value -> examples of the window."""
    kept: dict[str, Counter[str]] = field(default_factory=lambda: _counters("code", "split"))
    """Column -> value -> examples of the mixture."""
    projects: set[str] = field(default_factory=set[str])

    def count_incoming(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The examples of the window as they are."""
        for batch in batches:
            _count(batch, self.came_in)
            yield batch

    def count_outcomes(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The outcomes of the mixture as they are."""
        for batch in batches:
            kept = batch.filter(pc.is_null(batch.column(REASON)))
            _count(kept, self.kept)
            self.projects.update(kept.column("project_id").to_pylist())
            yield batch

    def markdown(self, dates: Sequence[str]) -> str:
        """The card; `dates` are those of the window, in order."""
        examples, incoming = self.kept["split"].total(), self.came_in["teacher"].total()
        window = f"the dates {dates[0]} to {dates[-1]}" if dates else "no date"
        lines = [
            f"# Training mixture of {dates[-1] if dates else 'no date'}",
            "",
            f"{examples} examples of {len(self.projects)} projects, out of {incoming} of {window}"
            f" ({len(dates)} with data). Prompt format {PROMPT_VERSION}.",
            "",
            "Each example is a diagnostic of pyright or ruff in a public Python project whose owner agreed"
            " to training, with a repair after which both servers no longer report it. Secrets and personal"
            " data are redacted, near-duplicates are left out, a project is on one side of the split, and no"
            " sample of a frozen benchmark is among the examples, nor nearly so. A verified repair is not"
            " always the right one: the servers do not run the code.",
        ]
        for title, counts in (
            ("Side of the split", self.kept["split"]),
            ("Diagnostic code", self.kept["code"]),
            ("Teacher, of the examples that came in", self.came_in["teacher"]),
            ("Licence, of the examples that came in", self.came_in["licence"]),
        ):
            lines += ["", *_section(title, counts)]
        return "\n".join(lines) + "\n"


def _counters(*columns: str) -> dict[str, Counter[str]]:
    return {name: Counter[str]() for name in columns}


def _count(batch: pa.RecordBatch, columns: Mapping[str, Counter[str]]) -> None:
    for name, counts in columns.items():
        for found in batch.column(name).value_counts().to_pylist():
            counts[found["values"] or "not known"] += found["counts"]


def _section(title: str, counts: Counter[str]) -> list[str]:
    rows = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    rest = sum(rows for _, rows in rows[SHOWN:])
    shown = [*rows[:SHOWN], *([(f"{len(rows) - SHOWN} others", rest)] if rest else [])]
    table = [f"| {_cell(name)} | {count} |" for name, count in shown]
    return [f"| {title} | examples |", "|---|---:|", *table]


def _cell(name: str) -> str:
    return name.replace("|", "\\|").replace("\n", " ")
