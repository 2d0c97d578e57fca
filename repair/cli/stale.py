"""`repair stale`: which partitions of a store would be made again, and why.

Tested by `tests/repair/execution/test_staleness.py`.
"""

import json
from dataclasses import asdict

import click

from repair.messages import printable


@click.command()
@click.argument("store")
@click.option(
    "--format",
    "output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Of the list.",
)
def stale(store: str, output: str) -> None:
    """Say which stored partitions would be made again, and why. Nothing is started or changed.

    STORE is a folder or a URI. JSON lists all partitions, text those with a cause. What only a run knows is
    not compared: its configuration, environment and language model.

    \b
    Example:
      repair stale .demo/store
      repair stale gs://bucket/store --format json
    """
    from repair.execution.staleness import RunSettings, staleness
    from repair.store.reader import PartitionStore
    from repair.verification.confidence import verifiers_own

    own = RunSettings({"calibration": verifiers_own().sha256})
    found = staleness(PartitionStore(store), run=own)
    if output == "json":
        rows = [
            {
                "name": partition.name,
                "causes": [asdict(cause) for cause in partition.causes],
                "not_compared": partition.not_compared,
            }
            for partition in found
        ]
        click.echo(json.dumps(rows, indent=2))
        return
    for partition in found:
        if partition.causes:
            causes = "; ".join(cause.detail for cause in partition.causes)
            click.echo(printable(f"{partition.name}: {causes}"))
    count = sum(bool(partition.causes) for partition in found)
    click.echo(f"{count} of {len(found)} partitions would be made again", err=True)
    if skipped := sorted({name for partition in found for name in partition.not_compared}):
        click.echo(f"not compared, because only a run knows: {', '.join(skipped)}", err=True)
