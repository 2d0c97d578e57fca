"""`repair release`: a frozen benchmark as a folder that others can use.

Tested by `tests/repair/evaluation/release/test_release.py`.
"""

import os
from pathlib import Path

import click


@click.command()
@click.argument("store")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The new folder.")
@click.option(
    "--benchmark",
    type=click.Choice(["workspace", "leetcode", "leetcode_injected", "leetcode_injected_choose"]),
    default="workspace",
    show_default=True,
    help="Which of the frozen benchmarks.",
)
def release(store: str, out: Path, benchmark: str) -> None:
    """Write a frozen benchmark of a store to a folder: Parquet, a card, and a manifest with hashes.

    STORE is a folder or a URI. Every sample is proved once more by the language servers that are here. Left
    out and counted is what they don't confirm, and what no licence permits to pass on.

    \b
    Example:
      repair release .demo/store --out workspace-benchmark
      repair release .demo/store --benchmark leetcode --out leetcode-benchmark
    """
    from repair.evaluation.release.writer import write_release
    from repair.language_servers import LanguageServers
    from repair.store.reader import PartitionStore

    with LanguageServers(os.cpu_count() or 1) as servers:
        manifest = write_release(PartitionStore(store), benchmark, out, servers)
    total = manifest.samples + sum(manifest.left_out.values())
    reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(manifest.left_out.items()))
    click.echo(
        f"{benchmark} {manifest.version} in {out}: {total} samples, {manifest.samples} released,"
        f" {total - manifest.samples} left out{f' ({reasons})' if reasons else ''}",
        err=True,
    )
