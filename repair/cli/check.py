"""`repair check`: what pyright and ruff report about a file or a folder.

Tested by `tests/repair/cli/test_main.py`.
"""

import sys
from pathlib import Path

import click

from repair.errors import InputError
from repair.messages import printable


@click.command()
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
        click.echo(printable(f"{place}: {diagnostic.severity}: {diagnostic.code}: {message}"))
    errors = sum(diagnostic.severity == "error" for diagnostic in found)
    click.echo(f"{len(files)} files, {len(found)} diagnostics, {errors} errors", err=True)
    if errors:
        sys.exit(1)
