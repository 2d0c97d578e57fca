"""`repair forget`: removes projects from a store, a recording and the cache of paid answers.

Tested by `tests/repair/erasure/test_forget.py`.
"""

from pathlib import Path

import click

from repair.messages import printable


@click.command()
@click.argument("projects", nargs=-1, required=True)
@click.option("--store", required=True, help="The store: a folder or a URI.")
@click.option("--recording", help="The recording that the store was made of: a folder or a URI.")
@click.option("--answers", type=click.Path(dir_okay=False, path_type=Path), help="The file of paid answers.")
@click.option("--delete", is_flag=True, help="Do it; otherwise only what would be removed is told.")
def forget(
    projects: tuple[str, ...], store: str, recording: str | None, answers: Path | None, delete: bool
) -> None:
    """Remove PROJECTS: events, rows, texts, examples, cached answers. Nothing is changed without --delete.

    What was made of their rows is marked, so that it is made again (`repair stale`). Weights keep what they
    learned: the checkpoints are listed. A call that was killed is finished by the same call.

    \b
    Example:
      repair forget turtles --store .demo/store --recording .demo/recordings --answers .demo/answers.sqlite
    """
    from repair.database import STATE_VARIABLE, shared_state
    from repair.erasure.forget import forget
    from repair.store.reader import PartitionStore

    cache = answers if answers is not None and answers.exists() else shared_state(STATE_VARIABLE)
    done = forget(projects, PartitionStore(store), recording=recording, answers=cache, dry_run=not delete)
    for name, rows in sorted(done.rows.items()):
        click.echo(printable(f"{name}: {rows} rows"))
    for name in done.removed:
        click.echo(printable(f"{name}: as a whole, to be made again"))
    for name in done.models:
        click.echo(printable(f"{name}: learned from them; its weights stay until it is trained again"))
    word = "removed" if delete else "would be removed (--delete does it)"
    click.echo(
        f"{sum(done.rows.values())} rows of {len(done.remade)} partitions, {done.recorded_rows} recorded"
        f" rows, {done.answers} cached answers, at most {done.texts} texts {word}",
        err=True,
    )
