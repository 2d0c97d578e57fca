"""File sets: the paths and texts of a workspace, and their SHA-256.

Tested by `tests/repair/error_states/test_project.py`.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from repair.errors import InputError
from repair.messages import shown


def workspace_sha256(files: Mapping[str, str]) -> str:
    """SHA-256 in hexadecimal over path, NUL, UTF-8 text, NUL of each file, in the order of the paths."""
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path}\0{files[path]}\0".encode())
    return digest.hexdigest()


def files_of(row: Mapping[str, Any], column: str = "files") -> dict[str, str]:
    """The files in a column of a row, as path -> text."""
    return {file["path"]: file["text"] for file in row.get(column) or ()}


def text_of(row: Mapping[str, Any]) -> str:
    """The file that a row with `path` and `files` is about. Raises InputError if it is not among them."""
    text = next((file["text"] for file in row["files"] if file["path"] == row["path"]), None)
    if text is None:
        raise InputError(f"{shown(row['path'])} is not among the {len(row['files'])} files of its row")
    return text
