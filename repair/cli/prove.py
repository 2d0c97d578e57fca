"""`repair prove`: the proofs of verified rows, replayed.

Tested by `tests/repair/verification/test_proof.py`.
"""

import os
import sys
from typing import Any

import click

from repair.errors import InputError
from repair.messages import printable


@click.command()
@click.argument("rows")
@click.option("--row", "diagnostic_id", help="Only the rows of this diagnostic_id.")
def prove(rows: str, diagnostic_id: str | None) -> None:
    """Replay the proofs of verified rows; exits with 1 if one does not hold.

    ROWS is a store, a partition of verified_diffs in it, or a Parquet file of its rows: a path or a URI. The
    hash, the diagnostics before and after, the diff and the verdict of each row are computed again, by the
    servers that are here.

    \b
    Example:
      repair prove .demo/store/verified_diffs/date=2026-01-05/diagnostic_type=F821
      repair prove gs://bucket/store --row 0f3c9a...
    """
    import pyarrow.compute

    from repair.language_servers import LanguageServers
    from repair.verification.proof import prove
    from repair.verification.stored_rows import verified_rows

    compute: Any = pyarrow.compute  # its functions are made at import, so that type checkers do not see them
    batches = verified_rows(rows)
    if diagnostic_id is not None:
        batches = (batch.filter(compute.equal(batch["diagnostic_id"], diagnostic_id)) for batch in batches)
    held, failed = 0, 0
    with LanguageServers(os.cpu_count() or 1) as servers:
        for proof in prove(batches, servers, servers.versions):
            click.echo(printable(" ".join(str(proof).split())))
            held, failed = held + proof.holds, failed + (not proof.holds)
    if diagnostic_id is not None and not held + failed:
        raise InputError(f"no verified row of {rows} has the diagnostic_id {diagnostic_id}")
    click.echo(f"{held + failed} rows, {held} hold, {failed} fail", err=True)
    if failed:
        sys.exit(1)
