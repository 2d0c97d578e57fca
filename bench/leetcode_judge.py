"""The offline judge of LeetCode solutions against LeetCode's own recorded verdicts, and how fast it judges.

    python bench/leetcode_judge.py [--data FOLDER] [--workers 2] [--show]

FOLDER is that of `REPAIR_BENCHMARK_DATA` (docs/benchmarks.md), and holds `debugbench/verdicts.jsonl.gz`: rows
of `slug`, `bug`, `model`, `code` and `status` of submissions. Without a folder there is nothing to do.
Agreement counts the submissions to problems that have tests; the others are counted by why they have none.
`--show` prints each disagreement.
"""

import argparse
import gzip
import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

from repair.evaluation.leetcode.expansion import expanded_by_problem
from repair.evaluation.leetcode.functional import judged
from repair.evaluation.leetcode.loader import read
from repair.evaluation.leetcode.problem_tests import ProblemTests
from repair.evaluation.leetcode.samples import REASONS

SYNTAX_AND_REFERENCE = {
    *("== and = confusion", "colon missing", "parentheses mismatch", "indentation error", "unclosed string"),
    *("wrong comment mark", "indexing error", "undefined objects", "undefined methods"),
    "undefined keywords from other languages",
}


def why_not(tests: ProblemTests | None, oracle_passes: bool) -> str | None:
    """The reject reason of a problem that is not judged."""
    if tests is None:
        return "no_tests"
    if tests.several_answers:
        return "several_answers"
    return None if oracle_passes else "oracle_fails"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=os.environ.get("REPAIR_BENCHMARK_DATA"))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--show", action="store_true")
    arguments = parser.parse_args()
    if arguments.data is None:
        print("no data: set REPAIR_BENCHMARK_DATA or give --data (docs/benchmarks.md)")
        return
    with gzip.open(Path(arguments.data) / "debugbench" / "verdicts.jsonl.gz", "rt") as lines:
        submissions: list[dict[str, Any]] = [json.loads(line) for line in lines]
    published = read(Path(arguments.data))
    started = time.monotonic()
    tests = expanded_by_problem(published, {row["slug"] for row in submissions})
    columns = {slug: known.to_json() for slug, known in tests.items()}
    cases = sum(len(known.cases) for known in tests.values())
    print(f"{len(tests)} problems, {cases} inputs, prepared in {time.monotonic() - started:.0f} s")

    oracles = [(slug, text) for slug in columns for text in published.problems[slug].correct]
    passes = dict.fromkeys(columns, False)
    for (slug, _), passed in zip(
        oracles,
        judged(((columns[slug], text) for slug, text in oracles), workers=arguments.workers),
        strict=True,
    ):
        passes[slug] = passes[slug] or passed
    unjudged = {
        row["slug"]: why_not(tests.get(row["slug"]), passes.get(row["slug"], False)) for row in submissions
    }
    rows = [row for row in submissions if unjudged[row["slug"]] is None]
    for reason, count in Counter(
        unjudged[row["slug"]] for row in submissions if unjudged[row["slug"]]
    ).items():
        print(f"not judged: {count} submissions, {reason}: {REASONS[str(reason)]}")

    started = time.monotonic()
    pairs = ((columns[row["slug"]], row["code"]) for row in rows)
    verdicts = list(judged(pairs, workers=arguments.workers))
    seconds = time.monotonic() - started
    rate = f"{len(rows) / seconds:.1f} a second with {arguments.workers} workers"
    print(f"{len(rows)} verdicts in {seconds:.1f} s: {rate}")
    report(rows, verdicts, show=arguments.show)


def report(rows: list[dict[str, Any]], verdicts: list[bool], *, show: bool) -> None:
    """Agreement by kind of bug, and each disagreement if `show`."""
    results = [(row, row["status"] == "Accepted", passed) for row, passed in zip(rows, verdicts, strict=True)]
    kinds = sorted({row["bug"] for row in rows})
    groups = {
        "all": set(kinds),
        "syntax and reference": SYNTAX_AND_REFERENCE & set(kinds),
        **{kind: {kind} for kind in kinds},
    }
    print(f"{'bug':42} {'judged':>6} {'agree':>7} {'right rejected':>15} {'wrong accepted':>15}")
    for name, members in groups.items():
        part = [(right, passed) for row, right, passed in results if row["bug"] in members]
        if not part:
            continue
        agree = sum(right == passed for right, passed in part)
        rejected = sum(right and not passed for right, passed in part)
        accepted = sum(passed and not right for right, passed in part)
        print(f"{name:42} {len(part):6} {agree / len(part):7.1%} {rejected:15} {accepted:15}")
    for row, right, passed in results if show else ():
        if right != passed:
            kind = "right rejected" if right else "wrong accepted"
            passed_there = f"{row.get('total_correct')} of {row.get('total_testcases')} tests there"
            print(f"{kind}: {row['slug']}, {row['bug']}, {row.get('model')}: {row['status']}, {passed_there}")


if __name__ == "__main__":
    main()
