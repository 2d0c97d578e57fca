"""Counts of a store's scored answers for the studies: scores, sizes, answer formats, ablations.

It is no program of its own; `bench/studies.py` writes them to result files.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from paired_results import Row, compare, made_of, outcomes, with_earlier

from repair.evaluation.leetcode.functional import judged, judged_strictly
from repair.evaluation.outcomes import NO_CHANGE
from repair.evaluation.scoring import scores
from repair.language_servers import LanguageServers
from repair.prompt.answer_formats import LINE_DIFF
from repair.store.manifest import Manifest
from repair.store.reader import PartitionStore
from repair.training.scaling import SCALED, Scaled

UNREADABLE = {
    "malformed": {"no_diff", "malformed", "not_rising"},
    "wrong line": {"wrong_line", "content_mismatch", "outside_excerpt"},
}
"""What the studies of trained models count -> the outcomes of such answers."""

TAUGHT = ("asked", "kept", "as_the_user", "rejects", "calibration")
"""What is known of a round of rejection sampling."""

ARMS: Mapping[str, Callable[[Scaled], bool]] = {
    "formats": lambda scaled: scaled.answer_format != LINE_DIFF,
    "ablations": lambda scaled: scaled.answer_format == LINE_DIFF,
}


def scores_of(store: PartitionStore) -> Iterator[dict[str, Any]]:
    """Of each benchmark and system that a store has scored: samples, and how many first answers are what."""
    found: dict[tuple[str, str], Counter[str]] = {}
    for partition in store.partitions("eval_results"):
        for row in store.table("eval_results", partition).to_pylist():
            if not row["answer_index"]:
                counts = found.setdefault((row["benchmark"], row["system"]), Counter())
                counts["n"] += 1
                counts.update(
                    name for name in ("functional", "ast_match", "ast_or_string_match") if row[name]
                )
    for (benchmark, system), counts in sorted(found.items()):
        yield {"benchmark": benchmark, "system": system, **counts}


def points_of(store: PartitionStore) -> list[dict[str, Any]]:
    """The points of a store's `scaling_page`, each with the outcomes of its samples, the tokens that it
    learned in an epoch, and the mean loss of the last batches."""
    points = store.table("scaling_page", {}).to_pylist()
    for point in points:
        partition = {"recipe": point["recipe"], "size": str(point["size"])}
        rows = store.table("scaling_results", partition).to_pylist()
        own = [row for row in rows if row["benchmark"] == point["benchmark"]]
        manifest = _manifest(store, partition)
        training = manifest.extra["training"] or {}
        learned = {"learned": training.get("learned_tokens"), "loss": training.get("last_loss")}
        point.update({**made_of(manifest), **unreadable(own), **outcomes(own), **learned})
    return points


def versions_of(store: PartitionStore) -> dict[str, str]:
    """Those that trained the last of the stored models."""
    if not (stored := store.partitions("scaling_results")):
        raise SystemExit("there are no scaling_results in the store; materialize some (docs/training.md)")
    return dict(_manifest(store, stored[-1]).versions)


def _manifest(store: PartitionStore, partition: Mapping[str, str]) -> Manifest:
    if (found := store.manifest("scaling_results", partition)) is None:
        raise SystemExit(f"{partition} was taken away meanwhile; make the page again")
    return found


def rescored(store: PartitionStore, rows: Sequence[Row], answers_are: str) -> list[dict[str, Any]]:
    """Stored answers with the scores that they have by today's reader of their format: where it reads more
    than it did, no model has to be trained again."""
    benchmark = "leetcode_benchmark"
    partitions = store.partitions(benchmark)
    samples = [row for partition in partitions for row in store.table(benchmark, partition).to_pylist()]
    with LanguageServers(os.cpu_count() or 1) as servers:
        found = scores(samples, rows, servers, judged, judged_strictly, answers_are=answers_are)
        scored = [row for batch in found for row in batch.to_pylist()]
    return [{**row, **score} for row, score in zip(rows, scored, strict=True)]


def arms_of(
    store: PartitionStore,
    study: str,
    size: int,
    scored: Callable[[PartitionStore, Sequence[Row], str], Sequence[Row]] = rescored,
) -> Iterator[dict[str, Any]]:
    """A study's `scaling_results` of a number of examples, and those that they are compared with."""
    chosen = {name for name in SCALED if SCALED[name].beside and ARMS[study](SCALED[name])}
    chosen |= {SCALED[name].beside for name in chosen}
    for partition in store.partitions("scaling_results"):
        if partition["recipe"] not in chosen or int(partition["size"]) != size:
            continue
        rows = store.table("scaling_results", partition).to_pylist()
        if (scaled := SCALED[partition["recipe"]]).answer_format != LINE_DIFF:
            rows = scored(store, rows, scaled.answer_format)
        manifest = _manifest(store, partition)
        training = manifest.extra["training"] or {}
        taught = {name: training[name] for name in TAUGHT if name in training}
        for row in counted_by_benchmark(rows, partition["recipe"]):
            yield {**row, **made_of(manifest), **taught}


def unreadable(rows: Sequence[Row]) -> dict[str, int]:
    """How many of the scored answers are no diff of the file."""
    found = Counter(row["outcome"] for row in rows)
    return {name: sum(found[each] for each in those) for name, those in UNREADABLE.items()}


def counted_by_benchmark(rows: Sequence[Row], recipe: str) -> Iterator[dict[str, Any]]:
    """Counts of the scored answers of one model, for each benchmark."""
    for benchmark in sorted({row["benchmark"] for row in rows}):
        own = [row for row in rows if row["benchmark"] == benchmark]
        yield {
            **{"benchmark": benchmark, "format": SCALED[recipe].answer_format, "n": len(own)},
            **{name: own[0][name] for name in ("recipe", "size", "examples", "tokens")},
            **{name: sum(bool(row[name]) for row in own) for name in ("functional", "repaired")},
            **unreadable(own),
            "unchanged": sum(row["outcome"] == NO_CHANGE for row in own),
            "output_tokens": sum(row["output_tokens"] or 0 for row in own),
            **dict.fromkeys(("gained", "lost", "p")),
            **outcomes(own),
        }


def compared(rows: Sequence[Row], earlier: Sequence[Row]) -> list[dict[str, Any]]:
    """Rows of both results, each compared with the one that it stands beside, or with its size before."""
    found = with_earlier(rows, earlier)

    def other(row: Row) -> Row | None:
        beside = SCALED[row["recipe"]].beside
        others = [
            each
            for each in found
            if (each["benchmark"], each["recipe"]) == (row["benchmark"], beside or row["recipe"])
            and (each["size"] == row["size"] if beside else each["size"] < row["size"])
        ]
        return max(others, key=lambda each: each["size"], default=None)

    compare(found, other)
    return found
