"""How often a verified repair is right, by system and by what can be seen of it; calibrates `repair fix`.

    python bench/precision.py --store .model/store --out .model/precision            # decodes the rest
    python bench/precision.py --store .model/store --out .model/precision --no-decode # what is there
    python bench/precision.py --store .model/store --out .model/precision --fit       # and calibrates

The samples are those of the LeetCode benchmarks in the store, whose tests are run in the sandbox. 8 answers
to each (one greedy, seven sampled, as `repair fix -k 8` asks for them) are decoded in an order by a seeded
hash: first the greedy ones, then the sampled ones where something speaks against the first, then the rest.
That takes hours on two cores; the same command resumes it, and of an unfinished run k = 8 is reported up to
its gap. Other systems come from the store's `eval_results`, where they are there: one answer of `rules`, and
one of the store's checkpoint at temperature 0.1 (`model`).

The calibration is fitted and its threshold chosen on the half of the problems with injected bugs that no
result is reported on (`leetcode_injected_choose`); everything else is reported.
"""

import argparse
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise
from operator import itemgetter
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from repair.diagnostics.diagnostic import Diagnostic
from repair.errors import InputError
from repair.evaluation.benchmark import INJECTED, INJECTED_CHOOSE, LEETCODE
from repair.evaluation.calibration import Judged, calibrated, shown_at
from repair.evaluation.intervals import Share
from repair.evaluation.leetcode.functional import judged
from repair.fixing.chosen_model import GREEDY, MOST_DECODED, SAMPLED, SHIPPED
from repair.language_servers import LanguageServers
from repair.language_servers.scheduler import CheckCoroutine, run_all
from repair.models.checkpoint import CheckpointModel
from repair.models.decoding import Decoder
from repair.models.made_by import weights_of
from repair.models.model import Completion, Sampling
from repair.prompt.answer_formats import LINE_DIFF, answer_format
from repair.store.reader import PartitionStore
from repair.text.files import files_of
from repair.text.stable_hash import rank
from repair.verification.confidence import Calibration, Signals, signals_of
from repair.verification.verifier import examine

SEED = 2026
K = 8
AT_ONCE = 16
Row = Mapping[str, Any]
Shown = Callable[[Sequence[Row]], Row | None]
"""Which of the verified answers to a sample is shown; None: none."""

BENCHMARKS = {INJECTED_CHOOSE: "choosing half", INJECTED: "reporting half", LEETCODE: "published bugs"}


def of_problems(store: PartitionStore) -> list[dict[str, Any]]:
    """The samples, in an order by a seeded hash."""
    rows = [
        row
        for partition in store.partitions("leetcode_benchmark")
        for row in store.table("leetcode_benchmark", partition).to_pylist()
    ]
    return sorted(rows, key=lambda row: rank(SEED, row["sample_id"]))


class Answers:
    """Answers of a model to samples, decoded and appended to a file, so that a run can be resumed."""

    def __init__(self, folder: Path, file: Path) -> None:
        self._folder, self._file = folder, file
        self._decoder: Decoder | None = None

    def read(self) -> dict[str, Row]:
        """The most answers to each sample so far."""
        return {row["sample_id"]: row for row in _read(self._file)}

    def greedy(self, samples: Sequence[Row]) -> None:
        """Decode the first answers that are missing."""
        known = self.read()
        for part in _parts([row for row in samples if row["sample_id"] not in known], AT_ONCE):
            answers = self._model(GREEDY).answer(part)
            self._append([self._row(sample, [answer.text]) for sample, [answer] in _pairs(part, answers)])

    def sampled(self, samples: Sequence[Row]) -> None:
        """Decode the other answers that are missing."""
        known = self.read()
        missing = [row for row in samples if len(known[row["sample_id"]]["answers"]) < K]
        for part in _parts(missing, AT_ONCE):
            model = self._model(SAMPLED)
            rows: list[Row] = []
            for sample, answers in _pairs(part, model.answer(part, k=K - 1)):
                texts = [*known[sample["sample_id"]]["answers"], *(answer.text for answer in answers)]
                distinct = list(dict.fromkeys(texts))
                scores = log_probabilities(self._loaded(), model.prompt(sample), distinct)
                rows.append({**self._row(sample, texts), "log_probabilities": scores})
            self._append(rows)

    def _loaded(self) -> Decoder:
        self._decoder = self._decoder or Decoder(str(self._folder))
        return self._decoder

    def _model(self, sampling: Sampling) -> CheckpointModel:
        return CheckpointModel.of(
            self._loaded(), name=self._folder.name, sampling=sampling, batch_size=MOST_DECODED, lookup=True
        )

    @staticmethod
    def _row(sample: Row, texts: list[str]) -> Row:
        return {"sample_id": sample["sample_id"], "answers": texts}

    def _append(self, rows: Sequence[Row]) -> None:
        with self._file.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)


def log_probabilities(decoder: Decoder, prompt: str, answers: Sequence[str]) -> dict[str, float]:
    """Of each answer the sum over its tokens (teacher forcing)."""
    import torch

    from repair.models.tokenizer import encode_prompts, encode_responses

    [before] = encode_prompts(decoder.tokenizer, [prompt])
    found: dict[str, float] = {}
    for answer, encoded in zip(answers, encode_responses(decoder.tokenizer, answers), strict=True):
        after = encoded[:-1]  # an answer ends at its closing line
        tokens: Any = torch.tensor([before + after], device=decoder.model.device)
        with torch.inference_mode():
            logits = decoder.model(tokens, logits_to_keep=len(after) + 1).logits[0, :-1].float()
        chosen = logits.log_softmax(-1).gather(1, tokens[0, len(before) :, None])
        found[answer] = round(float(chosen.sum()), 4)
    return found


def describe(
    samples: Sequence[Row], answers: Mapping[str, Row], system: str, servers: LanguageServers, out: Path
) -> None:
    """Append, of each sample with answers, those that verify: whether they are right, and their signals."""
    known = {(row["sample_id"], row["k"]) for row in _read(out) if row["system"] == system}
    numbers = {sample: len(row["answers"]) for sample, row in answers.items()}
    pending = [row for row in samples if row["sample_id"] in numbers]
    pending = [row for row in pending if (row["sample_id"], numbers[row["sample_id"]]) not in known]
    with out.open("a", encoding="utf-8") as file:
        for part in _parts(pending, 4 * AT_ONCE):
            found = run_all([_verified(row, answers[row["sample_id"]]) for row in part], servers)
            pairs = [
                (row["tests"], repair["repaired"])
                for row, repairs in zip(part, found, strict=True)
                for repair in repairs
            ]
            right = judged(pairs)
            for sample, repairs in zip(part, found, strict=True):
                for repair in repairs:
                    repair["right"] = next(right)
                row = {"system": system, "sample_id": sample["sample_id"], "benchmark": sample["benchmark"]}
                k = numbers[sample["sample_id"]]
                file.write(json.dumps({**row, "k": k, "repairs": repairs}) + "\n")
            file.flush()


def _verified(sample: Row, answered: Row) -> CheckCoroutine[list[dict[str, Any]]]:
    """The distinct answers that verify, in the order of `repair fix`."""
    files, diagnostic = files_of(sample), Diagnostic.from_row(sample["diagnostic"])
    before = [Diagnostic.from_row(found) for found in sample["before"]]
    diffs = [_diff_of(answer, files, sample["path"]) for answer in answered["answers"]]
    found: list[dict[str, Any]] = []
    for order, (answer, line_diff) in enumerate(zip(answered["answers"], diffs, strict=True)):
        if line_diff is None or line_diff in diffs[:order]:
            continue
        verdict = yield from examine(files, diagnostic, line_diff, before)
        if not verdict.accepted or verdict.repaired is None:
            continue
        signals = yield from signals_of(
            files,
            diagnostic,
            verdict.repaired,
            before,
            sampled=order > 0,
            votes=diffs[1:].count(line_diff) / len(diffs[1:]) if order else 0.0,
        )
        found.append(
            {
                "order": order,
                "signals": asdict(signals),
                "agreement": diffs.count(line_diff) / len(diffs),
                "log_probability": answered.get("log_probabilities", {}).get(answer),
                "line_diff": line_diff,
                "repaired": verdict.repaired,
            }
        )
    return found


def _diff_of(answer: str, files: Mapping[str, str], path: str) -> str | None:
    try:
        return answer_format(LINE_DIFF).read_in(answer, files, path).line_diff
    except InputError:  # it is no line diff, or does not fit the files
        return None


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


def first(repairs: Sequence[Row]) -> Row | None:
    return repairs[0] if repairs else None


def kept_if(test: Callable[[Row], bool]) -> Shown:
    """The first that verifies, if it passes a test."""
    return lambda repairs: repairs[0] if repairs and test(repairs[0]) else None


def best_by(value: Callable[[Row], float]) -> Shown:
    """Of all that verify the one with the highest value."""
    return lambda repairs: max(repairs, key=value, default=None)


ALONE: Mapping[str, Shown] = {
    "first that verifies": first,
    "no needless change": kept_if(lambda row: row["signals"]["needless"] == 0),
    "no code as text": kept_if(lambda row: not row["signals"]["code_as_text"]),
    "one changed span": kept_if(lambda row: row["signals"]["spans"] == 1),
    "greedy answer": kept_if(lambda row: row["order"] == 0),
    "at least 4 of 8 agree": kept_if(lambda row: row["agreement"] >= 0.5),
    "log-probability at least -1": kept_if(lambda row: (row["log_probability"] or -99.0) >= -1),
    "most votes of those that verify": best_by(lambda row: row["agreement"]),
    "fewest spans of those that verify": best_by(lambda row: -row["signals"]["spans"]),
    "likeliest of those that verify": best_by(lambda row: row["log_probability"] or -99.0),
}


def judged_repairs(rows: Iterable[Row]) -> list[Judged]:
    return [
        Judged(row["sample_id"], repair["order"], Signals(**repair["signals"]), repair["right"])
        for row in rows
        for repair in row["repairs"]
    ]


def before_gap(samples: Sequence[Row], rows: Mapping[str, Row], complete: Callable[[Row], bool]) -> list[Row]:
    """The rows of the samples before the first that is not complete: of an unfinished run a fair part."""
    found: list[Row] = []
    for sample in samples:
        row = rows.get(sample["sample_id"])
        if row is None or not complete(row):
            break
        found.append(row)
    return found


def all_answers(row: Row) -> bool:
    return row["k"] >= K


def settled(row: Row) -> bool:
    """Whether `repair fix` needs no further answer: it has them all, or nothing speaks against the first."""
    return all_answers(row) or is_plain(row)


def is_plain(row: Row) -> bool:
    repairs = row["repairs"]
    return bool(repairs) and not Signals(**repairs[0]["signals"]).doubts()


def report(
    samples: Sequence[Row], rows: Sequence[Row], name: str, calibration: Calibration
) -> Iterator[Table]:
    """The tables of the study."""
    own = {row["sample_id"]: row for row in rows if row["system"] == name}
    eight = before_gap(samples, own, settled)
    table = _table("precision of what verifies: per cent, 95 % interval", "samples", "system")
    for benchmark, title in BENCHMARKS.items():
        groups = {
            f"{system}, k = 1": [row for row in rows if row["system"] == system]
            for system in sorted({row["system"] for row in rows} - {name})
        }
        groups[f"{name}, k = 1"] = [_first_only(row) for row in eight]
        groups[f"{name}, k = {K}"] = eight
        for group, known in groups.items():
            found = [row for row in known if row["benchmark"] == benchmark]
            table.add_row(title, group, *_cells(found, first))
            table.add_row(title, f"  above {calibration.threshold}", *_calibrated_cells(found, calibration))
    yield table
    for benchmark, title in BENCHMARKS.items():
        table = _table(f"each step alone, k = {K}: {title}", "step")
        found = [row for row in before_gap(samples, own, all_answers) if row["benchmark"] == benchmark]
        for step, shown in ALONE.items():
            table.add_row(step, *_cells(found, shown))
        yield table
    yield reliability([row for row in eight if row["benchmark"] != INJECTED_CHOOSE], calibration)


def _first_only(row: Row) -> Row:
    return {**row, "repairs": [repair for repair in row["repairs"] if repair["order"] == 0]}


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


def _calibrated_cells(rows: Sequence[Row], calibration: Calibration) -> Iterator[str]:
    chosen = shown_at(judged_repairs(rows), calibration.confidence, calibration.threshold)
    yield from _counts(rows, len(chosen), sum(repair.right for repair in chosen))


def _counts(rows: Sequence[Row], chosen: int, right: int) -> Iterator[str]:
    verified = sum(bool(row["repairs"]) for row in rows)
    yield from map(str, (len(rows), verified, chosen, right))
    yield _share(right, chosen)
    yield _share(chosen, verified)


def _share(successes: int, n: int) -> str:
    share = Share.of(successes, n)
    return share.text() if share else "-"


def latest(file: Path) -> list[Row]:
    """Of each system and sample the row of the most answers."""
    rows = sorted(_read(file), key=itemgetter("k"))
    return list({(row["system"], row["sample_id"]): row for row in rows}.values())


def _pairs(
    samples: Sequence[Row], answers: Iterable[list[Completion]]
) -> Iterator[tuple[Row, list[Completion]]]:
    return zip(samples, answers, strict=True)


def _parts(rows: Sequence[Row], length: int) -> Iterator[Sequence[Row]]:
    return (rows[start : start + length] for start in range(0, len(rows), length))


def _read(path: Path) -> list[dict[str, Any]]:
    """The rows of the whole lines; a torn one at the end, of a run that was killed, is cut off."""
    if not path.exists():
        return []
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    os.truncate(path, whole)
    return [json.loads(line) for line in data[:whole].splitlines()]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--store", help="folder or URI of a store with LeetCode benchmarks")
    parser.add_argument("--out", type=Path, default=Path("precision"), help="folder of answers and verdicts")
    parser.add_argument("--model", type=Path, default=SHIPPED, help="folder of an adapter; the shipped one")
    parser.add_argument("--at-most", type=int, default=10**6, help="samples")
    parser.add_argument("--no-decode", action="store_true", help="only what has answers")
    parser.add_argument("--fit", action="store_true", help="write the calibration beside the model")
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
    repairs = out / "repairs.jsonl"
    with LanguageServers(2) as servers:
        for system, found in stored_answers(store).items():
            describe(samples, found, system, servers, repairs)
        if not options.no_decode:
            answers.greedy(samples)
            describe(samples, answers.read(), name, servers, repairs)
            plain = {row["sample_id"] for row in latest(repairs) if row["system"] == name and is_plain(row)}
            answers.sampled([row for row in samples if row["sample_id"] not in plain])
            answers.sampled(samples)
        describe(samples, answers.read(), name, servers, repairs)
    rows = latest(repairs)
    by_sample = {row["sample_id"]: row for row in rows if row["system"] == name}
    own = [row for row in by_sample.values() if row["benchmark"] == INJECTED_CHOOSE]
    calibration = None if options.fit else Calibration.read(options.model)
    if calibration is None:
        eight = {row["sample_id"] for row in before_gap(samples, by_sample, settled)}
        calibration = calibrated(judged_repairs(own), shown_among=eight)
    if options.fit:
        calibration.write(options.model)
    console = Console(width=150)
    for table in report(samples, rows, name, calibration):
        console.print(table)
    console.print(json.dumps(asdict(calibration), indent=2))


if __name__ == "__main__":
    main()
