"""The funnel of injected bugs: candidates of the mutators by reject reason, and the samples that are left.

    python bench/injected.py [--data FOLDER] [--cutoff 2024-01-31] [--show 30]

FOLDER is that of `REPAIR_BENCHMARK_DATA` (docs/benchmarks.md). Without a folder there is nothing to do.
`--show` prints so many samples, drawn by a seeded hash, as their repairs. A language model's candidates are
not among them: the asset `injected_bugs` makes those, and the store counts them under `injected_samples`.
"""

import argparse
import os
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from repair.diagnostics.types import TYPES, partition_of
from repair.evaluation.leetcode.injection.bugs import CUTOFF, SUBTYPES, dated_problems
from repair.evaluation.leetcode.injection.samples import REASONS, candidates_of, injected_samples
from repair.evaluation.leetcode.loader import read
from repair.language_servers import LanguageServers
from repair.text.stable_hash import rank

Rows = Sequence[dict[str, Any]]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=os.environ.get("REPAIR_BENCHMARK_DATA"))
    parser.add_argument("--cutoff", default=CUTOFF)
    parser.add_argument("--show", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.data is None:
        print("no data: set REPAIR_BENCHMARK_DATA or give --data (docs/benchmarks.md)")
        return
    published = read(Path(arguments.data))
    started = time.monotonic()
    with LanguageServers(2) as servers:
        outcomes = injected_samples(published, servers, cutoff=arguments.cutoff).to_pylist()
    expected = candidates_of(published, arguments.cutoff)
    dates = sorted(checks.date for checks in dated_problems(published).values())
    problems = f"{len(dates)} dated problems ({dates[0]} to {dates[-1]})" if dates else "no dated problems"
    print(f"{problems}, cutoff {arguments.cutoff}; built in {time.monotonic() - started:.0f} s")
    report(outcomes, expected)
    kept = [row for row in outcomes if row["reason"] is None]
    for row in sorted(kept, key=lambda row: rank(0, row["sample_id"]))[: arguments.show]:
        print(f"\n{row['project_id']}, {row['subtype']}: {row['diagnostic']['message']!r:.120}")
        print(row["reference"].strip())


def report(outcomes: Rows, expected: int) -> None:
    """Outcomes by reason; samples by subtype, half and diagnostic type."""
    reasons = Counter(row["reason"] for row in outcomes)
    kept = [row for row in outcomes if row["reason"] is None]
    print(f"rows in {expected}: {len(kept)} samples and {len(outcomes) - len(kept)} rejects")
    for reason, meaning in REASONS.items():
        if reasons[reason]:
            print(f"  {reason:20} {reasons[reason]:5}  {meaning}")
    print(f"\n{'subtype':22} {'candidates':>10} {'samples':>8} {'choose':>7} {'report':>7}  not kept")
    for subtype in SUBTYPES:
        own = [row for row in outcomes if row["subtype"] == subtype]
        print(f"{subtype:22} {len(own):10} {_halves(own)}  {_rejected(own)}")
    print(f"{'all':22} {sum(1 for row in outcomes if row['subtype']):10} {_halves(outcomes)}")
    types = frozenset(known.name for known in TYPES)
    found = Counter(partition_of(row["code"], types) for row in kept)
    print("\nsamples by type: " + ", ".join(f"{name} {count}" for name, count in found.most_common()))
    print(f"problems with a sample: {len({row['project_id'] for row in kept})}")


def _halves(rows: Rows) -> str:
    halves = Counter(row["half"] for row in rows if row["reason"] is None)
    return f"{halves.total():8} {halves['choose']:7} {halves['report']:7}"


def _rejected(rows: Rows) -> str:
    reasons = Counter(row["reason"] for row in rows if row["reason"])
    return ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())


if __name__ == "__main__":
    main()
