"""`repair annotate`: a page on which people accept, correct and reject samples, or audit verified rows.

Tested by `tests/repair/evaluation/annotation/test_app.py` and `tests/repair/cli/test_annotate.py`.
"""

from pathlib import Path

import click

FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.option(
    "--samples",
    required=True,
    metavar="STORE|PARTITION|FILE.jsonl",
    help="What is shown: a store, a partition of workspace_benchmark, or JSON Lines.",
)
@click.option("--export", required=True, type=FILE, help="The JSON Lines that decisions are appended to.")
@click.option("--audit", type=click.IntRange(1), metavar="N", help="Show N verified rows of a store instead.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the draw of --audit.")
@click.option("--annotator", default="", help="The name under which the page begins.")
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0: a free one.")
@click.option("--summary", "only_summary", is_flag=True, help="Print progress, agreement and precision; end.")
def annotate(
    samples: str, export: Path, audit: int | None, seed: int, annotator: str, port: int, only_summary: bool
) -> None:
    """Serve the annotation page on loopback; open the address that it prints. Ends with Ctrl-C.

    Every decision is on the disk before the page goes on. docs/annotation.md describes keys and files.

    \b
    Example:
      repair annotate --samples .demo/store --export decisions.jsonl
      repair annotate --samples .demo/store --export audit.jsonl --audit 100 --seed 7
      repair annotate --samples .demo/store --export audit.jsonl --audit 100 --seed 7 --summary
    """
    from contextlib import suppress
    from urllib.parse import quote

    from repair.evaluation.annotation.agreement import summary
    from repair.evaluation.annotation.decisions import DecisionLog, annotator_name, read_decisions
    from repair.evaluation.annotation.samples import audit_sample, benchmark_samples
    from repair.messages import printable

    name = annotator_name(annotator) if annotator else ""
    if only_summary:
        known = read_decisions(export.read_bytes(), str(export))
        found = audit_sample(samples, audit, seed) if audit else benchmark_samples(samples)
        for line in summary(found, known, audit=bool(audit)):
            click.echo(printable(line))
        return
    from repair.evaluation.annotation.app import serve
    from repair.evaluation.annotation.service import Annotation
    from repair.language_servers import LanguageServers

    found = audit_sample(samples, audit, seed) if audit else benchmark_samples(samples)
    with DecisionLog(export) as log, LanguageServers() as servers, suppress(KeyboardInterrupt):
        if log.cut:
            click.echo(f"cut off {log.cut} bytes of a row that was never saved from {export}", err=True)
        click.echo(f"{len(found)} samples; decisions go to {export}", err=True)
        fragment = f"#annotator={quote(name)}" if name else ""
        serve(
            Annotation(found, log, servers, audit=bool(audit)),
            port=port,
            announce=lambda address: click.echo(f"Open {address}{fragment}"),
        )
