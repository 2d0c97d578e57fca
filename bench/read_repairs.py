"""How right `repair fix` is where there are no tests: its repairs of git histories, read by a person.

    python bench/read_repairs.py --samples git.parquet --out repairs.jsonl      # decodes; what is to be read
    python bench/read_repairs.py --decisions decisions.jsonl --result bench/results/read_repairs.json

`--samples` is a file of frozen samples (`bench/shipped_model.py --samples git.parquet --repositories ...`);
`--measured` leaves out diagnostics of types that the model's calibration was not measured on, and `--at-most`
draws so many by a seeded hash.
`--out` has one line for each sample with a verified repair, in a seeded order: what was broken, the change,
and what the person who wrote the commit did. `above` tells whether it has the threshold of the model's
calibration, which is asked here of all types of diagnostic, also of those that it was not measured on.
A decision is a line `{"id", "code", "above", "author", "project", "decided"}`, `decided` being one of

    right     it removes the fault, and a reviewer would take it
    harmless  the program does the same as before, and the diagnostic is gone
    wrong     the program does something else than it was to do, or the fault is hidden

and is kept in the repository, which has nothing of the repositories' text. What the program was to do is
what it did on the versions of Python that it was written for.
"""

import argparse
import difflib
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from study_results import markdown, text, write

from repair.diagnostics.codes import type_of_code
from repair.evaluation.intervals import Share
from repair.evaluation.verified_answers import parts
from repair.fixing.chosen_model import SHIPPED, local_models
from repair.fixing.fix import Task
from repair.fixing.fixer import Fixer
from repair.language_servers import LanguageServers
from repair.text.files import text_of
from repair.text.stable_hash import rank
from repair.verification.confidence import Calibration

DECIDED = ("right", "harmless", "wrong")
SEED, CONTEXT, K, AT_ONCE = 17, 8, 8, 16
FEWEST = 5
"""Repairs of a diagnostic, or it has no line of its own."""


def repairs(
    samples: Sequence[Mapping[str, Any]], servers: LanguageServers, *, measured: bool, at_most: int
) -> Iterator[dict[str, Any]]:
    """What `repair fix -k 8 --unsure` shows of each sample, in a seeded order."""
    models = local_models(SHIPPED)
    assert models.calibration is not None
    known = [row for row in samples if not measured or models.calibration.measures(row["code"])]
    rows = sorted(known, key=lambda row: rank(SEED, row["sample_id"]))[:at_most]
    types = tuple({type_of_code(row["code"]) for row in rows})
    fixer = Fixer(replace(models, calibration=replace(models.calibration, types=types)), servers)
    fixes = (fix for part in parts(rows, AT_ONCE) for fix in fixer.fix([Task.of_row(row, K) for row in part]))
    for row, fix in zip(rows, fixes, strict=True):
        if (found := fix if fix.found else fix.withheld) is None:
            continue
        identity = f"{row['sample_id']}\0{found.line_diff}".encode("utf-8", "surrogatepass")
        yield {
            "id": hashlib.sha256(identity).hexdigest()[:16],
            "code": row["code"],
            "above": fix.found,
            "author": found.author,
            "project": row["project_id"],
            "message": row["diagnostic"]["message"],
            "line": row["diagnostic"]["start_line"] + 1,
            "repair": _change(text_of(row), found.changed[row["path"]]),
            "person": _change(text_of(row), row["target"]),
        }


def _change(before: str, after: str) -> str:
    return "\n".join(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=CONTEXT))


def table(decisions: Iterable[Mapping[str, Any]], calibration: Calibration) -> str:
    """How right the repairs are: above and below the threshold, of measured and of other types, by project
    and by diagnostic."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for row in decisions:
        if row["decided"] not in DECIDED:
            raise SystemExit(f"{row['id']}: decided {row['decided']!r}; expected one of {', '.join(DECIDED)}")
        place = "above the threshold" if row["above"] else "below"
        kind = "measured" if calibration.measures(row["code"]) else "other"
        project = row["project"].replace("+", "/")
        for group in (place, f"{place}, {kind} types", f"{place}, {project}", f"`{row['code']}`"):
            found[group][row["decided"]] += 1
    groups = sorted(name for name in found if "`" not in name)
    codes = sorted(name for name in found if "`" in name and found[name].total() >= FEWEST)
    cells = (
        [name, str(n := found[name].total()), *(text(Share.of(found[name][one], n)) for one in DECIDED)]
        for name in (*groups, *codes)
    )
    return markdown(("repairs", "n", *DECIDED), cells)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", type=Path, help="file of frozen samples")
    parser.add_argument("--measured", action="store_true", help="those of measured types alone")
    parser.add_argument("--at-most", type=int, default=10**6, help="samples")
    parser.add_argument("--out", type=Path, help="file for what is to be read")
    parser.add_argument("--decisions", type=Path, help="file of what was decided")
    parser.add_argument("--result", type=Path, help="file for both: bench/results/read_repairs.json")
    options = parser.parse_args()
    if options.samples and options.out:
        with LanguageServers(2) as servers, options.out.open("w") as file:
            samples = pq.read_table(options.samples).to_pylist()
            for row in repairs(samples, servers, measured=options.measured, at_most=options.at_most):
                file.write(json.dumps(row) + "\n")
                file.flush()
    elif options.decisions:
        decisions = [json.loads(line) for line in options.decisions.read_text().splitlines()]
        if (calibration := Calibration.read(SHIPPED)) is None:
            raise SystemExit(f"{SHIPPED} has no calibration")
        print(table(decisions, calibration))
        if options.result:
            write(options.result, {"decisions": decisions}, {})
    else:
        print("nothing is read: name --samples and --out, or --decisions")


if __name__ == "__main__":
    main()
