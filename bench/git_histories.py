"""A benchmark of git histories: what the shipped model, its base and the rules repair of them.

    python bench/git_histories.py --repositories ../a ../b.git --samples git_histories.parquet
    python bench/git_histories.py --samples git_histories.parquet           # the same samples again
    python bench/git_histories.py --samples git_histories.parquet -k 8      # some minutes more

A sample is a file before a commit, a diagnostic of it and the smallest part of the commit's change that
clears it (`git_fixes.py`); near-duplicates are left out. The samples are written once and then read, so that
every model answers the same ones. k = 1 is one greedy answer; k = 8 are seven more, sampled, of which the
first that verifies counts (`repair fix`). Style findings and those with an automatic fix are no samples.
"""

import argparse
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from git_fixes import Fix, of_repository
from rich.console import Console

from code_location.summary import SUMMARY_COLUMNS, score_table
from repair.curation.diagnostic_text import task_text
from repair.curation.near_duplicates import NearDuplicates
from repair.diagnostics.diagnostic import Diagnostic
from repair.evaluation.benchmark import BENCHMARK_SAMPLES, WORKSPACE
from repair.evaluation.intervals import Share
from repair.evaluation.predictions import predict
from repair.evaluation.scoring import scores
from repair.evaluation.summary import system_scores
from repair.fixing.chosen_model import SHIPPED, local_models
from repair.fixing.fix import Task
from repair.fixing.fixer import Fixer
from repair.language_servers import LanguageServers
from repair.line_diff.numbered import apply
from repair.models.checkpoint import BASE_INSTRUCTIONS, CheckpointModel, base_of
from repair.models.decoding import Decoder
from repair.models.made_by import read_made_by
from repair.models.model import Model, Sampling
from repair.prompt.sentinels import render_response
from repair.synthesis.rules.model import RulesModel
from repair.text.files import files_of


def frozen(repositories: Sequence[Path], commits: int, servers: LanguageServers) -> Iterator[dict[str, Any]]:
    """Rows of `BENCHMARK_SAMPLES` of the newest commits of each repository."""
    seen = NearDuplicates()
    for folder in repositories:
        for fix in of_repository(folder, commits, servers):
            row = _sample(folder.parent.name if folder.name == "repo" else folder.name, fix)
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


def models(folder: Path, servers: LanguageServers) -> Iterator[Model]:
    """The checkpoint, its base and the rules, each loaded when it is its turn."""
    greedy = Sampling(temperature=0)
    yield CheckpointModel.load(str(folder), name=folder.name, sampling=greedy)
    base, revision = base_of(read_made_by(folder), folder.name)
    loaded = CheckpointModel.of(Decoder(base, revision=revision), name="base", sampling=greedy)
    yield replace(loaded, instructions=BASE_INSTRUCTIONS)
    yield RulesModel(servers)


def score(
    samples: Sequence[Mapping[str, Any]], answering: Iterable[Model], servers: LanguageServers
) -> list[Mapping[str, Any]]:
    """Rows of `SCORES`, one greedy answer of each model to each sample."""
    rows: list[Mapping[str, Any]] = []
    for model in answering:
        answers = [row for batch in predict(samples, model) for row in batch.to_pylist()]
        rows += [row for batch in scores(samples, answers, servers) for row in batch.to_pylist()]
    return rows


def fixed(samples: Sequence[Mapping[str, Any]], folder: Path, k: int, servers: LanguageServers) -> str:
    """The share of the samples of which one of `k` answers verifies."""
    tasks = [
        Task(
            files_of(row),
            Diagnostic.from_row(row["diagnostic"]),
            [Diagnostic.from_row(found) for found in row["before"]],
            k,
        )
        for row in samples
    ]
    fixes = Fixer(local_models(folder), servers).fix(tasks)
    share = Share.of(sum(fix.found for fix in fixes), len(fixes))
    return share.text() if share else "no samples"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repositories", nargs="*", type=Path, default=[])
    parser.add_argument("--commits", type=int, default=600, help="newest commits of each repository")
    parser.add_argument("--samples", type=Path, help="the frozen samples: written if they are not there")
    parser.add_argument("--model", type=Path, default=SHIPPED, help="folder of an adapter; the shipped one")
    parser.add_argument("-k", type=int, default=1)
    options = parser.parse_args()
    if options.samples is None or not (options.samples.exists() or options.repositories):
        print("nothing is measured: name --samples, and --repositories to make them of")
        return
    console = Console()
    with LanguageServers(2) as servers:
        if not options.samples.exists():
            rows = list(frozen(options.repositories, options.commits, servers))
            pq.write_table(pa.Table.from_pylist(rows, schema=BENCHMARK_SAMPLES), options.samples)
        samples = pq.read_table(options.samples).to_pylist()
        digest = hashlib.sha256(options.samples.read_bytes()).hexdigest()[:12]
        console.print(f"{len(samples)} samples, {options.samples.name} sha256 {digest}")
        if not options.model.is_dir():
            console.print(f"no model is scored: {options.model} is no folder")
            return
        found = score(samples, models(options.model, servers), servers)
        wide = Console(width=max(console.width, SUMMARY_COLUMNS))
        wide.print(score_table(system_scores(found), "one greedy answer"))
        if options.k > 1:
            share = fixed(samples, options.model, options.k, servers)
            console.print(f"k = {options.k}, first that verifies: {share} of {len(samples)}")


if __name__ == "__main__":
    main()
