"""`repair fix`: verified fixes of the diagnostics in one's own files.

Tested by `tests/repair/cli/test_fix.py`.
"""

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from repair.cli.failure import Failure
from repair.cli.model_options import model_options
from repair.errors import RepairError
from repair.messages import printable

if TYPE_CHECKING:
    from repair.cli.fix_report import Reporter
    from repair.cli.local_files import LocalWorkspace
    from repair.fixing.session import Session
    from repair.language_servers import LanguageServers


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--apply", "applies", is_flag=True, help="Write the fixes to the files.")
@click.option(
    "--unsure", is_flag=True, help="Also show verified fixes that are less likely right than the model's bar."
)
@click.option(
    "--test",
    "test",
    metavar="'MODULE ARGUMENTS'",
    help="The project's own tests, as after `python -m`; they are run on each fix, in a sandbox.",
)
@model_options
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def fix(
    paths: tuple[Path, ...],
    applies: bool,
    unsure: bool,
    test: str | None,
    k: int,
    model: str,
    model_url: str | None,
    model_key_variable: str | None,
    store: str | None,
    python: Path | None,
    form: str,
) -> None:
    """Show a verified fix of each diagnostic of pyright and ruff in Python files and folders.

    A fix is shown if pyright and ruff no longer report the diagnostic, report no new error in the whole
    project, and the change is no trick that silences them; else one line says why there is none. Of the model
    that comes with the package it must also be likely enough right (--unsure: shown all the same). After a
    model's first answer that of the rules is tried. What ruff fixes itself is named first; rules of style are
    left out. Each fix stands on those shown before it. No code is run, but for --test. A model behind an API
    (PROVIDER/NAME) is sent the file; the others stay on this machine.

    With --test a fix after which the tests fail is not shown, and one after which they no longer fail is
    shown however unlikely. Where they failed before and another error is left, they can't tell. What they say
    of all fixes together is told at the end.

    \b
    Exit codes:
      0  there is no diagnostic, or --apply fixed them all; and the tests pass
      1  diagnostics remain, fixes are shown that are not applied, or the tests fail
      2  a setting, a file, the model or a server is at fault

    \b
    Example:
      repair fix main.py
      repair fix --apply src
      repair fix --test 'pytest -q tests' --python .venv/bin/python src
      repair fix --format json --model openai/gpt-4o --model-key-variable OPENAI_API_KEY main.py
    """
    with _faults_exit_with_2():
        from repair.cli.fix_report import JsonReporter, TextReporter
        from repair.cli.local_files import local_workspaces
        from repair.fixing.chosen_model import ModelChoice, opened
        from repair.fixing.fixer import Fixer
        from repair.fixing.own_tests import OwnTests
        from repair.fixing.session import Session
        from repair.language_servers import Environment, LanguageServers

        choice = ModelChoice(name=model, url=model_url, key_variable=model_key_variable, store=store)
        workspaces = local_workspaces(list(paths))
        tests = [OwnTests(test, one.folder, one.files, python) if test else None for one in workspaces]
        reporter = JsonReporter(applies=applies) if form == "json" else TextReporter(applies=applies)
        environment = Environment("local", python) if python else None
        with (
            LanguageServers(os.cpu_count() or 1, environment=environment) as servers,
            reporter.working("loading the model") as note,
            opened(choice, servers, tell=lambda text: click.echo(printable(text), err=True)) as models,
        ):
            fixer = Fixer(models, servers)
            for workspace, own in zip(workspaces, tests, strict=True):
                note(f"checking {workspace.shown('.')}")
                session = Session(workspace.files, fixer, servers, k=k, unsure=unsure, tests=own)
                _fix_workspace(workspace, session, servers, reporter, applies=applies)
                if own is not None:
                    reporter.tested(workspace, own.failure(session.files))
            reporter.end(models, {**servers.versions, "environment": servers.environment}, k=k)
    sys.exit(2 if reporter.failed else int(reporter.remain))


def _fix_workspace(
    workspace: "LocalWorkspace",
    session: "Session",
    servers: "LanguageServers",
    reporter: "Reporter",
    *,
    applies: bool,
) -> None:
    from repair.cli.local_files import write_back
    from repair.errors import InputError
    from repair.language_servers import LanguageServerError
    from repair.text.merge_conflicts import merge_conflict

    written = dict(workspace.files)
    for path in dict.fromkeys(diagnostic.path for diagnostic in workspace.found(servers)):
        reporter.note(f"fixing {workspace.shown(path)}")
        if conflict := merge_conflict(session.files[path]):
            first, last = conflict
            told = f"lines {first} to {last} are an unresolved merge conflict; resolve it, then fix the file"
            reporter.refuse(workspace.shown(path), f"{workspace.shown(path)}: {told}")
            continue
        try:
            for report in session.fix_file(path):
                reporter.add(report, workspace)
        except LanguageServerError as error:  # of this file: the others go on
            reporter.refuse(workspace.shown(path), f"{workspace.shown(path)}: {error.reason}: {error}")
            reporter.failed = True
        changed = [name for name, text in session.files.items() if applies and text != written[name]]
        for name in changed:
            try:
                write_back(workspace.folder / name, written[name], session.files[name])
            except InputError as error:
                reporter.refuse(workspace.shown(name), str(error))
            written[name] = session.files[name]
    reporter.style += session.style
    reporter.handled += session.handled


@contextmanager
def _faults_exit_with_2() -> Generator[None]:
    """Exit code 1 says that diagnostics remain, so that every fault is a 2."""
    try:
        yield
    except RepairError as error:
        raise Failure(error, exit_code=2) from error
