"""`repair acceptance`: what users made of shown fixes, by model version.

Tested by `tests/repair/feedback/test_rates.py`.
"""

import click

from repair.messages import printable


@click.command()
@click.argument("store")
@click.option(
    "--compare", nargs=2, metavar="VERSION VERSION", help="The first less the second; default: the last two."
)
def acceptance(store: str, compare: tuple[str, str] | None) -> None:
    """Say what users made of the fixes that they were shown, by model version, over all stored dates.

    STORE is a folder or a URI. Per cent, with 95 % intervals; `kept` and `reverted` are of the accepted fixes
    that were looked at an hour later. The differences of two versions have an interval and the p-value of the
    two-proportion test.

    \b
    Example:
      repair acceptance gs://bucket/store
      repair acceptance .demo/store --compare 2026-01-06-3f9c12ab34cd 2026-01-05-0d2b66a1e1f0
    """
    from repair.feedback.rates import compared, stored_acceptance, table
    from repair.store.reader import PartitionStore

    found = stored_acceptance(PartitionStore(store))
    click.echo(table(found))
    first, second = compare or (None, None)
    for line in compared(found, first, second):
        click.echo(printable(line))
