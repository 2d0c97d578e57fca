"""Options of the commands that ask a model: which one, how often, and with which packages.

Tested by `tests/repair/cli/test_fix.py`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

MOST_ANSWERS = 64
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OPTIONS = (
    click.option(
        "-k",
        "k",
        type=click.IntRange(1, MOST_ANSWERS),
        default=8,
        show_default=True,
        help="Answers to a diagnostic at most, likeliest first; the first that verifies is shown.",
    ),
    click.option(
        "--model",
        default="local",
        show_default=True,
        metavar="local|released|rules|FOLDER|PROVIDER/NAME",
        help="The shipped model, a store's released one, no model but rules, a checkpoint, or a model as"
        " LiteLLM names it.",
    ),
    click.option("--model-url", metavar="URL", help="The address of its API, if not the provider's own."),
    click.option("--model-key-variable", metavar="NAME", help="The environment variable that holds its key."),
    click.option(
        "--store",
        metavar="FOLDER|URI",
        envvar="REPAIR_SERVE_STORE",
        show_envvar=True,
        help="The store whose released model is meant.",
    ),
    click.option("--python", type=_FILE, help="Of the environment whose packages the servers see."),
)


def model_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options to a command's function."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
