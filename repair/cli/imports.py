"""`repair import`: recordings out of events, OT folders, git histories and simulated people.

Tested by `tests/repair/cli/test_main.py`.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from repair.messages import shown

if TYPE_CHECKING:
    from repair.recording.event import Event
    from repair.sources.importing import Source
    from repair.sources.report import Report
    from repair.sources.simulated.corpus import Corpus

FOLDER = click.Path(file_okay=False, path_type=Path)
ANY_PATH = click.Path(path_type=Path)
EACH_COMMIT = 0.001
"""Seconds without an edit after which the servers look: commits are at least as far apart."""

MOST_KINDS = 30
"""Kinds of events with a line of their own; those that are known are fewer."""

EVERY = 1000
"""Events between two looks at the progress."""


@click.group("import")
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
@click.option("--licence", help="SPDX expression; by default that of the licence files.")
@importing
def import_git(
    repositories: tuple[Path, ...],
    max_commits: int | None,
    visibility: str,
    licence: str | None,
    **options: Any,
) -> None:
    """Import the histories of git repositories, with the diagnostics of each commit.

    A repository that can't be read whole is refused and named; the others are imported. If all of them are
    refused, nothing is written, and the exit code is not 0.

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
            refused=report.licences,
            unreadable=report.refuse,
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
@click.option(
    "--corpus",
    "corpora",
    multiple=True,
    metavar="CORPUS",
    help="What is typed, instead of the standard library: an installed package's name, FOLDER, NAME=FOLDER "
    "or NAME=FOLDER:LICENCE (SPDX). May be given several times.",
)
@click.option(
    "--modules",
    "modules_per_project",
    type=int,
    default=2,
    show_default=True,
    help="Files of a project, 1 to 4.",
)
@importing
def simulated(first_date: datetime, **options: Any) -> None:
    """Import simulated people, who type real Python files and make mistakes.

    \b
    Example:
      repair import simulated --projects 24 --seed 7 --out recording
      repair import simulated --corpus click --corpus jinja2 --corpus own=../own:MIT --out recording
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
    modules_per_project: int = 2,
    first_project: int = 0,
    every_case: bool = True,
    corpora: "Sequence[str | Corpus]" = (),
    replace: bool = False,
    check: bool = False,
) -> None:
    """The command `repair import simulated`, for those who import from Python."""
    from repair.error_states.project import SETTLE_SECONDS
    from repair.sources.simulated import projects_and_events
    from repair.sources.simulated.copies import with_copies
    from repair.sources.simulated.corpus import corpus_of
    from repair.sources.simulated.shown_fixes import with_diagnostics as with_shown_fixes

    source = projects_and_events(
        seed=seed,
        projects=projects,
        days=days,
        first_date=first_date,
        modules_per_project=modules_per_project,
        first_project=first_project,
        every_case=every_case,
        corpora=[corpus_of(corpus) if isinstance(corpus, str) else corpus for corpus in corpora],
    )
    _import(
        lambda _: source,
        out=out,
        replace=replace,
        check=check,
        settle_seconds=SETTLE_SECONDS,
        enlarged=lambda found: with_copies(with_shown_fixes(found), copies),
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
    if out is None and (report.bad_rows or report.refused):
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
    from rich.text import Text

    table = Table("what", "count", title="Import")
    table.columns[1].justify = "right"
    table.add_row("projects", f"{report.projects:,}")
    if report.refused:
        table.add_row("refused", f"{len(report.refused):,}")
    table.add_row("sessions", f"{report.sessions:,}")
    table.add_row("events", f"{report.events.total():,}")
    kinds = report.events.most_common()
    for kind, count in kinds[:MOST_KINDS]:
        table.add_row(Text(f"  {shown(kind)[1:-1]}"), f"{count:,}")  # a stranger's text is no markup
    if more := kinds[MOST_KINDS:]:
        table.add_row(f"  {len(more):,} other kinds", f"{sum(count for _, count in more):,}")
    table.add_row("publications of diagnostics", f"{report.publications:,}")
    for reason, count in report.discovery.failed.most_common():
        table.add_row(f"  servers failed: {reason}", f"{count:,}")
    for reason, count in report.left_out.most_common():
        table.add_row(f"left out: {reason}", f"{count:,}")
    if report.licences:
        table.add_row("licence files that do not permit", f"{len(report.licences):,}")
    table.add_row("bad rows", f"{report.bad_rows.total():,}")
    for reason, count in report.bad_rows.most_common():
        table.add_row(f"  {reason}", f"{count:,}")
    Console().print(table)
    for refusal in (*report.refused, *report.licences):
        click.echo(refusal, err=True)
    for examples in report.examples.values():
        for problem in examples:
            click.echo(str(problem), err=True)
