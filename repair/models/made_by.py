"""Provenance of a folder of weights: `made_by.json`, and SHA-256 of files.

It is written last: a folder without it is not whole.

Tested by `tests/repair/models/test_base.py`.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from repair.errors import ConfigurationError

MADE_BY = "made_by.json"


def write_made_by(folder: Path, made_by: Mapping[str, Any]) -> None:
    """Write what made the weights in `folder`."""
    (folder / MADE_BY).write_text(json.dumps(made_by, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def read_made_by(folder: Path) -> dict[str, Any]:
    """What made the weights in `folder`."""
    return json.loads((folder / MADE_BY).read_text(encoding="utf-8"))


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def weights_of(folder: Path) -> dict[str, str] | None:
    """SHA-256 of each file of weights in `folder`; None where it is no folder, but a published name."""
    if not folder.is_dir():
        return None
    made_by = read_made_by(folder) if (folder / MADE_BY).is_file() else {}
    known: dict[str, str] = made_by.get("files", {})  # a converted base was hashed when it was made
    return {
        path.name: known.get(path.name) or file_sha256(path) for path in sorted(folder.glob("*.safetensors"))
    }


def check_base(adapter: Path, made_by: Mapping[str, Any], found: Mapping[str, str] | None) -> None:
    """Raises ConfigurationError if an adapter was trained on other weights than `found` (`weights_of`)."""
    path, expected = made_by["recipe"]["base"]["path"], made_by["base"]["weights_sha256"]
    if expected != found:
        raise ConfigurationError(
            f"the adapter {adapter} was trained on weights of {path} with the sha256 {expected};"
            f" found {found}"
        )
