"""How often a verified repair is right, by system and by what can be seen of it; fits the verifier's own.

    python bench/precision.py --store .model/store --out .model/precision            # decodes the rest
    python bench/precision.py --store .model/store --out .model/precision --no-decode # what is there
    python bench/precision.py --store .model/store --out .model/precision --fit       # and the verifier's own
    python bench/precision.py --store .model/store --out .model/precision --no-decode --scripted 150

The samples are those of the LeetCode benchmarks in the store, whose tests are run in the sandbox. Answers are
searched as `repair fix -k 8` does, in an order by a seeded hash: first one to each sample, then 8 where
something speaks against the first. That takes an hour on two cores; the same command resumes it, and of an
unfinished run k = 8 is reported up to its gap. The rules are asked, too; other systems come from the store's
`eval_results`, where they are there: one answer of its checkpoint at temperature 0.1 (`model`). `repair fix`
is the model's first answer, then that of the rules, then the model's others.
`--scripted N`: teachers of known kind (`repair.evaluation.scripted_fixes`) answer the first N samples
besides. `--result FILE` writes the figures, of which `bench/studies.py` makes docs/studies.md.

Calibrations are fitted, and their thresholds chosen, on the half of the problems with injected bugs that no
result is reported on (`leetcode_injected_choose`); everything else is reported. The model's, by which
`repair fix` shows answers, lies beside it (`model_calibration` makes it; of a model without one it is fitted
here, and not kept). The verifier's own, of the first answers of all systems but the scripted, gives verified
rows their confidence: `--fit` writes it.
"""

import argparse
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from decoded_answers import Answers
from study_results import Counts, counted, write

from repair.diagnostics.codes import type_of_code
from repair.evaluation.benchmark import INJECTED, INJECTED_CHOOSE, LEETCODE
from repair.evaluation.calibration import calibrated, cuts_of, shown_at
from repair.evaluation.leetcode.functional import judged
from repair.evaluation.model_confidence import K, reliability
from repair.evaluation.scripted_fixes import KINDS, scripted
from repair.evaluation.verified_answers import (
    AT_ONCE,
    Row,
    as_tried,
    describe,
    first_only,
    is_plain,
    judged_repairs,
    latest,
    parts,
    pooled,
    precisions,
)
from repair.fixing.chosen_model import SHIPPED
from repair.language_servers import LanguageServers
from repair.language_servers.scheduler import Servers
from repair.models.made_by import weights_of
from repair.prompt.sentinels import render_response
from repair.store.reader import PartitionStore
from repair.synthesis.rules import RULES
from repair.synthesis.rules.model import RulesModel
from repair.text.stable_hash import rank
from repair.verification.confidence import LEAST_LIKELY, OWN, Calibration, verifiers_own

SEED = 2026
REPAIR_FIX = "repair fix"
Shown = Callable[[Sequence[Row]], Row | None]
"""Which of the verified answers to a sample is shown; None: none."""

BENCHMARKS = {INJECTED_CHOOSE: "choosing half", INJECTED: "reporting half", LEETCODE: "published bugs"}
FEWEST = 9
"""Samples of a type, or it has no line of its own."""
ASKED_FOR = (0.9,)
"""Precisions that a mixture may ask for, and what becomes of them on other samples."""
TABLES = {
    "systems": ("samples", "system"),
    "types": ("type", "system"),
    "steps": ("samples", "step"),
    "teachers": ("samples", "teacher"),
    "scripted": ("samples", "teacher"),
}
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
            if row["system"] in ("empty", "history", RULES) or row["benchmark"] not in BENCHMARKS:
                continue
            if not row["answer_index"]:
                found.setdefault(row["system"], {})[row["sample_id"]] = {"answers": [row["answer"] or ""]}
    return found


def describe_rules(samples: Sequence[Row], servers: Servers, out: Path) -> None:
    """As `describe`, of the answer of the rules to each sample."""
    known = {row["sample_id"] for row in latest(out) if row["system"] == RULES}
    model = RulesModel(servers)
    for part in parts([row for row in samples if row["sample_id"] not in known], AT_ONCE):
        answers = {
            sample["sample_id"]: {"answers": [first.text]}
            for sample, (first, *_) in zip(part, model.answer(part), strict=True)
        }
        describe(part, answers, RULES, servers, out, judged)


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


def groups_of(rows: Sequence[Row], own: Sequence[Row], name: str) -> dict[str, Sequence[Row]]:
    """System and answers to a sample -> its rows; `own`: those of the model `name`."""
    rules = [row for row in rows if row["system"] == RULES]
    return {
        **{
            f"{system}, k = 1": [row for row in rows if row["system"] == system]
            for system in sorted({row["system"] for row in rows} - {name})
        },
        f"{name}, k = 1": [first_only(row) for row in own],
        f"{name}, k = {K}": own,
        f"{REPAIR_FIX}, k = 1": as_tried(map(first_only, own), rules),
        f"{REPAIR_FIX}, k = {K}": as_tried(own, rules),
    }


def of_types(
    rows: Sequence[Row], own: Sequence[Row], name: str, types: Mapping[str, str]
) -> Iterator[Counts]:
    """What each system repairs of each type of diagnostic that both reported benchmarks have often enough."""
    reported = {
        group: [row for row in known if row["benchmark"] in REPORTED]
        for group, known in groups_of(rows, own, name).items()
    }
    kinds = Counter(types[row["sample_id"]] for row in own if row["benchmark"] in REPORTED)
    for kind in (kind for kind, count in kinds.most_common() if count >= FEWEST):
        for group, known in reported.items():
            yield counts([row for row in known if types[row["sample_id"]] == kind], first, kind, group)


def of_systems(
    rows: Sequence[Row], own: Sequence[Row], name: str, calibration: Calibration
) -> Iterator[Counts]:
    """What is shown of each system's answers, and above the model's threshold; `own`: its own rows."""
    groups = groups_of(rows, own, name)
    for benchmark, title in BENCHMARKS.items():
        for group, known in groups.items():
            found = [row for row in known if row["benchmark"] == benchmark]
            yield counts(found, first, title, group)
            yield counts_at(found, calibration, title, group)


def of_steps(rows: Sequence[Row]) -> Iterator[Counts]:
    """What each step shows by itself."""
    for benchmark, title in BENCHMARKS.items():
        found = [row for row in rows if row["benchmark"] == benchmark]
        for step, shown in ALONE.items():
            yield counts(found, shown, title, step)


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


def of_teachers(rows: Sequence[Row], calibration: Calibration) -> Iterator[Counts]:
    """What the verifier's own calibration does to the first answers of each system."""
    for benchmark, title in BENCHMARKS.items():
        for system in sorted({row["system"] for row in rows}):
            found = [
                first_only(row) for row in rows if (row["system"], row["benchmark"]) == (system, benchmark)
            ]
            yield from at_each_threshold(found, calibration, title, system)


def of_scripted(rows: Sequence[Row], calibration: Calibration) -> Iterator[Counts]:
    """What verification, and the verifier's own calibration, make of scripted teachers."""
    for kind in KINDS:
        found = [row for row in rows if row["system"] == kind]
        if found:
            yield from at_each_threshold(found, calibration, "all benchmarks", kind)


def at_each_threshold(
    rows: Sequence[Row], calibration: Calibration, samples: str, group: str
) -> Iterator[Counts]:
    """What verifies; what is above the threshold, and above those for precisions that may be asked for."""
    yield counts(rows, first, samples, group)
    yield counts_at(rows, calibration, samples, group)
    for precision in ASKED_FOR:
        yield counts_at(rows, calibration, samples, group, asked=precision)


def counts(rows: Sequence[Row], shown: Shown, samples: str, group: str) -> Counts:
    chosen = [repair for row in rows if (repair := shown(row["repairs"])) is not None]
    right = sum(repair["right"] for repair in chosen)
    return Counts(
        samples=samples, group=group, n=len(rows), verified=_verified(rows), shown=len(chosen), right=right
    )


def counts_at(
    rows: Sequence[Row], calibration: Calibration, samples: str, group: str, *, asked: float | None = None
) -> Counts:
    least = calibration.threshold if asked is None else calibration.threshold_for(asked)
    chosen = shown_at(judged_repairs(rows), calibration.confidence, least)
    return Counts(
        **{"samples": samples, "group": group, "least": least, "asked": asked},
        **{"n": len(rows), "verified": _verified(rows), "shown": len(chosen)},
        right=sum(repair.right for repair in chosen),
    )


def _verified(rows: Sequence[Row]) -> int:
    return sum(bool(row["repairs"]) for row in rows)


def study(
    own: Sequence[Row],
    rows: Sequence[Row],
    scripts: Sequence[Row],
    name: str,
    calibration: Calibration,
    types: Mapping[str, str],
) -> dict[str, Any]:
    """The figures; `own`: the rows of the model up to the gap; `types`: of the samples' diagnostics."""
    verifiers, reported = verifiers_own(), [row for row in own if row["benchmark"] != INJECTED_CHOOSE]
    return {
        "model": name,
        "single_answers": sum(row["k"] < K for row in own),
        "calibration": {"threshold": calibration.threshold, "chosen_on": calibration.chosen_on},
        "verifiers_own": {
            "threshold": verifiers.threshold,
            "chosen_on": verifiers.chosen_on,
            "asked_for": [
                {"precision": precision, **cut._asdict()}
                for precision in ASKED_FOR
                for cut in verifiers.cuts
                if cut.threshold == verifiers.threshold_for(precision)
            ],
        },
        "systems": [asdict(row) for row in of_systems(rows, own, name, calibration)],
        "types": [asdict(row) for row in of_types(rows, own, name, types)],
        "steps": [asdict(row) for row in of_steps(own)],
        "reliability": reliability(
            [
                {"confidence": calibration.confidence(repair.signals, repair.code), "right": repair.right}
                for repair in judged_repairs(reported)
            ]
        ),
        "teachers": [asdict(row) for row in of_teachers(rows, verifiers)],
        "scripted": [asdict(row) for row in of_scripted(scripts, verifiers)],
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--store", help="folder or URI of a store with LeetCode benchmarks")
    parser.add_argument("--out", type=Path, default=Path("precision"), help="folder of answers and verdicts")
    parser.add_argument("--model", type=Path, default=SHIPPED, help="folder of an adapter; the shipped one")
    parser.add_argument("--at-most", type=int, default=10**6, help="samples")
    parser.add_argument("--no-decode", action="store_true", help="only what has answers")
    parser.add_argument("--fit", action="store_true", help="write the verifier's own calibration")
    parser.add_argument("--scripted", type=int, default=0, help="samples that scripted teachers answer")
    parser.add_argument(
        "--result", type=Path, help="file for the figures, as JSON: bench/results/precision.json"
    )
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
        versions = {**servers.versions, "weights": out.name}
        for kind, found in scripted_answers(samples[: options.scripted]).items():
            describe(samples, found, kind, servers, scripts, judged)
        for system, found in stored_answers(store).items():
            describe(samples, found, system, servers, repairs, judged)
        describe_rules(samples, servers, repairs)
        if not options.no_decode:
            answers.decode(samples, 1)
            describe(samples, answers.read(), name, servers, repairs, judged)
            plain = {row["sample_id"] for row in latest(repairs) if row["system"] == name and is_plain(row)}
            answers.decode([row for row in samples if row["sample_id"] not in plain], K)
        describe(samples, answers.read(), name, servers, repairs, judged)
    rows = latest(repairs)
    by_sample = {row["sample_id"]: row for row in rows if row["system"] == name}
    eight = before_gap(samples, by_sample)
    if (calibration := Calibration.read(options.model)) is None:
        choosing = [row for row in by_sample.values() if row["benchmark"] == INJECTED_CHOOSE]
        rules = [row for row in rows if row["system"] == RULES]
        tried = [row for row in as_tried(eight, rules) if row["benchmark"] == INJECTED_CHOOSE]
        calibration = calibrated(judged_repairs(choosing), shown=judged_repairs(tried))
    if options.fit:
        of_any_teacher(rows).write_to(OWN)
        verifiers_own.cache_clear()
        print(f"written: {OWN}")
    types = {row["sample_id"]: type_of_code(row["code"]) for row in samples}
    result = study(eight, rows, latest(scripts), name, calibration, types)
    for table, heads in TABLES.items():
        print(f"\n{table}\n\n{counted((Counts(**row) for row in result[table]), *heads)}")
    print(json.dumps({key: value for key, value in result.items() if key not in TABLES}, indent=2))
    if options.result:
        write(options.result, result, versions)


if __name__ == "__main__":
    main()
