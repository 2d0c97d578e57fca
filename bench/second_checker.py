"""Does a second type checker (ty) tell right verified repairs from wrong ones? Precision, coverage and cost.

    pip install --constraint constraints.txt ty
    python bench/second_checker.py --store .model/store --repairs .model/precision/48c3a4d33cdd/repairs.jsonl

Reads the verified answers of `bench/precision.py`, whose tests were run, and checks each repaired text, and
the text before it, with ty; pyright and ruff say of the repaired ones what they still report. Told are the
right and the wrong repairs that an error speaks against. Nothing is decoded, and no program is run.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from precision import BENCHMARKS, first, first_only, of_problems
from study_results import objections, write

from repair.diagnostics.diagnostic import Diagnostic
from repair.evaluation.model_confidence import K
from repair.evaluation.verified_answers import Row, latest
from repair.fixing.chosen_model import SHIPPED
from repair.language_servers import LanguageServers, Request
from repair.store.reader import PartitionStore
from repair.text.files import text_of
from repair.verification.comparison import Comparison
from repair.verification.confidence import Calibration, Signals

PATH = "main.py"
PYTHON = "3.11"
_ERRORS = ("major", "critical", "blocker")


@dataclass(frozen=True, slots=True)
class Findings:
    """What is reported of a repair, errors only: new ones of ty, all of ty, all of pyright and ruff."""

    new: Sequence[Diagnostic]
    second: Sequence[Diagnostic]
    servers: Sequence[Diagnostic]

    def alone(self) -> bool:
        """Whether ty reports a line of which the servers say nothing."""
        known = {found.start_line for found in self.servers}
        return any(found.start_line not in known for found in self.second)


NEW = "a new error of ty"
OBJECTIONS: Mapping[str, Callable[[Findings], bool]] = {
    NEW: lambda found: bool(found.new),
    "one of ty alone": Findings.alone,
    "any left, by ty": lambda found: bool(found.second),
    "any left, by pyright and ruff": lambda found: bool(found.servers),
}
"""What may speak against a repair."""


def checked(texts: Sequence[str], program: str) -> tuple[list[list[Diagnostic]], float]:
    """ty's errors of each text, and the processor seconds of the one run over all."""
    found: list[list[Diagnostic]] = [[] for _ in texts]
    with tempfile.TemporaryDirectory(prefix="second-checker-") as folder:
        for number, content in enumerate(texts):
            Path(folder, f"of_{number}").mkdir()
            Path(folder, f"of_{number}", PATH).write_text(content, encoding="utf-8", newline="")
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [program, "check", "--output-format", "gitlab", "--python-version", PYTHON, "--exit-zero"]
        done = subprocess.run([*command, "."], cwd=folder, capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    for row in json.loads(done.stdout):
        if row["severity"] in _ERRORS:
            number = int(row["location"]["path"].split("/")[0].removeprefix("of_"))
            found[number].append(_diagnostic(row))
    return found, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _diagnostic(row: Mapping[str, Any]) -> Diagnostic:
    begin, end = (row["location"]["positions"][side] for side in ("begin", "end"))
    start, stop = ((place["line"] - 1, place["column"] - 1, place["column"] - 1) for place in (begin, end))
    return Diagnostic(PATH, *start, *stop, f"ty[{row['check_name']}]", row["description"], "error")


def findings(samples: Sequence[Row], rows: Sequence[Row], program: str) -> tuple[Any, dict[str, Any]]:
    """(sample, repaired text) -> findings; and what they cost."""
    originals = {row["sample_id"]: text_of(row) for row in samples}
    repairs = sorted({(row["sample_id"], repair["repaired"]) for row in rows for repair in row["repairs"]})
    before = sorted({originals[sample] for sample, _ in repairs})
    texts = [*before, *(repaired for _, repaired in repairs)]
    errors, seconds = checked(texts, program)
    known, after = dict(zip(before, errors, strict=False)), errors[len(before) :]
    by_servers: list[list[Diagnostic]] = []
    with LanguageServers(2) as servers:
        versions = dict(servers.versions)
        for result in servers.check_many(Request({PATH: repaired}) for _, repaired in repairs):
            if result.error:
                raise result.error
            by_servers.append([found for found in result.diagnostics if found.is_error])
    found: dict[tuple[str, str], Findings] = {}
    for (sample, repaired), second, reported in zip(repairs, after, by_servers, strict=True):
        original = originals[sample]
        change = Comparison({PATH: original}, {PATH: repaired}, known[original], second)
        found[sample, repaired] = Findings(change.new_errors(), second, reported)
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    made = {"texts": len(texts), "seconds": round(seconds, 2)}
    return found, {"cost": made, "versions": {"ty": version.split()[1], **versions}}


def of_systems(
    rows: Sequence[Row], found: Any, model: str, calibration: Calibration
) -> Iterator[dict[str, Any]]:
    """Of each system the first answers that verify, and how many right and wrong ones each objection meets.

    Of the model also those that it shows: the first above its threshold.
    """

    def above(row: Row, repair: Row) -> bool:
        confidence = calibration.confidence(Signals(**repair["signals"]), row["code"])
        return confidence is not None and confidence >= calibration.threshold

    own = [row for row in rows if row["system"] == model]
    groups: dict[str, tuple[list[Row], Callable[[Row, Row], bool]]] = {
        f"{system}, k = 1": ([row for row in rows if row["system"] == system], lambda *_: True)
        for system in sorted({row["system"] for row in rows} - {model})
    }
    groups[f"{model}, k = 1"] = [first_only(row) for row in own], lambda *_: True
    groups[f"{model}, k = {K}"] = own, lambda *_: True
    groups[f"the same, above {calibration.threshold}"] = own, above
    for benchmark, title in BENCHMARKS.items():
        for group, (known, test) in groups.items():
            of_group = [row for row in known if row["benchmark"] == benchmark]
            shown = [
                (repair["right"], found[row["sample_id"], repair["repaired"]])
                for row in of_group
                if (repair := first([repair for repair in row["repairs"] if test(row, repair)]))
            ]
            met = {
                name: [right for right, findings in shown if objects(findings)]
                for name, objects in OBJECTIONS.items()
            }
            yield {
                **{"samples": title, "system": group, "n": len(of_group)},
                **{"shown": len(shown), "right": sum(right for right, _ in shown)},
                "objections": {
                    name: [sum(rights), len(rights) - sum(rights)] for name, rights in met.items()
                },
            }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--store", help="folder or URI of a store with LeetCode benchmarks")
    parser.add_argument("--repairs", type=Path, help="verified answers: repairs.jsonl of bench/precision.py")
    parser.add_argument("--result", type=Path, help="file for the figures, as JSON")
    options = parser.parse_args()
    program, calibration = (
        shutil.which("ty", path=str(Path(sys.executable).parent)),
        Calibration.read(SHIPPED),
    )
    if not options.store or not options.repairs or not program or not calibration:
        print("nothing is measured: name --store and --repairs; and install ty")
        return
    rows = latest(options.repairs)
    found, made = findings(of_problems(PartitionStore(options.store)), rows, program)
    met = list(of_systems(rows, found, SHIPPED.name, calibration))
    print(f"repairs that each objection meets: right, wrong\n\n{objections(met)}\n\n{made}")
    if options.result:
        write(options.result, {"cost": made["cost"], "met": met}, made["versions"])


if __name__ == "__main__":
    main()
