"""`repair replay`: a file of a recording as it was at a moment.

Tested by `tests/repair/cli/test_main.py`.
"""

from datetime import datetime
from typing import TYPE_CHECKING

import click

from repair.errors import ConfigurationError
from repair.messages import shown

if TYPE_CHECKING:
    from repair.recording.reader import Recording


@click.command()
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
            f"{shown(at)} is no time with a zone, such as 2024-05-06T12:00:00Z", param_hint="--at"
        )
    recording = Recording(events)
    click.echo(text_at(recording, project_id or _only_project(recording), path, moment), nl=False)


def _only_project(recording: "Recording") -> str:
    names: list[str] = recording.projects().column("project_id").to_pylist()
    if len(names) != 1:
        shown = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
        raise ConfigurationError(
            f"the recording has {len(names)} projects; choose one with --project: {shown}"
        )
    return names[0]
