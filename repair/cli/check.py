"""`repair check`: what pyright and ruff report about a file or a folder.

Tested by `tests/repair/cli/test_main.py`.
"""

import sys
from pathlib import Path

import click

from repair.messages import printable


@click.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path))
def check(path: Path) -> None:
    """Show what pyright and ruff say about a Python file or a folder; exits with 1 if there is an error.

    A file is checked within the project that encloses it (the nearest folder above with a pyproject.toml,
    setup.py, pyrightconfig.json, ruff.toml or .git), else together with the files beside it.

    \b
    Example:
      repair check main.py
    """
    from repair.cli.local_files import local_workspaces
    from repair.language_servers import LanguageServers

    [workspace] = local_workspaces([path])
    with LanguageServers() as servers:
        found = workspace.found(servers)
    for diagnostic in found:
        shown = workspace.shown(diagnostic.path)
        place = f"{shown}:{diagnostic.start_line + 1}:{diagnostic.start_column + 1}"
        message = "\n    ".join(diagnostic.message_lines)
        click.echo(printable(f"{place}: {diagnostic.severity}: {diagnostic.code}: {message}"))
    errors = sum(diagnostic.is_error for diagnostic in found)
    files = len(workspace.named) + len(workspace.in_folders)
    click.echo(f"{files} files, {len(found)} diagnostics, {errors} errors", err=True)
    if errors:
        sys.exit(1)
