"""Diffs of which it is known what a judge should say of them, out of a public benchmark.

Each sample of the LeetCode benchmark (`repair.evaluation.leetcode`) gives one of each label:

| label | kind | what it is |
|---|---|---|
| `right` | `oracle` | the benchmark's own fix; its tests pass |
| `wrong` | `name`, `number`, `operator` | that fix with one token changed; its tests fail |
| `cheat` | that of `repair.verification.cheats` | the diagnosed line deleted, silenced, or replaced by `pass`
|

The changed token is one of an added line where that gives a wrong fix, else of any line.
The servers are content with all of them, and the rules against cheats with the first two: so they are what a
judge is shown (the rules keep the third from it, as long as they know it). Rejected, a sample and label each:

| reason | |
|---|---|
| `right_rejected` | verification rejects the benchmark's own fix, so that nothing of the sample is used |
| `no_wrong_fix` | no changed fix was found that the servers accept and the tests refuse |
| `no_cheat` | none of the ways around the diagnostic deceives the servers |
"""

import builtins
import io
import keyword
import random
import tokenize
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pyarrow as pa

from repair.diagnostics.diagnostic import Diagnostic
from repair.evaluation.leetcode.functional import judged as passing
from repair.language_servers.scheduler import CheckCoroutine, Servers, run_all
from repair.line_diff.numbered import diff, hunks
from repair.schema.outcomes import Reject, outcome_batch
from repair.schema.stages import DIAGNOSTIC, FILES
from repair.text.files import files_of
from repair.text.lines import commonest_terminator, lines_of
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

# Changed fixes of a sample that the servers are asked about, and how many of those they accept are tested.
_MOST_TRIED, _MOST_TESTED = 16, 3

_OPERATORS = {
    **{"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "+": "-", "-": "+", "*": "+"},
    **{"//": "*", "%": "//", "+=": "-=", "-=": "+=", "and": "or", "or": "and", "min": "max", "max": "min"},
    **{"True": "False", "False": "True"},
}


def labelled_diffs(
    samples: Iterable[Mapping[str, Any]], servers: Servers, *, at_most: int, seed: int
) -> pa.RecordBatch:
    """Outcomes of `LABELLED_DIFFS`, one of each label for each of `at_most` samples, drawn by the seed.

    `samples` are rows of `BENCHMARK_SAMPLES`. The wrong fixes are run against their tests, in the sandbox.
    """
    drawn = sorted(samples, key=lambda sample: rank(seed, sample["sample_id"]))[:at_most]
    found = run_all([_candidates(sample, seed) for sample in drawn], servers)
    tested = [
        (row, sample["tests"])
        for sample, each in zip(drawn, found, strict=True)
        if not isinstance(each, Reject)
        for row in each.wrong
    ]
    passed = passing((tests, row["repaired"]) for row, tests in tested)
    refused = {id(row) for (row, _), passes in zip(tested, passed, strict=True) if not passes}
    outcomes: list[Mapping[str, Any] | Reject] = []
    for sample, each in zip(drawn, found, strict=True):
        if isinstance(each, Reject):
            outcomes += [each] * len(LABELS)
            continue
        wrong = next((row for row in each.wrong if id(row) in refused), None)
        tried = f"the servers accept {len(each.wrong)} of {each.tried} changed fixes, the tests refuse none"
        outcomes += [
            each.right,
            wrong or Reject(sample, "no_wrong_fix", tried),
            each.cheat or Reject(sample, "no_cheat", "the servers are deceived by none of the ways around"),
        ]
    return outcome_batch(outcomes, LABELLED_DIFFS)


@dataclass(slots=True)
class _Candidates:
    """Of one sample; the wrong ones may yet pass the tests, and `tried` counts those that were looked at."""

    right: Mapping[str, Any]
    cheat: Mapping[str, Any] | None = None
    wrong: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])
    tried: int = 0


def _candidates(sample: Mapping[str, Any], seed: int) -> CheckCoroutine[_Candidates | Reject]:
    files, path = files_of(sample), sample["path"]
    diagnostic = Diagnostic.from_row(sample["diagnostic"])
    before = [Diagnostic.from_row(each) for each in sample["before"]]
    original, target = files[path], sample["target"]

    def row(label: str, kind: str, verdict: Verdict) -> dict[str, Any]:
        diff_of = {"line_diff": verdict.line_diff, "repaired": verdict.repaired}
        return {**sample, **diff_of, "label": label, "kind": kind}

    right = yield from examine(files, diagnostic, diff(original, target), before)
    if not right.accepted:
        return Reject(sample, "right_rejected", f"{right.reason}: {right.evidence}")
    found = _Candidates(row(RIGHT, "oracle", right))
    chance = random.Random(f"{seed} {sample['sample_id']}")  # noqa: S311 - a draw that can be repeated
    for line_diff in _ways_around(original, diagnostic.start_line, chance):
        verdict = yield from examine(files, diagnostic, line_diff, before)
        if verdict.reason == "cheat":
            found.cheat = row(CHEAT, verdict.evidence.partition(":")[0], verdict)
            break
    added = {n for each in hunks(original, target) for n, _ in enumerate(each.added, each.new_start)}
    everywhere = list(_changed_fixes(target))
    for kind, _, text in [*_drawn(everywhere, added, chance), *_drawn(everywhere, None, chance)]:
        found.tried += 1
        verdict = yield from examine(files, diagnostic, diff(original, text), before)
        if verdict.accepted:
            found.wrong.append(row(WRONG, kind, verdict))
            if len(found.wrong) == _MOST_TESTED:
                break
    return found


def _ways_around(original: str, line: int, chance: random.Random) -> Sequence[str]:
    """Diffs that make the code of a 0-based line silent, in any order."""
    text = lines_of(original)[line]
    number, indentation = line + 1, text[: len(text) - len(text.lstrip())]
    removed = f"-{number} {text}"
    ways = [
        removed,
        f"{removed}\n+{number} {text}  # type: ignore  # noqa",
        f"{removed}\n+{number} {indentation}pass",
        f"{removed}\n+{number} {indentation}# {text.lstrip()}\n+{number + 1} {indentation}pass",
    ]
    return chance.sample(ways, len(ways))


# What kind of token is changed, on which line (from 1), and the text after that.
_Changed = tuple[str, int, str]


def _drawn(changed: Sequence[_Changed], numbers: set[int] | None, chance: random.Random) -> list[_Changed]:
    """Some of those on the lines `numbers`; None: of all."""
    fitting = [each for each in changed if numbers is None or each[1] in numbers]
    return chance.sample(fitting, min(len(fitting), _MOST_TRIED))


def _changed_fixes(target: str) -> Iterator[_Changed]:
    """`target` with one token changed, in every way."""
    rows = lines_of(target)
    tokens = list(tokenize.generate_tokens(io.StringIO("\n".join(rows)).readline))
    pairs = list(pairwise(tokens))
    defined = {token.string for before, token in pairs if before.string in ("def", "class")}
    variables = {
        (token.start, token.string)
        for before, token in pairs
        if _is_name(token) and before.string != "." and token.string not in defined
    }
    names = sorted({name for _, name in variables})
    for token in tokens:
        (line, start), end = token.start, token.end[1]
        if token.end[0] != line:
            continue
        if token.string in _OPERATORS and token.type != tokenize.STRING:
            others, kind = [_OPERATORS[token.string]], "operator"
        elif token.type == tokenize.NUMBER and token.string.isdecimal():
            others, kind = [str(int(token.string) + 1)], "number"
        elif (token.start, token.string) in variables:
            others, kind = [each for each in names if each != token.string], "name"
        else:
            continue
        row = rows[line - 1]
        for other in others:
            changed = [*rows[: line - 1], f"{row[:start]}{other}{row[end:]}", *rows[line:]]
            yield kind, line, commonest_terminator(target).join(changed)


def _is_name(token: tokenize.TokenInfo) -> bool:
    """Whether a token may be a variable: no keyword, and none of the names that every program has."""
    text = token.string
    return token.type == tokenize.NAME and not keyword.iskeyword(text) and not hasattr(builtins, text)
