"""Data card of a training mixture: what it is made of, in Markdown, with counts."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.compute

from repair.prompt.sentinels import PROMPT_VERSION
from repair.schema.outcomes import REASON

pc: Any = pyarrow.compute  # its functions are made at import, so that type checkers do not see them

SHOWN = 30
"""Codes that are listed; the others share a line."""


BOUNDS = (0.0, 0.5, 0.8, 0.9)
"""Where the ranges of confidence begin that are counted."""

Measured = Mapping[str, Mapping[str, str]]
"""Teacher -> benchmark -> precision of what verifies, in words."""


@dataclass(slots=True)
class MixtureCard:
    """Counts the examples that come into a mixture, and those that stay, while they stream by.

    `measured`: how right verified repairs of the teachers are, where their tests were run.
    """

    measured: Measured = field(default_factory=dict[str, Mapping[str, str]])
    least_precision: float = 0.0
    """That was asked for; 0: none."""
    least_confidence: float = 0.0
    """What that takes."""
    came_in: dict[str, Counter[str]] = field(default_factory=lambda: _counters("licence", "teacher"))
    """Column -> value -> examples of the window."""
    kept: dict[str, Counter[str]] = field(default_factory=lambda: _counters("code", "split"))
    """Column -> value -> examples of the mixture."""
    confidence: Counter[float | None] = field(default_factory=Counter[float | None])
    """Beginning of a range of confidence -> examples of the mixture; null: they have none."""
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
            for confidence in kept.column("confidence").to_pylist():
                self.confidence[_range_of(confidence)] += 1
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
            "",
            self._asked_for(),
        ]
        for title, counts in (
            ("Side of the split", self.kept["split"]),
            ("Diagnostic code", self.kept["code"]),
            ("Teacher, of the examples that came in", self.came_in["teacher"]),
            ("Licence, of the examples that came in", self.came_in["licence"]),
        ):
            lines += ["", *_section(title, counts)]
        lines += ["", *self._confidences(), "", *self._precisions()]
        return "\n".join(lines) + "\n"

    def _asked_for(self) -> str:
        if not self.least_precision:
            return "No precision was asked for: whatever verifies is in."
        return (
            f"A precision of {self.least_precision} was asked for: every example has a confidence of"
            f" {self.least_confidence} at least, the lowest at which the verifier's calibration has that"
            " precision on the LeetCode problems that it was chosen on."
        )

    def _confidences(self) -> Iterator[str]:
        yield "| Confidence that the repair is right | examples |"
        yield "|---|---:|"
        for low, high in pairwise((*BOUNDS, 1.0)):
            yield f"| {low} to {high} | {self.confidence[low]} |"
        if none := self.confidence[None]:
            yield f"| not known: of types of diagnostic that were not measured | {none} |"

    def _precisions(self) -> Iterator[str]:
        """How right the verified repairs of these teachers are, where tests can tell."""
        benchmarks = list(dict.fromkeys(name for found in self.measured.values() for name in found))
        yield (
            "Share of a teacher's verified repairs of LeetCode problems that pass the tests: per cent, with"
            " its 95 % interval, measured by `bench/precision.py` (docs/studies.md). The rows are about other"
            " code, with other mistakes."
        )
        yield ""
        yield f"| {' | '.join(('Teacher', *map(_cell, benchmarks)))} |"
        yield f"|---{'|---' * len(benchmarks)}|"
        for teacher in sorted(self.came_in["teacher"]):
            found = self.measured.get(teacher, {})
            cells = (found.get(benchmark, "not measured") for benchmark in benchmarks)
            yield f"| {' | '.join((_cell(teacher), *cells))} |"


def _counters(*columns: str) -> dict[str, Counter[str]]:
    return {name: Counter[str]() for name in columns}


def _count(batch: pa.RecordBatch, columns: Mapping[str, Counter[str]]) -> None:
    for name, counts in columns.items():
        for found in batch.column(name).value_counts().to_pylist():
            counts[found["values"] or "not known"] += found["counts"]


def _range_of(confidence: float | None) -> float | None:
    return None if confidence is None else max(low for low in BOUNDS if confidence >= low)


def _section(title: str, counts: Counter[str]) -> list[str]:
    rows = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    rest = sum(rows for _, rows in rows[SHOWN:])
    shown = [*rows[:SHOWN], *([(f"{len(rows) - SHOWN} others", rest)] if rest else [])]
    table = [f"| {_cell(name)} | {count} |" for name, count in shown]
    return [f"| {title} | examples |", "|---|---:|", *table]


def _cell(name: str) -> str:
    return name.replace("|", "\\|").replace("\n", " ")
