"""The command `repair`: its subcommands, one file each.

Everything heavy is imported where it is used: `repair --help` is instant.
"""

from errno import EPIPE
from typing import Any

import click

from repair.cli.acceptance import acceptance
from repair.cli.annotate import annotate
from repair.cli.audit import audit
from repair.cli.check import check
from repair.cli.evaluate import evaluate
from repair.cli.export import export
from repair.cli.failure import Failure
from repair.cli.fix import fix
from repair.cli.forget import forget
from repair.cli.garbage import garbage
from repair.cli.imports import import_
from repair.cli.language_servers import language_servers
from repair.cli.prove import prove
from repair.cli.reasons import reasons
from repair.cli.release import release
from repair.cli.replay import replay
from repair.cli.run import run
from repair.cli.serve import serve
from repair.cli.stale import stale
from repair.errors import InputError, RepairError


class Commands(click.Group):
    """A group whose commands show this project's errors without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except RepairError as error:
            raise Failure(error) from error
        except OSError as error:  # a file or folder that can't be read or written
            if error.errno == EPIPE:
                raise
            reason = error.strerror or str(error)
            raise Failure(InputError(f"{error.filename}: {reason}" if error.filename else reason)) from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Fix and check Python code; make recordings of development sessions, and replay them.

    \b
    Example:
      repair fix main.py
      repair import simulated --out recording
      repair replay recording --project NAME --file main.py --at 2024-05-06T12:00:00Z
      repair check .
    """


for command in (
    *(fix, serve, import_, check, replay, prove, run, export, stale, reasons, language_servers),
    *(release, evaluate, annotate, acceptance, forget, garbage, audit),
):
    main.add_command(command)
