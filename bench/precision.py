"""How often a verified repair is right, by system and by what can be seen of it; fits the calibrations.

    python bench/precision.py --store .model/store --out .model/precision            # decodes the rest
    python bench/precision.py --store .model/store --out .model/precision --no-decode # what is there
    python bench/precision.py --store .model/store --out .model/precision --fit       # and calibrates
    python bench/precision.py --store .model/store --out .model/precision --no-decode --scripted 150

The samples are those of the LeetCode benchmarks in the store, whose tests are run in the sandbox. Answers are
searched as `repair fix -k 8` does, in an order by a seeded hash: first one to each sample, then 8 where
something speaks against the first. That takes an hour on two cores; the same command resumes it, and of an
unfinished run k = 8 is reported up to its gap. Other systems come from the store's `eval_results`, where they
are there: one answer of `rules`, and one of the store's checkpoint at temperature 0.1 (`model`).
`--scripted N`: teachers of known kind (`repair.evaluation.scripted_fixes`) answer the first N samples
besides.

Two calibrations are fitted, and their thresholds chosen, on the half of the problems with injected bugs that
no result is reported on (`leetcode_injected_choose`); everything else is reported. The model's, which
`repair fix` shows its answers by, lies beside it. The verifier's own, of the first answers of all systems
but the scripted, gives verified rows their confidence.
"""

import argparse
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from decoded_answers import Answers, K
from rich import box
from rich.console import Console
from rich.table import Table

from repair.evaluation.benchmark import INJECTED, INJECTED_CHOOSE, LEETCODE
from repair.evaluation.calibration import calibrated, cuts_of, shown_at
from repair.evaluation.intervals import Share
from repair.evaluation.leetcode.functional import judged
from repair.evaluation.scripted_fixes import KINDS, scripted
from repair.evaluation.verified_answers import (
    Row,
    describe,
    first_only,
    judged_repairs,
    latest,
    pooled,
    precisions,
)
from repair.fixing.chosen_model import SHIPPED
from repair.language_servers import LanguageServers
from repair.models.made_by import weights_of
from repair.prompt.sentinels import render_response
from repair.store.reader import PartitionStore
from repair.text.stable_hash import rank
from repair.verification.confidence import FILE, LEAST_LIKELY, OWN, Calibration, Signals, verifiers_own

SEED = 2026
Shown = Callable[[Sequence[Row]], Row | None]
"""Which of the verified answers to a sample is shown; None: none."""

BENCHMARKS = {INJECTED_CHOOSE: "choosing half", INJECTED: "reporting half", LEETCODE: "published bugs"}
ASKED_FOR = (0.9,)
"""Precisions that a mixture may ask for, and what becomes of them on other samples."""
REPORTED = {INJECTED: "LeetCode, injected bugs", LEETCODE: "LeetCode, published bugs"}


def of_problems(store: PartitionStore) -> list[dict[str, Any]]:
    """The samples, in an order by a seeded hash."""
    rows = [
        row
        for partition in store.partitions("leetcode_benchmark")
        for row in store.table("leetcode_benchmark", partition).to_pylist()
    ]
    return sorted(rows, key=lambda row: rank(SEED, row["sample_id"]))


def stored_answers(store: PartitionStore) -> dict[str, dict[str, Row]]:
    """First answers of the other systems that the store has scored, by system and sample; no references."""
    found: dict[str, dict[str, Row]] = {}
    for partition in store.partitions("eval_results"):
        for row in store.table("eval_results", partition).to_pylist():
            if row["system"] in ("empty", "history") or row["benchmark"] not in BENCHMARKS:
                continue
            if not row["answer_index"]:
                found.setdefault(row["system"], {})[row["sample_id"]] = {"answers": [row["answer"] or ""]}
    return found


def scripted_answers(samples: Sequence[Row]) -> dict[str, dict[str, Row]]:
    """The answers of each scripted teacher, by kind and sample."""
    found: dict[str, dict[str, Row]] = {kind: {} for kind in KINDS}
    for sample in samples:
        for kind, line_diff in scripted(sample, SEED).items():
            found[kind][sample["sample_id"]] = {"answers": [render_response(line_diff)]}
    return found


def first(repairs: Sequence[Row]) -> Row | None:
    return repairs[0] if repairs else None


def kept_if(test: Callable[[Row], bool]) -> Shown:
    """The first that verifies, if it passes a test."""
    return lambda repairs: repairs[0] if repairs and test(repairs[0]) else None


def best_by(value: Callable[[Row], float]) -> Shown:
    """Of all that verify the one with the highest value."""
    return lambda repairs: max(repairs, key=value, default=None)


def log_probability(repair: Row) -> float:
    known: float | None = repair["signals"]["log_probability"]
    return LEAST_LIKELY if known is None else known


ALONE: Mapping[str, Shown] = {
    "first that verifies": first,
    "no needless change": kept_if(lambda row: row["signals"]["needless"] == 0),
    "no code as text": kept_if(lambda row: not row["signals"]["code_as_text"]),
    "one changed span": kept_if(lambda row: row["signals"]["spans"] == 1),
    "first answer": kept_if(lambda row: row["order"] == 0),
    "log-probability at least -1": kept_if(lambda row: log_probability(row) >= -1),
    "log-probability at least -2": kept_if(lambda row: log_probability(row) >= -2),
    "fewest spans of those that verify": best_by(lambda row: -row["signals"]["spans"]),
    "likeliest of those that verify": best_by(log_probability),
}


def before_gap(samples: Sequence[Row], rows: Mapping[str, Row]) -> list[Row]:
    """The rows of the samples before the first that is not settled: of an unfinished run a fair part."""
    found: list[Row] = []
    for sample in samples:
        row = rows.get(sample["sample_id"])
        if row is None or not settled(row):
            break
        found.append(row)
    return found


def settled(row: Row) -> bool:
    """Whether `repair fix` needs no further answer: it has them all, or nothing speaks against the first."""
    return row["k"] >= K or is_plain(row)


def is_plain(row: Row) -> bool:
    repairs = row["repairs"]
    return bool(repairs) and not Signals(**repairs[0]["signals"]).doubts()


def report(
    samples: Sequence[Row], rows: Sequence[Row], name: str, calibration: Calibration
) -> Iterator[Table]:
    """The tables of the study."""
    own = {row["sample_id"]: row for row in rows if row["system"] == name}
    eight = before_gap(samples, own)
    table = _table("precision of what verifies: per cent, 95 % interval", "samples", "system")
    for benchmark, title in BENCHMARKS.items():
        groups = {
            f"{system}, k = 1": [row for row in rows if row["system"] == system]
            for system in sorted({row["system"] for row in rows} - {name})
        }
        groups[f"{name}, k = 1"] = [first_only(row) for row in eight]
        groups[f"{name}, k = {K}"] = eight
        for group, known in groups.items():
            found = [row for row in known if row["benchmark"] == benchmark]
            table.add_row(title, group, *_cells(found, first))
            table.add_row(title, f"  above {calibration.threshold}", *_calibrated_cells(found, calibration))
    yield table
    for benchmark, title in BENCHMARKS.items():
        table = _table(f"each step alone, k = {K}: {title}", "step")
        found = [row for row in eight if row["benchmark"] == benchmark]
        for step, shown in ALONE.items():
            table.add_row(step, *_cells(found, shown))
        yield table
    yield reliability([row for row in eight if row["benchmark"] != INJECTED_CHOOSE], calibration)


def of_any_teacher(rows: Sequence[Row]) -> Calibration:
    """The verifier's own calibration: of the first answers of all systems, pooled."""
    choosing = [row for row in rows if row["benchmark"] == INJECTED_CHOOSE]
    systems = sorted({row["system"] for row in rows})
    repairs = pooled(choosing)
    found = calibrated(repairs)
    made_of = {**found.chosen_on, "benchmark": INJECTED_CHOOSE, "teachers": systems}
    return replace(
        found, chosen_on=made_of, cuts=cuts_of(found, repairs), measured=precisions(rows, REPORTED)
    )


def of_teachers(rows: Sequence[Row], calibration: Calibration) -> Table:
    """What the verifier's own calibration does to the first answers of each system."""
    table = _table("the verifier's own calibration, k = 1", "samples", "system")
    for benchmark, title in BENCHMARKS.items():
        for system in sorted({row["system"] for row in rows}):
            found = [
                first_only(row) for row in rows if (row["system"], row["benchmark"]) == (system, benchmark)
            ]
            table.add_row(title, system, *_cells(found, first))
            for name, threshold in _thresholds(calibration).items():
                table.add_row(title, f"  {name}", *_calibrated_cells(found, calibration, threshold))
    return table


def of_scripted(rows: Sequence[Row], calibration: Calibration) -> Table:
    """What verification, and the verifier's own calibration, make of scripted teachers."""
    table = _table("scripted teachers, all benchmarks", "teacher")
    for kind in KINDS:
        found = [row for row in rows if row["system"] == kind]
        table.add_row(kind, *_cells(found, first))
        for name, threshold in _thresholds(calibration).items():
            table.add_row(f"  {name}", *_calibrated_cells(found, calibration, threshold))
    return table


def _thresholds(calibration: Calibration) -> dict[str, float]:
    """That of the calibration, and those for the precisions that a mixture may ask for."""
    asked_for = {precision: calibration.threshold_for(precision) for precision in ASKED_FOR}
    return {
        f"above {calibration.threshold}": calibration.threshold,
        **{f"precision {one} asked for: above {least}": least for one, least in asked_for.items()},
    }


def reliability(rows: Iterable[Row], calibration: Calibration) -> Table:
    """Confidence beside the share that is right, on what the calibration was not fitted to."""
    title = "confidence of all verified answers beside the share that is right, on the reported samples"
    table = Table("confidence", "repairs", "mean confidence", "right", title=title, box=box.MARKDOWN)
    found = [(calibration.confidence(repair.signals), repair.right) for repair in judged_repairs(rows)]
    bounds = (0.0, 0.5, 0.8, 0.9, 1.0)
    for low, high in pairwise(bounds):
        inside = [(value, right) for value, right in found if low <= value < high or value == high == 1]
        if inside:
            mean = sum(value for value, _ in inside) / len(inside)
            share = _share(sum(right for _, right in inside), len(inside))
            table.add_row(f"{low:.1f} to {high:.1f}", str(len(inside)), f"{mean:.2f}", share)
    return table


def _table(title: str, *group: str) -> Table:
    table = Table(*group, title=title, box=box.MARKDOWN)
    for name in ("n", "verified", "shown", "right", "precision", "coverage"):
        table.add_column(name, justify="right")
    return table


def _cells(rows: Sequence[Row], shown: Shown) -> Iterator[str]:
    chosen = [repair for row in rows if (repair := shown(row["repairs"])) is not None]
    yield from _counts(rows, len(chosen), sum(repair["right"] for repair in chosen))


def _calibrated_cells(
    rows: Sequence[Row], calibration: Calibration, threshold: float | None = None
) -> Iterator[str]:
    least = calibration.threshold if threshold is None else threshold
    chosen = shown_at(judged_repairs(rows), calibration.confidence, least)
    yield from _counts(rows, len(chosen), sum(repair.right for repair in chosen))


def _counts(rows: Sequence[Row], chosen: int, right: int) -> Iterator[str]:
    verified = sum(bool(row["repairs"]) for row in rows)
    yield from map(str, (len(rows), verified, chosen, right))
    yield _share(right, chosen)
    yield _share(chosen, verified)


def _share(successes: int, n: int) -> str:
    share = Share.of(successes, n)
    return share.text() if share else "-"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--store", help="folder or URI of a store with LeetCode benchmarks")
    parser.add_argument("--out", type=Path, default=Path("precision"), help="folder of answers and verdicts")
    parser.add_argument("--model", type=Path, default=SHIPPED, help="folder of an adapter; the shipped one")
    parser.add_argument("--at-most", type=int, default=10**6, help="samples")
    parser.add_argument("--no-decode", action="store_true", help="only what has answers")
    parser.add_argument("--fit", action="store_true", help="write the calibrations")
    parser.add_argument("--scripted", type=int, default=0, help="samples that scripted teachers answer")
    options = parser.parse_args()
    if not options.store or not options.model.is_dir():
        print("nothing is measured: name --store, and a --model that is there")
        return
    # a folder for each model's weights: what others answered says nothing of these
    weights = hashlib.sha256(json.dumps(weights_of(options.model), sort_keys=True).encode()).hexdigest()
    out: Path = options.out / weights[:12]
    out.mkdir(parents=True, exist_ok=True)
    store, name = PartitionStore(options.store), options.model.name
    samples = of_problems(store)[: options.at_most]
    answers = Answers(options.model, out / f"{name}.answers.jsonl")
    repairs, scripts = out / "repairs.jsonl", options.out / "scripted.jsonl"
    with LanguageServers(2) as servers:
        for kind, found in scripted_answers(samples[: options.scripted]).items():
            describe(samples, found, kind, servers, scripts, judged)
        for system, found in stored_answers(store).items():
            describe(samples, found, system, servers, repairs, judged)
        if not options.no_decode:
            answers.decode(samples, 1)
            describe(samples, answers.read(), name, servers, repairs, judged)
            plain = {row["sample_id"] for row in latest(repairs) if row["system"] == name and is_plain(row)}
            answers.decode([row for row in samples if row["sample_id"] not in plain], K)
        describe(samples, answers.read(), name, servers, repairs, judged)
    rows = latest(repairs)
    by_sample = {row["sample_id"]: row for row in rows if row["system"] == name}
    own = [row for row in by_sample.values() if row["benchmark"] == INJECTED_CHOOSE]
    calibration = None if options.fit else Calibration.read(options.model)
    if calibration is None:
        eight = {row["sample_id"] for row in before_gap(samples, by_sample)}
        calibration = calibrated(judged_repairs(own), shown_among=eight)
    if options.fit:
        calibration.write(options.model)
        of_any_teacher(rows).write_to(OWN)
        verifiers_own.cache_clear()
        print(f"written: {FILE} of {options.model}, and {OWN}")
    console = Console(width=150)
    tables = [*report(samples, rows, name, calibration), of_teachers(rows, verifiers_own())]
    for table in (*tables, of_scripted(latest(scripts), verifiers_own())):
        console.print(table)
    console.print(json.dumps(asdict(calibration), indent=2))


if __name__ == "__main__":
    main()
