"""The command `repair`. Everything heavy is imported where it is used: `repair --help` is instant."""

import os
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from repair.cli.stale import stale
from repair.errors import ConfigurationError, InputError, RepairError

if TYPE_CHECKING:
    from repair.recording.event import Event
    from repair.recording.reader import Recording
    from repair.sources.importing import Source
    from repair.sources.report import Report

FOLDER = click.Path(file_okay=False, path_type=Path)
ANY_PATH = click.Path(path_type=Path)
EACH_COMMIT = 0.001
"""Seconds without an edit after which the servers look: commits are at least as far apart."""

EVERY = 1000
"""Events between two looks at the progress."""


class Failure(click.ClickException):
    """An error of this project as one line; a wrong setting exits with 2, everything else with 1."""

    def __init__(self, error: RepairError) -> None:
        super().__init__(" ".join(str(error).split()))
        self.is_setting = isinstance(error, ConfigurationError)

    @property
    def exit_code(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride] - click reads it once
        return 2 if self.is_setting else 1


class Commands(click.Group):
    """A group whose commands show this project's errors without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except RepairError as error:
            raise Failure(error) from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Make recordings of development sessions, replay them, and check Python code.

    \b
    Example:
      repair import simulated --out recording
      repair replay recording --project NAME --file main.py --at 2024-05-06T12:00:00Z
      repair check .
    """


@main.group("import")
def import_() -> None:
    """Make a recording from events, an OT folder, git repositories or simulated people.

    A recording appears whole or not at all. Rows that are wrong are counted and named.

    \b
    Example:
      repair import git ../termgraph ../schedule --out recording
    """


def importing(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that every import has."""
    options = (
        click.option("--out", type=FOLDER, help="The folder of the new recording."),
        click.option("--replace", is_flag=True, help="Put it in the place of a recording that is there."),
        click.option(
            "--check",
            is_flag=True,
            help="Write nothing: report what is wrong, and exit with 1 if anything is.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@import_.command("events")
@click.argument("path", type=ANY_PATH)
@click.option("--projects", type=ANY_PATH, help="The table of projects, if it is not beside the events.")
@importing
def import_events(path: Path, projects: Path | None, **options: Any) -> None:
    """Import events in the published schema: Parquet or JSON Lines, a file or a folder.

    \b
    Example:
      repair import events exported/ --projects projects.jsonl --out recording
    """
    from repair.sources.events import projects_and_events

    _import(lambda report: projects_and_events(path, projects=projects, report=report), **options)


@import_.command("ot")
@click.argument("folder", type=FOLDER)
@importing
def import_ot(folder: Path, **options: Any) -> None:
    """Import a folder of OT packets with their diagnostics and stored copies.

    \b
    Example:
      repair import ot exported/ --check
      repair import ot exported/ --out recording
    """
    from repair.sources.ot import projects_and_events

    _import(lambda report: projects_and_events(folder, report=report), **options)


@import_.command("git")
@click.argument("repositories", type=FOLDER, nargs=-1, required=True)
@click.option("--max-commits", type=int, help="Only the newest so many commits of each.")
@click.option(
    "--visibility",
    type=click.Choice(["public", "private", "unknown"]),
    default="public",
    show_default=True,
    help="Of all these repositories.",
)
@click.option("--licence", help="SPDX identifier; by default that of each licence file.")
@importing
def import_git(
    repositories: tuple[Path, ...],
    max_commits: int | None,
    visibility: str,
    licence: str | None,
    **options: Any,
) -> None:
    """Import the histories of git repositories, with the diagnostics of each commit.

    \b
    Example:
      repair import git ../termgraph ../schedule --max-commits 200 --out recording
    """
    from repair.schema.events import Visibility
    from repair.sources.git import projects_and_events

    def read(report: "Report") -> "Source":
        return projects_and_events(
            repositories,
            max_commits=max_commits,
            visibility=Visibility(visibility),
            licence=licence,
            ignored=report.left_out,
        )

    _import(read, settle_seconds=EACH_COMMIT, **options)


@import_.command("simulated")
@click.option("--seed", type=int, default=0, show_default=True, help="Equal seeds give equal recordings.")
@click.option("--projects", type=int, default=24, show_default=True)
@click.option(
    "--days", type=int, default=2, show_default=True, help="Days on which each project is worked on."
)
@click.option("--first-date", type=click.DateTime(["%Y-%m-%d"]), default="2024-05-06", show_default=True)
@click.option(
    "--copies",
    type=int,
    default=1,
    show_default=True,
    help="Each project so often, in other words: a large recording in short time.",
)
@click.option("--corpus", type=FOLDER, help="Python files that are typed; by default the standard library.")
@importing
def simulated(first_date: datetime, **options: Any) -> None:
    """Import simulated people, who type real Python files and make mistakes.

    \b
    Example:
      repair import simulated --projects 24 --seed 7 --out recording
    """
    import_simulated(first_date=first_date.date(), **options)


def import_simulated(
    *,
    out: Path | None,
    first_date: date,
    seed: int = 0,
    projects: int = 24,
    days: int = 2,
    copies: int = 1,
    corpus: Path | None = None,
    replace: bool = False,
    check: bool = False,
) -> None:
    """The command `repair import simulated`, for those who import from Python."""
    from repair.error_states.project import SETTLE_SECONDS
    from repair.sources.simulated import projects_and_events
    from repair.sources.simulated.copies import with_copies

    source = projects_and_events(
        seed=seed, projects=projects, days=days, first_date=first_date, corpus=corpus
    )
    _import(
        lambda _: source,
        out=out,
        replace=replace,
        check=check,
        settle_seconds=SETTLE_SECONDS,
        enlarged=lambda found: with_copies(found, copies),
    )


def _import(
    read: "Callable[[Report], Source]",
    *,
    out: Path | None,
    replace: bool,
    check: bool,
    settle_seconds: float | None = None,
    enlarged: "Callable[[Source], Source]" = lambda source: source,
) -> None:
    """`settle_seconds`: the source has no diagnostics, so the language servers are asked at its pauses.
    `enlarged`: what is made of it once it has them."""
    from contextlib import ExitStack

    from repair.sources.importing import check_source, with_diagnostics, write_recording
    from repair.sources.report import Report

    if (out is None) is not check:
        raise click.UsageError("Give --out DIR to import, or --check to write nothing.")
    report = Report(datetime.now(UTC))
    with ExitStack() as stack:
        source = read(report)
        if settle_seconds is not None and out is not None:
            from repair.language_servers import LanguageServers

            workers = os.cpu_count() or 1
            servers = stack.enter_context(LanguageServers(workers))
            source = with_diagnostics(source, servers, report, settle_seconds=settle_seconds)
        source = stack.enter_context(_Progress()).watched(enlarged(source))
        if out is None:
            check_source(source, report)
        else:
            write_recording(source, out, report, replace=replace)
    _show(report)
    if out is None and report.bad_rows:
        sys.exit(1)


class _Progress:
    """A line on stderr, while it is a terminal, that says how far an import is."""

    def __enter__(self) -> "_Progress":
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task("reading")
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def watched(self, source: "Source") -> "Source":
        projects, events = 0, 0

        def each(of_project: "Iterator[Event]") -> "Iterator[Event]":
            nonlocal events
            for event in of_project:
                events += 1
                if events % EVERY == 0:
                    self._progress.update(self._task, description=f"{projects:,} projects, {events:,} events")
                yield event

        for project, of_project in source:
            projects += 1
            yield project, each(of_project)


def _show(report: "Report") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("what", "count", title="Import")
    table.columns[1].justify = "right"
    table.add_row("projects", f"{report.projects:,}")
    table.add_row("sessions", f"{report.sessions:,}")
    table.add_row("events", f"{report.events.total():,}")
    for kind, count in report.events.most_common():
        table.add_row(f"  {kind}", f"{count:,}")
    table.add_row("publications of diagnostics", f"{report.publications:,}")
    for reason, count in report.discovery.failed.most_common():
        table.add_row(f"  servers failed: {reason}", f"{count:,}")
    for reason, count in report.left_out.most_common():
        table.add_row(f"left out: {reason}", f"{count:,}")
    table.add_row("bad rows", f"{report.bad_rows.total():,}")
    for reason, count in report.bad_rows.most_common():
        table.add_row(f"  {reason}", f"{count:,}")
    Console().print(table)
    for examples in report.examples.values():
        for problem in examples:
            click.echo(str(problem), err=True)


@main.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path))
def check(path: Path) -> None:
    """Show what pyright and ruff say about a Python file or a folder; exits with 1 if there is an error.

    A file is checked together with the Python files and settings beside it.

    \b
    Example:
      repair check main.py
    """
    from repair.cli.local_files import read_workspace
    from repair.language_servers import LanguageServers

    folder = path if path.is_dir() else path.parent
    files = read_workspace(folder, deep=path.is_dir())
    if path.is_file() and path.name not in files:
        raise InputError(f"{path} is no Python file in UTF-8; give a .py or .pyi file, or a folder")
    with LanguageServers() as servers:
        found = servers.check_workspace(files) if path.is_dir() else servers.check(files, path.name)
    for diagnostic in found:
        place = f"{folder / diagnostic.path}:{diagnostic.start_line + 1}:{diagnostic.start_column + 1}"
        message = diagnostic.message.replace("\n", "\n    ")
        click.echo(f"{place}: {diagnostic.severity}: {diagnostic.code}: {message}")
    errors = sum(diagnostic.severity == "error" for diagnostic in found)
    click.echo(f"{len(files)} files, {len(found)} diagnostics, {errors} errors", err=True)
    if errors:
        sys.exit(1)


@main.command()
@click.argument("events")
@click.option("--file", "path", required=True, help="The file, from the project's root.")
@click.option("--at", required=True, help="The moment, in ISO 8601 with a zone; its own events count.")
@click.option("--project", "project_id", help="Needed where the recording has several.")
def replay(events: str, path: str, at: str, project_id: str | None) -> None:
    """Print a file of a recording as it was at a moment.

    EVENTS is a recording that `repair import` made: a folder or a URI such as gs://bucket/recording.

    \b
    Example:
      repair replay recording --project NAME --file main.py --at 2024-05-06T12:00:00Z
    """
    from repair.recording.reader import Recording
    from repair.recording.text_at import text_at

    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise click.BadParameter(
            f"{at!r} is no time with a zone, such as 2024-05-06T12:00:00Z", param_hint="--at"
        )
    recording = Recording(events)
    click.echo(text_at(recording, project_id or _only_project(recording), path, moment), nl=False)


@main.command()
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
        batches = (each.filter(compute.equal(each["diagnostic_id"], diagnostic_id)) for each in batches)
    held, failed = 0, 0
    with LanguageServers(os.cpu_count() or 1) as servers:
        for proof in prove(batches, servers, servers.versions):
            click.echo(" ".join(str(proof).split()))
            held, failed = held + proof.holds, failed + (not proof.holds)
    if diagnostic_id is not None and not held + failed:
        raise InputError(f"no verified row of {rows} has the diagnostic_id {diagnostic_id}")
    click.echo(f"{held + failed} rows, {held} hold, {failed} fail", err=True)
    if failed:
        sys.exit(1)


def _only_project(recording: "Recording") -> str:
    names: list[str] = recording.projects().column("project_id").to_pylist()
    if len(names) != 1:
        shown = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
        raise ConfigurationError(
            f"the recording has {len(names)} projects; choose one with --project: {shown}"
        )
    return names[0]


@main.command("language-servers")
@click.option("--port", type=click.IntRange(1, 65535), default=8080, show_default=True)
def language_servers(port: int) -> None:
    """Keep the language servers warm behind HTTP, on loopback, for all runs of this machine.

    Every other setting is an environment variable; docs/serverless.md lists them. Ends with Ctrl-C.

    \b
    Example:
      repair language-servers --port 8080
      REPAIR_LANGUAGE_SERVERS_URL=http://127.0.0.1:8080 make dev
    """
    from importlib import import_module

    from repair.extras import extra
    from repair.language_servers.settings import Settings

    with extra("function"):
        import_module("functions_framework")
        import_module("gunicorn")
    variables = {**os.environ, "REPAIR_FUNCTION_HOST": "127.0.0.1", "PORT": str(port)}
    Settings.of(variables)  # what is wrong with them is told here, in one line
    module = "repair.language_servers"
    command = [sys.executable, "-m", "gunicorn", "-c", f"python:{module}.serving", f"{module}.function:app()"]
    os.execve(sys.executable, command, variables)  # noqa: S606 (no shell is meant)


main.add_command(stale)
