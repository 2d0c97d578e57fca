"""Answers whose diffs verify, their signals, and whether they pass the tests; a run resumes its file.

What calibrates the confidence in verified repairs, and measures it (`bench/precision.py`).
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from operator import itemgetter
from pathlib import Path
from typing import Any

from repair.diagnostics.diagnostic import Diagnostic
from repair.errors import InputError
from repair.evaluation.calibration import Judged
from repair.evaluation.intervals import Share
from repair.evaluation.scoring import Functional
from repair.language_servers.scheduler import CheckCoroutine, Servers, run_all
from repair.prompt.answer_formats import LINE_DIFF, answer_format
from repair.text.files import files_of
from repair.verification.confidence import Signals, signals_of
from repair.verification.needless import UnansweredError
from repair.verification.verifier import examine

AT_ONCE = 64
"""Samples whose checks run together, and are lost if the run is killed."""

Row = Mapping[str, Any]


def describe(
    samples: Sequence[Row],
    answers: Mapping[str, Row],
    system: str,
    servers: Servers,
    out: Path,
    functional: Functional,
) -> None:
    """Append to `out`, of each sample with answers, those that verify: whether they are right, their signals.

    `answers`: sample -> a row whose `answers` are texts in their order; `log_probabilities` of them where
    they are known. Samples of the system that have a line with as many answers are left out.
    """
    known = {(row["sample_id"], row["k"]) for row in read_lines(out) if row["system"] == system}
    pending = [
        row
        for row in samples
        if (own := answers.get(row["sample_id"])) and (row["sample_id"], len(own["answers"])) not in known
    ]
    with out.open("a", encoding="utf-8") as file:
        for part in parts(pending, AT_ONCE):
            file.writelines(
                json.dumps(row) + "\n" for row in verified_rows(part, answers, system, servers, functional)
            )
            file.flush()


def verified_rows(
    samples: Sequence[Row],
    answers: Mapping[str, Row],
    system: str,
    servers: Servers,
    functional: Functional,
) -> Iterator[dict[str, Any]]:
    """The rows that `describe` writes, of samples that all have answers."""
    for part in parts(samples, AT_ONCE):
        found = run_all([_verified(row, answers[row["sample_id"]]) for row in part], servers)
        pairs = [
            (row["tests"], repair["repaired"])
            for row, repairs in zip(part, found, strict=True)
            for repair in repairs
        ]
        right = iter(functional(pairs))
        for sample, repairs in zip(part, found, strict=True):
            for repair in repairs:
                repair["right"] = next(right)
            row = {"system": system, **{name: sample[name] for name in ("sample_id", "benchmark", "code")}}
            yield {**row, "k": len(answers[sample["sample_id"]]["answers"]), "repairs": repairs}


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
        try:
            signals = yield from signals_of(
                files,
                diagnostic,
                verdict,
                before,
                later=order > 0,
                log_probability=answered.get("log_probabilities", {}).get(answer),
            )
        except UnansweredError:  # as an answer that the servers failed on
            continue
        found.append(
            {
                "order": order,
                "signals": asdict(signals),
                "line_diff": verdict.line_diff,
                "repaired": verdict.repaired,
            }
        )
    return found


def _diff_of(answer: str, files: Mapping[str, str], path: str) -> str | None:
    try:
        return answer_format(LINE_DIFF).read_in(answer, files, path).line_diff
    except InputError:  # it is no line diff, or does not fit the files
        return None


def latest(file: Path) -> list[Row]:
    """Of each system and sample the row of the most answers."""
    rows = sorted(read_lines(file), key=itemgetter("k"))
    return list({(row["system"], row["sample_id"]): row for row in rows}.values())


def judged_repairs(rows: Iterable[Row]) -> list[Judged]:
    """All verified answers of the rows."""
    return [
        Judged(row["sample_id"], row["code"], repair["order"], Signals(**repair["signals"]), repair["right"])
        for row in rows
        for repair in row["repairs"]
    ]


def is_plain(row: Row) -> bool:
    """Whether the first answer verifies and nothing speaks against it, so that no further one is needed."""
    return bool(row["repairs"]) and not Signals(**row["repairs"][0]["signals"]).doubts()


def first_only(row: Row) -> Row:
    """The row with its first answer alone."""
    return {**row, "repairs": [repair for repair in row["repairs"] if repair["order"] == 0]}


def with_rules(row: Row, rules: Row | None) -> Row:
    """The row in the order in which `repair fix` tries answers: the model's first, that of the rules, and the
    model's others. `rules`: the row of the rules for the sample; None: there is none."""
    own = [{**repair, "order": repair["order"] + (repair["order"] > 0)} for repair in row["repairs"]]
    theirs = [{**repair, "order": 1} for repair in first_only(rules)["repairs"]] if rules else []
    return {**row, "repairs": sorted(own + theirs, key=itemgetter("order"))}


def as_tried(own: Iterable[Row], rules: Iterable[Row]) -> list[Row]:
    """A model's rows with the answers of the rules where `repair fix` tries them."""
    of_rules = {row["sample_id"]: row for row in rules}
    return [with_rules(row, of_rules.get(row["sample_id"])) for row in own]


def pooled(rows: Iterable[Row]) -> list[Judged]:
    """The first answers of all systems, each by itself; equal repairs of a sample are one.

    Their log-probabilities are left out: of another teacher none is known.
    """
    distinct = {
        (row["sample_id"], repair["repaired"]): (row["code"], repair)
        for row in map(first_only, rows)
        for repair in row["repairs"]
    }
    return [
        Judged(
            f"{sample} {number}",
            code,
            0,
            replace(Signals(**repair["signals"]), log_probability=None),
            repair["right"],
        )
        for number, ((sample, _), (code, repair)) in enumerate(distinct.items())
    ]


def precisions(rows: Iterable[Row], titles: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """System -> title of a benchmark -> share of its first answers that verify which pass the tests."""
    found: dict[str, dict[str, list[bool]]] = {}
    for row in map(first_only, rows):
        if row["benchmark"] in titles:
            right = found.setdefault(row["system"], {}).setdefault(titles[row["benchmark"]], [])
            right += [repair["right"] for repair in row["repairs"]]
    return {
        system: {
            title: f"{share.text()}, n={share.samples}"
            for title in titles.values()
            if (right := by_title.get(title)) and (share := Share.of(sum(right), len(right)))
        }
        for system, by_title in sorted(found.items())
    }


def parts(rows: Sequence[Row], length: int) -> Iterator[Sequence[Row]]:
    """The rows in parts of a length."""
    return (rows[start : start + length] for start in range(0, len(rows), length))


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The rows of the whole lines; a torn one at the end, of a run that was killed, is cut off."""
    if not path.exists():
        return []
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    os.truncate(path, whole)
    return [json.loads(line) for line in data[:whole].splitlines()]
