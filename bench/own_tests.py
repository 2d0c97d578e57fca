"""What a project's own tests add to verification: precision and coverage of `repair fix --test`.

    python bench/own_tests.py --store .model/store --repairs .model/precision/48c3a4d33cdd/repairs.jsonl

Reads the verified answers of `bench/precision.py`. The first tests of a LeetCode problem, which are the
examples of its page, stand for a project's own; whether a repair is right all of its tests say. Shown is what
`repair fix --test` shows (`repair.fixing.fixer`): of a model with a calibration, the first answer that
repairs what the tests failed of, or is above the threshold and does not fail them; where they failed before,
and an error is left in the file, they say nothing. Nothing is decoded.
"""

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from precision import BENCHMARKS, REPAIR_FIX, first_only, of_problems
from study_results import Counts, counted, write

from repair.evaluation.leetcode.functional import judged, parsed
from repair.evaluation.model_confidence import K
from repair.evaluation.verified_answers import Row, as_tried, latest
from repair.fixing.chosen_model import SHIPPED
from repair.fixing.own_tests import Transition
from repair.language_servers import LanguageServers, Request
from repair.store.reader import PartitionStore
from repair.synthesis.rules import RULES
from repair.text.files import text_of
from repair.verification.confidence import Calibration, Signals, verifiers_own

PATH = "main.py"
TESTS = (1, 3)
"""So many tests of each problem are the project's own."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of texts: (sample, text) -> whether it passes; `left`: errors are left in it."""

    passes: Mapping[int, Mapping[tuple[str, str], bool]]
    left: Mapping[tuple[str, str], bool]
    originals: Mapping[str, str]

    def tested(self, sample: str, text: str, tests: int) -> Transition | None:
        """What so many tests tell of a text."""
        if not tests:
            return None
        before, after = (self.passes[tests][sample, each] for each in (self.originals[sample], text))
        return Transition.of(before=before, after=after).told(errors_left=self.left[sample, text])

    def shown(self, row: Row, tests: int, calibration: Calibration) -> Row | None:
        """The answer that is shown when so many tests are run; 0: none are."""
        sample = row["sample_id"]
        for repair in row["repairs"]:
            tested = self.tested(sample, repair["repaired"], tests)
            if tested in (Transition.PASS_TO_FAIL, Transition.FAIL_TO_FAIL):
                continue
            if tested == Transition.FAIL_TO_PASS:
                return repair
            confidence = calibration.confidence(Signals(**repair["signals"]), row["code"])
            if confidence is not None and confidence >= calibration.threshold:
                return repair
        return None


def known_of(samples: Sequence[Row], rows: Sequence[Row]) -> tuple[Known, dict[str, Any]]:
    """Runs the tests and asks the servers; and the seconds of a run, and versions."""
    originals = {row["sample_id"]: text_of(row) for row in samples}
    tests = {row["sample_id"]: parsed(row["tests"]) for row in samples}
    repairs = {(row["sample_id"], repair["repaired"]) for row in rows for repair in row["repairs"]}
    texts = sorted(repairs | {(sample, originals[sample]) for sample, _ in repairs})
    passes: dict[int, dict[tuple[str, str], bool]] = {}
    began = time.monotonic()
    for count in TESTS:
        own = {name: replace(found, cases=found.cases[:count]).to_json() for name, found in tests.items()}
        found = judged([(own[sample], text) for sample, text in texts])
        passes[count] = dict(zip(texts, found, strict=True))
    seconds = (time.monotonic() - began) / (len(TESTS) * len(texts))
    with LanguageServers(2) as servers:
        left: dict[tuple[str, str], bool] = {}
        checked = servers.check_many(Request({PATH: text}) for _, text in texts)
        for key, result in zip(texts, checked, strict=True):
            if result.error:
                raise result.error
            left[key] = any(diagnostic.is_error for diagnostic in result.diagnostics)
        versions = dict(servers.versions)
    return Known(passes, left, originals), {"seconds": round(seconds, 3), "versions": versions}


def of_systems(rows: Sequence[Row], known: Known, calibration: Calibration) -> Iterator[Counts]:
    """What is shown of each system's answers without tests, and with so many."""
    rules = [row for row in rows if row["system"] == RULES]
    own = [row for row in rows if row["system"] == SHIPPED.name]
    systems = {
        f"{RULES}, k = 1": (rules, verifiers_own()),
        f"{REPAIR_FIX}, k = 1": (as_tried(map(first_only, own), rules), calibration),
        f"{REPAIR_FIX}, k = {K}": (as_tried(own, rules), calibration),
    }
    for benchmark, title in BENCHMARKS.items():
        for system, (found, threshold) in systems.items():
            of_benchmark = [row for row in found if row["benchmark"] == benchmark]
            for tests in (0, *TESTS):
                shown = [one for row in of_benchmark if (one := known.shown(row, tests, threshold))]
                yield Counts(
                    samples=title,
                    group=f"{system}, {tests or 'no'} test{'s' * (tests != 1)}",
                    n=len(of_benchmark),
                    verified=sum(bool(row["repairs"]) for row in of_benchmark),
                    shown=len(shown),
                    right=sum(one["right"] for one in shown),
                )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--store", help="folder or URI of a store with LeetCode benchmarks")
    parser.add_argument("--repairs", type=Path, help="verified answers: repairs.jsonl of bench/precision.py")
    parser.add_argument("--result", type=Path, help="file for the figures: bench/results/own_tests.json")
    options = parser.parse_args()
    calibration = Calibration.read(SHIPPED)
    if not options.store or not options.repairs or calibration is None:
        print("nothing is measured: name --store and --repairs")
        return
    rows = latest(options.repairs)
    known, made = known_of(of_problems(PartitionStore(options.store)), rows)
    found = list(of_systems(rows, known, calibration))
    print(f"{counted(found, 'samples', 'system')}\n\n{made['seconds']} s for a run of the tests")
    if options.result:
        result = {"seconds": made["seconds"], "systems": [asdict(row) for row in found]}
        write(options.result, result, made["versions"])


if __name__ == "__main__":
    main()
