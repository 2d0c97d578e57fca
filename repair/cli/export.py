"""`repair export`: the rows of a stored partition as one Parquet file, with their texts.

Tested by `tests/repair/cli/test_run.py`.
"""

from pathlib import Path

import click

from repair.errors import InputError
from repair.messages import shown

FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("store")
@click.argument("asset")
@click.argument("partition", default="")
@click.option("--out", required=True, type=FILE, help="The Parquet file.")
def export(store: str, asset: str, partition: str, out: Path) -> None:
    """Write the rows of a stored partition to a Parquet file, with their texts, for `repair run`.

    STORE is a folder or a URI, PARTITION as Dagster writes it; what is unpartitioned has none.

    \b
    Example:
      repair export .demo/store synthesized_diffs "2026-01-05|F821" --out rows.parquet
    """
    from repair.cli.parquet_files import written_whole
    from repair.store.reader import PartitionStore

    opened = PartitionStore(store)
    stored = {"|".join(segments.values()): segments for segments in opened.partitions(asset)}
    if partition not in stored:
        names = ", ".join(sorted(stored)[:10]) + (", ..." if len(stored) > 10 else "")
        raise InputError(
            f"{store} has no partition {shown(partition)} of {asset}; it has {names or 'none of that asset'}"
        )
    rows = opened.read(asset, stored[partition])
    first = next(rows)
    count = first.num_rows
    with written_whole(out, first.schema) as data:
        data.write_batch(first)
        for batch in rows:
            data.write_batch(batch)
            count += batch.num_rows
    click.echo(f"{count} rows of {asset}[{partition}] in {out}", err=True)
