"""Inter-annotator agreement (raw, and Cohen's kappa), and the precision of labels that people audit."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from repair.diagnostics.codes import type_of_code
from repair.evaluation.annotation.decisions import (
    ADJUDICATOR,
    RIGHT,
    SKIP,
    UNSURE,
    WRONG,
    Decision,
    Decisions,
    consensus,
)
from repair.evaluation.annotation.samples import Sample
from repair.evaluation.intervals import wilson


def cohens_kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Cohen's kappa (1960) of two raters' labels of the same items: 1 is full agreement, 0 that of chance.

    None where chance alone gives full agreement (both always use one and the same label), or without items.
    """
    n = len(pairs)
    first, second = Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
    observed = sum(one == other for one, other in pairs)
    expected = sum(count * second[label] for label, count in first.items())
    # in whole numbers until the end: (observed / n - expected / n^2) / (1 - expected / n^2)
    return None if n * n == expected else (observed * n - expected) / (n * n - expected)


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two annotators on the `n` samples that both have decided; skipped ones are not decided."""

    annotators: tuple[str, str]
    n: int
    agreed: int
    kappa: float | None
    disagreements: tuple[tuple[str, str, str], ...]
    """(sample id, decision of the first, decision of the second), also where two corrections differ: those
    are one label to kappa and to `agreed`."""

    def __str__(self) -> str:
        kappa = "undefined (one label only)" if self.kappa is None else f"{self.kappa:.3f}"
        raw = f"{self.agreed} of {self.n} ({self.agreed / self.n:.1%})" if self.n else "no sample in common"
        return f"{' and '.join(self.annotators)}: {raw}, Cohen's kappa {kappa if self.n else 'unknown'}"


def agreements(samples: Iterable[Sample], decisions: Decisions) -> list[Agreement]:
    """Every pair of annotators. The adjudicator is none of them, who sees their decisions."""
    by_sample = {sample.sample_id: _decided(sample, decisions) for sample in samples}
    names = sorted({name for decided in by_sample.values() for name in decided} - {ADJUDICATOR})
    found: list[Agreement] = []
    for pair in combinations(names, 2):
        both = [
            (sample_id, decided[pair[0]], decided[pair[1]])
            for sample_id, decided in by_sample.items()
            if pair[0] in decided and pair[1] in decided
        ]
        labels = [(one.decision, other.decision) for _, one, other in both]
        found.append(
            Agreement(
                pair,
                len(both),
                sum(one == other for one, other in labels),
                cohens_kappa(labels),
                tuple(
                    (sample_id, one.decision, other.decision)
                    for sample_id, one, other in both
                    if one.stand != other.stand or one.decision != other.decision
                ),
            )
        )
    return found


def _decided(sample: Sample, decisions: Decisions) -> Mapping[str, Decision]:
    known = decisions.of(sample.sample_id, sample.sha256)
    return {name: row for name, row in known.items() if row.decision != SKIP}


def summary(samples: Sequence[Sample], decisions: Decisions, *, audit: bool) -> Iterator[str]:
    """Lines for people: progress, agreement, disagreements and, of an audit, the precision of the labels."""
    decided = {sample.sample_id: _decided(sample, decisions) for sample in samples}
    for name in sorted({name for rows in decided.values() for name in rows}):
        counts = Counter(rows[name].decision for rows in decided.values() if name in rows)
        words = ", ".join(f"{count} {decision}" for decision, count in sorted(counts.items()))
        yield f"{name}: {counts.total()} of {len(samples)} decided ({words})"
    for found in agreements(samples, decisions):
        yield str(found)
        yield from (f"  {sample_id}: {one}, {other}" for sample_id, one, other in found.disagreements)
    if audit:
        yield from _precision(samples, decisions)


def _precision(samples: Iterable[Sample], decisions: Decisions) -> Iterator[str]:
    by_type: dict[str, Counter[str]] = {}
    for sample in samples:
        agreed = consensus(decisions.of(sample.sample_id, sample.sha256))
        label = "open" if agreed is None else agreed.decision or "disagreed"
        by_type.setdefault(type_of_code(sample.code), Counter())[label] += 1
    total = sum(by_type.values(), Counter[str]())
    for name, counts in [*sorted(by_type.items()), ("all types", total)]:
        right, known = counts[RIGHT], counts[RIGHT] + counts[WRONG]
        low, high = wilson(right, known)
        rate = f"{right / known:.1%} ({right} of {known}; {low:.1%} to {high:.1%})" if known else "unknown"
        rest = ", ".join(f"{counts[label]} {label}" for label in (UNSURE, "disagreed", "open"))
        yield f"precision of {name}: {rate}; {rest}"
