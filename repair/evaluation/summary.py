"""Aggregated scores of the systems over a benchmark, with Wilson intervals.

A system may give several answers to a sample. The samples are independent, its answers are not: shares are
over samples, of the first answer to each; `pass_at` uses all of them.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from repair.evaluation.intervals import Share, pass_at_k
from repair.evaluation.outcomes import shares_of_kinds

if TYPE_CHECKING:
    from repair.store.reader import PartitionStore  # the core has the shares without a store

METRICS = ("ast_match", "ast_or_string_match", "repaired", "functional", "functional_strict")

Row = Mapping[str, Any]
"""A row of `SCORES`; where it lacks `answer_index` that is 0, and a metric that it lacks is not known."""


@dataclass(frozen=True, slots=True)
class SystemScore:
    """One system's shares on one group of samples."""

    benchmark: str
    system: str
    samples: int
    metrics: Mapping[str, Share | None]
    """Metric -> share; None: no sample of the group has it."""
    kinds: Mapping[str, Share]
    """Kind of outcome (`repair.evaluation.outcomes.KINDS`) -> share; they add up to all samples."""


@dataclass(frozen=True, slots=True)
class VerifierPrecision:
    """Of the samples to which a system's answers verify, the share that passes the tests."""

    system: str
    answers: int
    """Of which the first one counts that verifies."""
    verified: Share
    precision: Share | None
    """None: no answer verifies."""


def verifier_precisions(rows: Iterable[Row]) -> list[VerifierPrecision]:
    """Of the rows of one benchmark, for each system in order of first appearance: of its first answers, and
    of all where it gave several. Systems without an answer whose tests were run are left out."""
    found: list[VerifierPrecision] = []
    tested = [row for row in rows if row.get("functional") is not None]
    for (_, system), group in by_benchmark_and_system(tested).items():
        for answers in sorted({1, 1 + max(map(answer_index, group))}):
            own = [row for row in group if answer_index(row) < answers]
            shown = first_answers(row for row in own if row["repaired"])
            verified = Share(len(shown), len(first_answers(own)))
            found.append(VerifierPrecision(system, answers, verified, share_of(shown, "functional")))
    return found


def by_benchmark_and_system(rows: Iterable[Row]) -> dict[tuple[str, str], list[Row]]:
    """Rows by benchmark and system, in order of first appearance."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["benchmark"], row["system"]), []).append(row)
    return groups


def first_answers(rows: Iterable[Row]) -> list[Row]:
    """The first answer of each system to each sample, in order of first appearance."""
    first: dict[tuple[str, str, str], Row] = {}
    for row in rows:
        key = row["benchmark"], row["system"], row["sample_id"]
        if key not in first or answer_index(row) < answer_index(first[key]):
            first[key] = row
    return list(first.values())


def answer_index(row: Row) -> int:
    """Which answer of its system to its sample a row is, from 0."""
    return row.get("answer_index") or 0


def system_scores(rows: Iterable[Row]) -> list[SystemScore]:
    """One score for each benchmark and system of rows of `SCORES`, in order of first appearance."""
    return [
        SystemScore(
            benchmark,
            system,
            len(group),
            {name: share_of(group, name) for name in METRICS},
            shares_of_kinds(group),
        )
        for (benchmark, system), group in by_benchmark_and_system(first_answers(rows)).items()
    ]


def scores_by(rows: Iterable[Row], group_of: Callable[[Row], str]) -> dict[str, list[SystemScore]]:
    """`system_scores` of each group, in order of first appearance."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(group_of(row), []).append(row)
    return {name: system_scores(group) for name, group in groups.items()}


def share_of(rows: Sequence[Row], metric: str) -> Share | None:
    """The share of the rows for which a metric holds; None: it is known of none."""
    known = [row[metric] for row in rows if row.get(metric) is not None]
    return Share.of(sum(known), len(known))


def pass_at(rows: Iterable[Row], metric: str) -> dict[int, Share]:
    """k -> mean of the samples' unbiased estimates of pass@k, for k of 1, 2, 4, ... and all answers.

    `rows` are of one system and benchmark. A k is left out where a sample has fewer answers. Empty where the
    metric is known of no answer.
    """
    right: Counter[str] = Counter()
    answers: Counter[str] = Counter()
    for row in rows:
        if row.get(metric) is not None:
            answers[row["sample_id"]] += 1
            right[row["sample_id"]] += bool(row[metric])
    if not answers:
        return {}
    most = min(answers.values())
    ks = sorted({most, *(2**power for power in range(most.bit_length()))})
    return {
        k: Share(sum(pass_at_k(n, right[sample], k) for sample, n in answers.items()), len(answers))
        for k in ks
    }


def score_rows(store: "PartitionStore", date: str) -> dict[str, list[dict[str, Any]]]:
    """Diagnostic type -> rows of `SCORES` of the checkpoint of `date`."""
    return {
        partition["diagnostic_type"]: store.table("eval_results", partition).to_pylist()
        for partition in store.partitions("eval_results")
        if partition["date"] == date
    }


def summarize(store: "PartitionStore", date: str) -> list[SystemScore]:
    """The scores of the checkpoint of `date` over all diagnostic types."""
    return system_scores(row for rows in score_rows(store, date).values() for row in rows)
