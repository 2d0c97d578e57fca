"""How often the reference fix lies inside the excerpt of its prompt, and what a prompt costs, by budget.

    python bench/excerpts.py .demo/store                     # fixes that a store has, or rejected as outside
    python bench/excerpts.py --repositories ../a ../b.git    # fixes of git histories
    python bench/excerpts.py --published ../data             # LeetCode samples (REPAIR_BENCHMARK_DATA)
    python bench/excerpts.py .demo/store --tokenizer FOLDER/tokenizer.json

Fixes of a store are those of the teacher `history`: the verified ones, and those that were rejected as
`outside_excerpt`, which are looked for once more without the excerpt. Of a git history they are the smallest
parts of a commit's change to a file that clear a diagnostic of it, checked in that file alone. Of LeetCode
samples they are the published corrections, of all instances with a diagnostic, whatever the tests say.
Prompts are counted with their answers.
"""

import argparse
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from git_fixes import Fix, of_repository

from repair.diagnostics.diagnostic import Diagnostic
from repair.evaluation.leetcode.loader import read
from repair.evaluation.leetcode.samples import case_of, find_diagnostics
from repair.language_servers import LanguageServers
from repair.line_diff import workspace as workspace_diff
from repair.line_diff.numbered import diff, extract
from repair.prompt.excerpt import BUDGET, OutsideExcerptError, excerpt
from repair.prompt.sentinels import Example, render
from repair.store.reader import PartitionStore
from repair.synthesis.history import HistoryTeacher
from repair.synthesis.teacher import Proposal
from repair.text.files import files_of
from repair.verification.verifier import verify

BUDGETS = (600, 800, 1_000, 1_200, 1_600, 2_400)
SYNTHESIZED, VERIFIED, CANDIDATES = "synthesized_diffs", "verified_diffs", "repair_candidates"


def of_store(store: PartitionStore, servers: LanguageServers) -> Iterator[Fix]:
    """The verified fixes of a store, and those that were rejected as outside of the excerpt."""
    for partition in store.partitions(VERIFIED):
        columns = ["path", "files", "diagnostic", "line_diff"]
        for batch in store.read(VERIFIED, partition, columns=columns):
            for row in batch.to_pylist():
                yield _fix(row, row["line_diff"])
    teacher = HistoryTeacher(servers, anywhere=True)
    for partition in store.partitions(SYNTHESIZED):
        rejects = store.table(SYNTHESIZED, partition, "rejects").to_pylist()
        outside = {row["diagnostic_id"] for row in rejects if row["reason"] == OutsideExcerptError.reason}
        if not outside:
            continue
        batches = store.read(CANDIDATES, partition)
        rows = [row for batch in batches for row in batch.to_pylist() if row["diagnostic_id"] in outside]
        for row, proposal in zip(rows, teacher.propose(rows), strict=True):
            if isinstance(proposal, Proposal):
                fix = _fix(row, extract(proposal.answer))
                if verify(files_of(row), fix.diagnostic, fix.line_diff, servers, anywhere=True).accepted:
                    yield fix


def _fix(row: dict[str, Any], line_diff: str) -> Fix:
    return Fix(row["path"], files_of(row)[row["path"]], Diagnostic.from_row(row["diagnostic"]), line_diff)


def of_published(folder: Path, servers: LanguageServers) -> Iterator[Fix]:
    """The corrections of published LeetCode bugs that the servers report."""
    cases = [case_of(bug.slug, bug.correct, bug.buggy) for bug in read(folder).instances]
    find_diagnostics(cases, servers)
    for case in cases:
        if not case.reject:
            yield _fix(case.row, diff(case.buggy, case.correct))


def report(name: str, fixes: Sequence[Fix], tokens: Callable[[str], int] | None) -> None:
    """Print the table of one source."""
    print(f"{name}: {len(fixes)} fixes, files of {_mean([len(fix.text) for fix in fixes]):,.0f} characters")
    if not fixes:
        return
    print("budget  inside        whole files  prompt, characters" + ("  tokens" if tokens else ""))
    for budget in BUDGETS:
        inside = whole = 0
        prompts: list[str] = []
        outside: Counter[str] = Counter()
        for fix in fixes:
            shown = excerpt(fix.text, fix.diagnostic.start_line, budget)
            whole += shown.whole
            try:
                shown.check(workspace_diff.parse(fix.line_diff, fix.path)[fix.path])
                inside += 1
            except OutsideExcerptError:
                outside[fix.diagnostic.code] += 1
            at, message = fix.diagnostic.start_line, fix.diagnostic.message
            prompts.append(render(Example(fix.path, fix.text, message, at, fix.line_diff, shown.ranges)))
        line = f"{budget:>6}  {inside:>4} ({inside / len(fixes):6.1%})  {whole / len(fixes):>11.1%}"
        line += f"  {_mean([len(prompt) for prompt in prompts]):>18,.0f}"
        print(line + (f"  {_mean([tokens(prompt) for prompt in prompts]):>6,.0f}" if tokens else ""))
        if budget == BUDGET and outside:
            print(
                "        outside: " + ", ".join(f"{code} {count}" for code, count in outside.most_common(8))
            )


def _mean(values: Sequence[int]) -> float:
    return sum(values) / max(len(values), 1)


def counter(path: str | None) -> Callable[[str], int] | None:
    """Counts the tokens of a text by a file of Hugging Face's `tokenizers`."""
    if path is None:
        return None
    from tokenizers import Tokenizer

    tokenizer: Any = Tokenizer.from_file(path)
    return lambda text: len(tokenizer.encode(text).ids)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("stores", nargs="*", help="folders or URIs of stores")
    parser.add_argument("--published", nargs="*", type=Path, default=[])
    parser.add_argument("--repositories", nargs="*", type=Path, default=[])
    parser.add_argument("--commits", type=int, default=300, help="newest commits of each repository")
    parser.add_argument("--tokenizer", help="a tokenizer.json, to count tokens as well")
    options = parser.parse_args()
    tokens = counter(options.tokenizer)
    with LanguageServers(2) as servers:
        for uri in options.stores:
            report(uri, list(of_store(PartitionStore(uri), servers)), tokens)
        for folder in options.published:
            report(str(folder), list(of_published(folder, servers)), tokens)
        for folder in options.repositories:
            report(str(folder), list(of_repository(folder, options.commits, servers)), tokens)


if __name__ == "__main__":
    main()
