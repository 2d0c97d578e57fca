"""Labelled diffs for the calibration of the judge: right, wrong and cheating, from the LeetCode benchmark.

Each sample of the benchmark (`repair.evaluation.leetcode`) gives one diff of each label:

| label | kind | what it is |
|---|---|---|
| `right` | `oracle` | the benchmark's own fix; its tests pass |
| `wrong` | `name`, `number`, `operator` | that fix with one token changed; its tests fail |
| `cheat` | that of `repair.verification.cheats` | the diagnosed line deleted, silenced or made `pass` |

The changed token is one of an added line where that gives a wrong fix, else of any line. The servers accept
all of them, and the rules against cheats the first two, so that the judge would see them (the rules keep the
third kind from it, where they know the cheat). A reject (`REASONS`) is of a sample and a label.

Tested by `tests/repair/evaluation/judge/test_calibration.py`.
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from repair.diagnostics.diagnostic import Diagnostic
from repair.evaluation.leetcode.functional import judged as passing
from repair.evaluation.scripted_fixes import Mutation, mutations, suppressions
from repair.language_servers.scheduler import CheckCoroutine, Servers, run_all
from repair.line_diff.numbered import diff, hunks
from repair.schema.outcomes import Reject, outcome_batch
from repair.schema.stages import DIAGNOSTIC, FILES
from repair.text.files import files_of
from repair.text.stable_hash import rank
from repair.verification.verifier import Verdict, examine

RIGHT, WRONG, CHEAT = LABELS = ("right", "wrong", "cheat")

LABELLED_DIFFS = pa.schema(
    [
        ("sample_id", pa.string()),
        ("project_id", pa.string()),  # the problem
        ("label", pa.string()),  # right, wrong, cheat
        ("kind", pa.string()),
        ("code", pa.string()),  # of the diagnostic
        ("path", pa.string()),
        ("files", FILES),
        ("diagnostic", DIAGNOSTIC),
        ("line_diff", pa.string()),
    ]
)

REASONS = {
    "right_rejected": "verification rejects the benchmark's own fix, so that nothing of the sample is used",
    "no_wrong_fix": "no changed fix was found that the servers accept and the tests refuse",
    "no_cheat": "none of the suppressions of the diagnostic deceives the servers",
}
"""Why a sample gives no diff of a label: reject reason -> meaning."""

# Changed fixes of a sample that the servers check, and how many of those that they accept are tested.
_MOST_TRIED, _MOST_TESTED = 16, 3


def labelled_diffs(
    samples: Iterable[Mapping[str, Any]], servers: Servers, *, at_most: int, seed: int
) -> pa.RecordBatch:
    """Outcomes of `LABELLED_DIFFS`: one of each label for `at_most` samples, drawn by the seed.

    `samples` are rows of `BENCHMARK_SAMPLES`. The wrong fixes are run against their tests, in the sandbox.
    """
    drawn = sorted(samples, key=lambda sample: rank(seed, sample["sample_id"]))[:at_most]
    found = run_all([_candidates(sample, seed) for sample in drawn], servers)
    tested = [
        (row, sample["tests"])
        for sample, candidates in zip(drawn, found, strict=True)
        if not isinstance(candidates, Reject)
        for row in candidates.wrong
    ]
    passed = passing((tests, row["repaired"]) for row, tests in tested)
    refused = {id(row) for (row, _), passes in zip(tested, passed, strict=True) if not passes}
    outcomes: list[Mapping[str, Any] | Reject] = []
    for sample, candidates in zip(drawn, found, strict=True):
        if isinstance(candidates, Reject):
            outcomes += [candidates] * len(LABELS)
            continue
        wrong = next((row for row in candidates.wrong if id(row) in refused), None)
        accepted = len(candidates.wrong)
        tried = f"the servers accept {accepted} of {candidates.tried} changed fixes, the tests refuse none"
        outcomes += [
            candidates.right,
            wrong or Reject(sample, "no_wrong_fix", tried),
            candidates.cheat
            or Reject(sample, "no_cheat", "no suppression of the diagnostic deceives the servers"),
        ]
    return outcome_batch(outcomes, LABELLED_DIFFS)


@dataclass(slots=True)
class _Candidates:
    """Candidate diffs of one sample; `wrong` ones may still pass the tests, `tried` counts those checked."""

    right: Mapping[str, Any]
    cheat: Mapping[str, Any] | None = None
    wrong: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])
    tried: int = 0


def _candidates(sample: Mapping[str, Any], seed: int) -> CheckCoroutine[_Candidates | Reject]:
    files, path = files_of(sample), sample["path"]
    diagnostic = Diagnostic.from_row(sample["diagnostic"])
    before = [Diagnostic.from_row(known) for known in sample["before"]]
    original, target = files[path], sample["target"]

    def row(label: str, kind: str, verdict: Verdict) -> dict[str, Any]:
        diff_of = {"line_diff": verdict.line_diff, "repaired": verdict.repaired}
        return {**sample, **diff_of, "label": label, "kind": kind}

    right = yield from examine(files, diagnostic, diff(original, target), before, anywhere=True)
    if not right.accepted:
        return Reject(sample, "right_rejected", f"{right.reason}: {right.evidence}")
    found = _Candidates(row(RIGHT, "oracle", right))
    chance = random.Random(f"{seed} {sample['sample_id']}")  # noqa: S311 - a draw that can be repeated
    ways = list(suppressions(original, diagnostic.start_line).values())
    for line_diff in chance.sample(ways, len(ways)):
        verdict = yield from examine(files, diagnostic, line_diff, before, anywhere=True)
        if verdict.reason == "cheat":
            found.cheat = row(CHEAT, verdict.evidence.partition(":")[0], verdict)
            break
    added = {n for hunk in hunks(original, target) for n, _ in enumerate(hunk.added, hunk.new_start)}
    everywhere = list(mutations(target))
    for changed in [*_drawn(everywhere, added, chance), *_drawn(everywhere, None, chance)]:
        found.tried += 1
        verdict = yield from examine(files, diagnostic, diff(original, changed.text), before, anywhere=True)
        if verdict.accepted:
            found.wrong.append(row(WRONG, changed.kind, verdict))
            if len(found.wrong) == _MOST_TESTED:
                break
    return found


def _drawn(changed: Sequence[Mutation], numbers: set[int] | None, chance: random.Random) -> list[Mutation]:
    """Random sample of the mutations on the lines `numbers`; None: of all."""
    fitting = [change for change in changed if numbers is None or change.line in numbers]
    return chance.sample(fitting, min(len(fitting), _MOST_TRIED))
