"""An error of this project as one line and an exit code.

Tested by `tests/repair/cli/test_main.py`.
"""

import click

from repair.errors import ConfigurationError, RepairError
from repair.messages import printable


class Failure(click.ClickException):
    """A wrong setting exits with 2, everything else with 1, unless the command says another code."""

    def __init__(self, error: RepairError, exit_code: int | None = None) -> None:
        super().__init__(printable(" ".join(str(error).split())))
        self._code = exit_code or (2 if isinstance(error, ConfigurationError) else 1)

    @property
    def exit_code(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride] - click reads it once
        return self._code
