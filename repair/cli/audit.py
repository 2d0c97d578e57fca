"""`repair audit`: which stage read a project's rows, when and for which purpose.

Tested by `tests/resources/test_stages.py`.
"""

import click

from repair.messages import printable


@click.command()
@click.argument("store")
@click.argument("project", required=False)
def audit(store: str, project: str | None) -> None:
    """List what was read of PROJECT, or of all projects, by the audit log of STORE: a folder or a URI.

    The log knows a project by the SHA-256 of its id; it stays when the project is forgotten.

    \b
    Example:
      repair audit .demo/store turtles
    """
    from repair.store.audit_log import recorded_reads
    from repair.store.reader import PartitionStore

    count = 0
    for row in recorded_reads(PartitionStore(store), project):
        count += 1
        who = "" if project else f", project {row['project_sha256'][:12]}"
        said = f"{row['at']:%Y-%m-%dT%H:%M:%SZ} {row['stage']} in run {row['run']}, for {row['purpose']}: "
        click.echo(printable(f"{said}{row['rows']} rows of {row['source']}{who}"))
    click.echo(f"{count} reads", err=True)
