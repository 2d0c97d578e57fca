"""Mode collapse: the spread of each system's verified edits, beside the users' own of the same errors.

    python bench/edit_spread.py --store .model/store

The edits are the stored first answers to the workspace benchmark (`eval_results`) that verify; `history` has
the users' own later fixes, minimized to what the diagnostic needs. A system is compared with them on the
samples that it repairs. Edits are compared as kinds (`repair.evaluation.edit_diversity`), without line
numbers, names, numbers and texts: once as whole lines, and once the changed tokens alone. Nothing is decoded
or checked. `--result FILE` writes the figures, of which `bench/studies.py` makes docs/studies.md.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from study_results import spreads, write

from repair.evaluation.benchmark import WORKSPACE
from repair.evaluation.edit_diversity import changed_tokens, normalised, spread
from repair.line_diff import workspace as workspace_diff
from repair.prompt.answer_formats import LINE_DIFF, answer_format
from repair.store.reader import PartitionStore
from repair.text.files import files_of

OWN, NOTHING = "history", "empty"
SEED = 2026
LEAST = 10
"""Samples of a type that are shown by themselves."""


def edits(store: PartitionStore) -> dict[str, dict[str, tuple[str, str, str]]]:
    """System -> sample -> diagnostic type, edit by lines and by tokens, of first answers that verify."""
    samples = {
        row["sample_id"]: row
        for partition in store.partitions("workspace_benchmark")
        for row in store.table("workspace_benchmark", partition).to_pylist()
    }
    found: dict[str, dict[str, tuple[str, str, str]]] = defaultdict(dict)
    for partition in store.partitions("eval_results"):
        for row in store.table("eval_results", partition).to_pylist():
            known = row["benchmark"] == WORKSPACE and row["repaired"] and not row["answer_index"]
            if known and (sample := samples.get(row["sample_id"])) is not None:
                kind = partition["diagnostic_type"], *_kinds(row["answer"], sample)
                found[row["system"]][row["sample_id"]] = kind
    return found


def _kinds(answer: str, sample: Mapping[str, Any]) -> tuple[str, str]:
    """The answer's change, of whole lines and of tokens; a line that is put back as it was is none."""
    files, path = files_of(sample), sample["path"]
    line_diff = answer_format(LINE_DIFF).read_in(answer, files, path).line_diff
    repaired = workspace_diff.apply(files, line_diff, path)
    return normalised(workspace_diff.diff(files, repaired, path)), changed_tokens(files, repaired)


def of_systems(found: Mapping[str, Mapping[str, tuple[str, str, str]]]) -> Iterator[dict[str, Any]]:
    """Of each system and type the spread of its edits beside the users' own."""
    own = found.get(OWN, {})
    for system, by_sample in sorted(found.items()):
        if system in (OWN, NOTHING):
            continue
        groups: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for sample, (diagnostic_type, lines, tokens) in by_sample.items():
            if sample in own:
                _, own_lines, own_tokens = own[sample]
                groups["all, whole lines"].append((lines, own_lines))
                groups["all"].append((tokens, own_tokens))
                groups[diagnostic_type].append((tokens, own_tokens))
        for name, pairs in sorted(groups.items(), key=lambda group: (group[0][:3] != "all", group[0])):
            if len(pairs) >= LEAST:
                yield {"system": system, "type": name, **asdict(spread(pairs, seed=SEED))}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--store", help="folder or URI of a store with eval_results")
    parser.add_argument("--result", type=Path, help="file for the figures, as JSON")
    given = parser.parse_args()
    if not given.store:
        print("nothing is measured: name --store")
        return
    rows = list(of_systems(edits(PartitionStore(given.store))))
    print(
        f"verified edits of the same errors, as kinds of changed tokens; entropy in bits\n\n{spreads(rows)}"
    )
    if given.result:
        write(given.result, {"samples": LEAST, "spreads": rows}, {})


if __name__ == "__main__":
    main()
