"""Licence texts that others publish: those of installed distributions and of Debian."""

import importlib.metadata
import re
from pathlib import Path

import pytest


def installed(distribution: str) -> str:
    """The licence file of an installed distribution."""
    files = importlib.metadata.files(distribution) or []
    texts = [file.read_text() for file in files if re.fullmatch(r"(?i)licen[cs]e(\.\w+)?", file.name)]
    return texts[0]


def debian(name: str) -> str:
    """A text of Debian's /usr/share/common-licenses."""
    path = Path("/usr/share/common-licenses") / name
    if not path.exists():
        pytest.skip(f"{path} is not there: it comes with Debian's base-files")
    return path.read_text()


MIT = installed("pytest")
