"""Path validation: which paths of a stranger's project are safe, and which files servers read."""

import re
from pathlib import PurePosixPath

PYTHON_SUFFIXES = (".py", ".pyi")
CONFIGURATION_FILES = frozenset(
    {"pyproject.toml", "pyrightconfig.json", "ruff.toml", ".ruff.toml", "setup.cfg", ".python-version"}
)

_LONGEST_PATH, _LONGEST_NAME = 1024, 255  # bytes; the second is what Linux file systems allow
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_DRIVE = re.compile("[A-Za-z]:")


def path_fault(path: str) -> str | None:
    """What is wrong with a stranger's path; None: it stays inside the folder that it is relative to.

    Control characters, line separators and what changes the direction of writing are refused as well: a path
    stands on a line of a prompt, and should be what it looks like.
    """
    try:
        encoded = path.encode()
    except UnicodeEncodeError:
        return "it holds a lone surrogate"
    if not encoded or len(encoded) > _LONGEST_PATH:
        return f"it has {len(encoded)} bytes, expected 1 to {_LONGEST_PATH}"
    if "\\" in path or _CONTROL.search(path):
        return "it holds a backslash or a control character"
    if _DRIVE.match(path):
        return "it begins with a drive"
    for name in path.split("/"):
        if name in ("", ".", ".."):
            return "it is absolute or has a component that is empty, . or .."
        if len(name.encode()) > _LONGEST_NAME:
            return f"a component is longer than {_LONGEST_NAME} bytes"
    return None


def safe_path(path: str) -> bool:
    """Whether a stranger's path is a plain relative POSIX path."""
    return path_fault(path) is None


def is_python(path: str) -> bool:
    """Whether the language servers look at a file of that name."""
    return path.endswith(PYTHON_SUFFIXES)


def is_readable(path: str) -> bool:
    """Whether the language servers read a file of that name: Python, stubs, their own configuration."""
    return is_python(path) or PurePosixPath(path).name in CONFIGURATION_FILES
