"""How right `repair fix` is where there are no tests: its repairs of git histories, read by a person.

    python bench/read_repairs.py --samples git.parquet --out repairs.jsonl      # decodes; what is to be read
    python bench/read_repairs.py --decisions decisions.jsonl --result bench/results/read_repairs.json

`--samples` is a file of frozen samples (`bench/shipped_model.py --samples git.parquet --repositories ...`).
`--out` has one line for each repair, shown or withheld, in the order in which it is read, which tells
nothing of its confidence: what was broken, the change, and what the person who wrote the commit did. A
decision is a line `{"id", "code", "shown", "confidence", "decided", "why"}`, `decided` being one of

    right     it removes the fault, and a reviewer would take it
    harmless  the program does the same as before, and the diagnostic is gone
    wrong     the program does something else than it was to do, or the fault is hidden

and is kept in the repository, which has nothing of the repositories' text. An answer to a diagnostic that is
reported in error is `harmless` at best.
"""

import argparse
import difflib
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from study_results import markdown, text, write

from repair.evaluation.intervals import Share
from repair.evaluation.verified_answers import parts
from repair.fixing.chosen_model import SHIPPED, local_models
from repair.fixing.fix import Task
from repair.fixing.fixer import Fixer
from repair.language_servers import LanguageServers
from repair.text.files import text_of
from repair.text.stable_hash import rank

DECIDED = ("right", "harmless", "wrong")
SEED, CONTEXT, K, AT_ONCE = 17, 8, 8, 16


@dataclass(frozen=True, slots=True)
class Read:
    """The repairs of one group, by what was decided."""

    group: str
    counts: Mapping[str, int]

    def cells(self) -> list[str]:
        n = self.counts.total() if isinstance(self.counts, Counter) else sum(self.counts.values())
        return [self.group, str(n), *(text(Share.of(self.counts.get(name, 0), n)) for name in DECIDED)]


def repairs(samples: Iterable[Mapping[str, Any]], servers: LanguageServers) -> Iterator[dict[str, Any]]:
    """What `repair fix -k 8` shows or withholds of each sample, in a seeded order."""
    rows = sorted(samples, key=lambda row: rank(SEED, row["sample_id"]))
    fixer = Fixer(local_models(SHIPPED), servers)
    fixes = (fix for part in parts(rows, AT_ONCE) for fix in fixer.fix([Task.of_row(row, K) for row in part]))
    for row, fix in zip(rows, fixes, strict=True):
        found = fix if fix.found else fix.withheld
        if found is None or found.confidence is None:
            continue
        identity = f"{row['sample_id']}\0{found.line_diff}".encode("utf-8", "surrogatepass")
        yield {
            "id": hashlib.sha256(identity).hexdigest()[:16],
            "code": row["code"],
            "shown": fix.found,
            "confidence": round(found.confidence, 4),
            "author": found.author,
            "project": row["project_id"],
            "message": row["diagnostic"]["message"],
            "line": row["diagnostic"]["start_line"] + 1,
            "repair": _change(text_of(row), found.changed[row["path"]]),
            "person": _change(text_of(row), row["target"]),
        }


def _change(before: str, after: str) -> str:
    return "\n".join(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=CONTEXT))


def groups(decisions: Iterable[Mapping[str, Any]]) -> Iterator[Read]:
    """Counts of what is shown and withheld, and of both by diagnostic."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for row in decisions:
        if row["decided"] not in DECIDED:
            raise SystemExit(f"{row['id']}: decided {row['decided']!r}; expected one of {', '.join(DECIDED)}")
        found["shown" if row["shown"] else "withheld"][row["decided"]] += 1
        found[f"{row['code']}, {'shown' if row['shown'] else 'withheld'}"][row["decided"]] += 1
    for name in sorted(found, key=lambda name: (", " in name, name)):
        yield Read(name, found[name])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", type=Path, help="file of frozen samples")
    parser.add_argument("--out", type=Path, help="file for what is to be read")
    parser.add_argument("--decisions", type=Path, help="file of what was decided")
    parser.add_argument("--result", type=Path, help="file for both: bench/results/read_repairs.json")
    options = parser.parse_args()
    if options.samples and options.out:
        with LanguageServers(2) as servers, options.out.open("w") as file:
            for row in repairs(pq.read_table(options.samples).to_pylist(), servers):
                file.write(json.dumps(row) + "\n")
                file.flush()
    elif options.decisions:
        decisions = [json.loads(line) for line in options.decisions.read_text().splitlines()]
        print(markdown(("repairs", "n", *DECIDED), (read.cells() for read in groups(decisions))))
        if options.result:
            write(options.result, {"decisions": decisions}, {})
    else:
        print("nothing is read: name --samples and --out, or --decisions")


if __name__ == "__main__":
    main()
