"""What the tests of the servers share."""

import sysconfig
from pathlib import Path

import pytest

from tests.repair.language_servers.command_lines import CommandLines


@pytest.fixture(scope="session")
def standard_library() -> Path:
    return Path(sysconfig.get_path("stdlib"))


@pytest.fixture(scope="session")
def command_lines(tmp_path_factory: pytest.TempPathFactory) -> CommandLines:
    """Fresh runs of both programs."""
    return CommandLines(tmp_path_factory.mktemp("afresh"))
