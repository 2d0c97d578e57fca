"""`repair garbage`: removes what no manifest of a store names.

Tested by `tests/repair/store/test_garbage.py`.
"""

from datetime import timedelta

import click

from repair.messages import printable


@click.command()
@click.argument("store")
@click.option("--delete", is_flag=True, help="Do it; otherwise only what would go is told.")
@click.option(
    "--grace",
    type=click.FloatRange(min=1),
    default=24.0,
    show_default=True,
    metavar="HOURS",
    help="Nothing goes that is younger: longer than any run takes.",
)
def garbage(store: str, delete: bool, grace: float) -> None:
    """List the files of STORE that nothing needs any more, or remove them. STORE is a folder or a URI.

    Superseded files, what killed runs left, and texts that no row names: these are set aside at first, and go
    once that is as long ago.

    \b
    Example:
      repair garbage .demo/store
      repair garbage gs://bucket/store --delete --grace 72
    """
    from repair.store.garbage import collect
    from repair.store.reader import PartitionStore

    count = size = 0
    for item in collect(PartitionStore(store), dry_run=not delete, grace=timedelta(hours=grace)):
        click.echo(printable(f"{item.path}: {item.bytes:,} bytes, {item.why}"))
        count, size = count + 1, size + item.bytes
    word = "removed or set aside" if delete else "would go or be set aside (--delete does it)"
    click.echo(f"{count:,} files, {size:,} bytes {word}", err=True)
