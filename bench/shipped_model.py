"""What the model that ships repairs, beside its base and the rules: coverage, and how right what it shows is.

    python bench/shipped_model.py --store .model/store --base                    # LeetCode benchmarks
    python bench/shipped_model.py --samples git.parquet --repositories ../a ../b.git --base -k 1 8
    python bench/shipped_model.py --samples git.parquet                           # the same samples again
    python bench/shipped_model.py --store .model/store -k 1 8 --at-most 60        # some minutes more
    python bench/shipped_model.py --store .model/store --benchmark workspace -k 8 # simulated modules

`--store` reads frozen benchmarks of a store, by default those of LeetCode problems. `--samples` reads a file
of frozen samples, and writes it first if it is not there and `--repositories` are named: a sample is a file
before a commit, a diagnostic of it and the smallest part of the commit's change that clears it
(`git_fixes.py`), without near-duplicates, style findings and those that have an automatic fix.

One greedy answer is asked for, without a search. `shown` are the answers that verify; `precision` is the
share of them that also passes the tests, where there are tests; `AST` is the share of all whose syntax tree
is the reference's. `-k` adds what `repair fix` shows of so many answers that it searches for: those above the
model's threshold; and with `--unsure` the likeliest of the others, too. `--rows` keeps what each system's
answers are worth in a file: a run that was stopped goes on with the systems that are not in it. `--result`
writes the counts of the page docs/studies.md.
"""

import argparse
import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from git_fixes import Fix, of_repository
from paired_results import outcomes
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from study_results import write

from repair.curation.diagnostic_text import task_text
from repair.curation.near_duplicates import NearDuplicates
from repair.evaluation.benchmark import ASSETS, BENCHMARK_SAMPLES, INJECTED, LEETCODE, REPORTED, WORKSPACE
from repair.evaluation.intervals import Share
from repair.evaluation.leetcode.functional import judged
from repair.evaluation.metrics import ast_match
from repair.evaluation.outcomes import NO_CHANGE
from repair.evaluation.predictions import predict
from repair.evaluation.scoring import compared_files, scores
from repair.fixing.chosen_model import SHIPPED, local_models, weights_sha256
from repair.fixing.fix import Task
from repair.fixing.fixer import Fixer
from repair.language_servers import LanguageServers
from repair.line_diff.numbered import apply
from repair.models.checkpoint import BASE_INSTRUCTIONS, CheckpointModel, base_of
from repair.models.decoding import Decoder
from repair.models.made_by import read_made_by
from repair.models.model import Model, Sampling
from repair.prompt.sentinels import render_response
from repair.store.reader import PartitionStore
from repair.synthesis.rules.model import RulesModel
from repair.text.files import files_of
from repair.text.stable_hash import rank

SEED = 17
GREEDY = Sampling(temperature=0)
COLUMNS = ("sample_id", "benchmark", "system", "code", "repaired", "functional", "ast_match", "outcome")
COUNTED = ("functional", "repaired", "ast_match")
Row = Mapping[str, Any]


def of_repositories(
    repositories: Sequence[Path], commits: int, servers: LanguageServers
) -> Iterator[dict[str, Any]]:
    """Rows of `BENCHMARK_SAMPLES` of the newest commits of each repository."""
    seen = NearDuplicates()
    for folder in repositories:
        project = folder.parent.name if folder.name == "repo" else folder.name
        for fix in of_repository(folder, commits, servers):
            row = _sample(project, fix)
            if seen.find_or_add(row["sample_id"], task_text(row, fix.line_diff)) is None:
                yield row


def _sample(project: str, fix: Fix) -> dict[str, Any]:
    identity = "\0".join((project, fix.text, fix.diagnostic.message, fix.line_diff))
    return {
        "sample_id": hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:16],
        "benchmark": WORKSPACE,
        "project_id": project,
        "code": fix.diagnostic.code,
        "path": fix.path,
        "reference": render_response(fix.line_diff),
        "files": [{"path": fix.path, "text": fix.text}],
        "diagnostic": fix.diagnostic.as_row(),
        "before": [diagnostic.as_row() for diagnostic in fix.before],
        "target": apply(fix.text, fix.line_diff),
        "target_files": [],
        "tests": None,
        "licence": None,
        "verified_by": None,
    }


def of_benchmarks(store: PartitionStore, names: Collection[str]) -> list[dict[str, Any]]:
    """The samples of these frozen benchmarks."""
    return [
        row
        for asset in sorted({ASSETS[name] for name in names})
        for partition in store.partitions(asset)
        for row in store.table(asset, partition).to_pylist()
        if row["benchmark"] in names
    ]


def base(folder: Path) -> Model:
    """The base of the checkpoint in `folder`, told the task."""
    name, revision = base_of(read_made_by(folder), folder.name)
    loaded = CheckpointModel.of(Decoder(name, revision=revision), name="base", sampling=GREEDY)
    return replace(loaded, instructions=BASE_INSTRUCTIONS)


def score(samples: Sequence[Row], model: Model, servers: LanguageServers) -> Iterator[Row]:
    """What one answer of the model to each sample is worth."""
    answers = [row for batch in predict(samples, model) for row in batch.to_pylist()]
    for batch in scores(samples, answers, servers, judged):
        for row in batch.to_pylist():
            yield {name: row[name] for name in COLUMNS}


def searched(samples: Sequence[Row], folder: Path, k: int, servers: LanguageServers) -> Iterator[Row]:
    """Rows like those of `SCORES` for what `repair fix` shows of `k` answers, and for what it does with
    `--unsure`."""
    tasks = [replace(Task.of_row(row, k), unsure=True) for row in samples]
    fixes = Fixer(local_models(folder), servers).fix(tasks)
    tested = [
        (sample, fix) for sample, fix in zip(samples, fixes, strict=True) if fix.found and sample["tests"]
    ]
    passed = judged((sample["tests"], fix.changed[sample["path"]]) for sample, fix in tested)
    right = {sample["sample_id"]: passes for (sample, _), passes in zip(tested, passed, strict=True)}
    for options, unsure in (("", False), (" --unsure", True)):
        for sample, fix in zip(samples, fixes, strict=True):
            is_shown = fix.found and (unsure or not fix.doubts)
            passes = is_shown and right.get(sample["sample_id"], False)
            yield {
                "sample_id": sample["sample_id"],
                "benchmark": sample["benchmark"],
                "system": f"repair fix -k {k}{options}",
                "code": sample["code"],
                "repaired": is_shown,
                "functional": passes if sample["tests"] else None,
                "ast_match": is_shown and as_the_user(sample, fix.changed),
                "outcome": "",
            }


def as_the_user(sample: Row, changed: Mapping[str, str]) -> bool:
    """Whether the workspace has the syntax trees of the reference's after the change."""
    return all(ast_match(*pair) for pair in compared_files(sample, {**files_of(sample), **changed}))


def kept(path: Path | None, made_of: str, system: str, make: Callable[[], Iterable[Row]]) -> list[Row]:
    """The rows of a system that the file holds of the same samples and weights, or new ones, which it then
    holds, too."""
    lines = path.read_text().splitlines() if path and path.exists() else []
    for known in map(json.loads, lines):
        if (known["made_of"], known["system"]) == (made_of, system):
            return known["rows"]
    rows = list(make())
    if path:
        with path.open("a") as file:
            file.write(json.dumps({"made_of": made_of, "system": system, "rows": rows}) + "\n")
    return rows


def counts(rows: Iterable[Row]) -> Iterator[dict[str, Any]]:
    """Of each benchmark and system: samples, how many answers are what, and which pass the tests."""
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["benchmark"], row["system"]].append(row)
    for (benchmark, system), found in sorted(groups.items()):
        yield {
            **{"benchmark": benchmark, "system": system, "n": len(found)},
            **{
                name: sum(bool(row[name]) for row in found)
                for name in ("functional", "repaired", "ast_match")
            },
            "unchanged": sum(row["outcome"] == NO_CHANGE for row in found),
            **outcomes(found),
        }


def table(title: str, rows: Iterable[Row], group: Sequence[str]) -> Table:
    """Shares of the rows by the columns of `group`, in per cent with 95 % intervals."""
    groups: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[tuple(row[name] for name in group)].append(row)
    out = Table(*group, title=title)
    for name in ("n", "functional", "AST", "shown", "precision", "AST of shown", "no change"):
        out.add_column(name, justify="right")
    for key, found in sorted(groups.items()):
        shown = [row for row in found if row["repaired"]]
        cells = (
            _share([row["functional"] for row in found]),
            _share([row["ast_match"] for row in found]),
            _share([row["repaired"] for row in found]),
            _share([row["functional"] for row in shown]),
            _share([row["ast_match"] for row in shown]),
            _share([row["outcome"] == NO_CHANGE for row in found]),
        )
        out.add_row(*map(escape, key), str(len(found)), *cells)
    return out


def _share(values: Sequence[bool | None]) -> str:
    known = [value for value in values if value is not None]
    share = Share.of(sum(known), len(known))
    return share.text() if share else "-"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--store", help="folder or URI of a store with frozen benchmarks")
    parser.add_argument(
        "--benchmark", nargs="+", default=[LEETCODE, INJECTED], choices=REPORTED, help="of the store"
    )
    parser.add_argument("--samples", type=Path, help="file of frozen samples; written if it is not there")
    parser.add_argument("--repositories", nargs="*", type=Path, default=[])
    parser.add_argument("--commits", type=int, default=600, help="newest commits of each repository")
    parser.add_argument("--model", type=Path, default=SHIPPED, help="folder of an adapter; the shipped one")
    parser.add_argument("--at-most", type=int, default=10**6, help="samples of a benchmark, a seeded choice")
    parser.add_argument("-k", type=int, nargs="*", default=[], help="answers that `repair fix` searches for")
    parser.add_argument("--base", action="store_true", help="also its base, which ends no answer: slow")
    parser.add_argument("--rows", type=Path, help="file of what was scored; a run goes on with the others")
    parser.add_argument("--result", type=Path, help="file for the counts, as JSON")
    options = parser.parse_args()
    console = Console(width=160)
    samples: list[dict[str, Any]] = (
        of_benchmarks(PartitionStore(options.store), options.benchmark) if options.store else []
    )
    with LanguageServers(2) as servers:
        if options.samples:
            if not options.samples.exists():
                made = list(of_repositories(options.repositories, options.commits, servers))
                pq.write_table(pa.Table.from_pylist(made, schema=BENCHMARK_SAMPLES), options.samples)
            digest = hashlib.sha256(options.samples.read_bytes()).hexdigest()[:12]
            samples += pq.read_table(options.samples).to_pylist()
            console.print(f"{options.samples.name}: {len(samples)} samples, sha256 {digest}")
        by_benchmark: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in sorted(samples, key=lambda row: rank(SEED, row["sample_id"])):
            by_benchmark[row["benchmark"]].append(row)
        chosen = [row for rows in by_benchmark.values() for row in rows[: options.at_most]]
        if not chosen or not options.model.is_dir():
            print("nothing is scored: name --store or --samples, and a --model that is there")
            return
        folder: Path = options.model
        systems: dict[str, Callable[[], Iterable[Row]]] = {
            folder.name: lambda: score(
                chosen, CheckpointModel.load(str(folder), name=folder.name, sampling=GREEDY), servers
            ),
            "rules": lambda: score(chosen, RulesModel(servers), servers),
            **{
                f"repair fix -k {k}, also --unsure": lambda k=k: searched(chosen, folder, k, servers)
                for k in options.k
            },
        }
        if options.base:
            systems["base"] = lambda: score(chosen, base(folder), servers)
        made_of = json.dumps([sorted(row["sample_id"] for row in chosen), weights_sha256(folder)])
        digest = hashlib.sha256(made_of.encode()).hexdigest()[:16]
        rows: list[Row] = []
        for name, make in systems.items():
            console.print(f"{name}: {len(chosen)} samples")
            rows += kept(options.rows, digest, name, make)
        if options.result:
            versions = {**servers.versions, "checkpoint": weights_sha256(folder)[:12]}
            write(options.result, {"models": list(counts(rows))}, versions)
    console.print(table("per cent, with 95 % intervals", rows, ("benchmark", "system")))
    console.print(table("by diagnostic", rows, ("system", "code")))


if __name__ == "__main__":
    main()
