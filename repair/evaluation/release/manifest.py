"""Manifest of a released benchmark: version, counts and the SHA-256 of every file, as JSON.

A hash says that a file is the one that was released under this version, not who released it: whoever can
write the folder can write its manifest too.

Tested by `tests/repair/evaluation/release/test_release.py`.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from repair.errors import InputError
from repair.messages import shown
from repair.text.paths import path_fault

MANIFEST, SAMPLES, CARD = "manifest.json", "samples.parquet", "README.md"
FORMAT = 1
"""Of the folder. A reader refuses any other."""

_LARGEST_MANIFEST = 1 << 20
_LARGEST_FILE = 4 << 30


@dataclass(frozen=True, slots=True)
class ReleasedFile:
    """One file of a release."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseManifest:
    """What a release is, and what it was made of."""

    format: int
    benchmark: str
    version: str
    """The first 12 hexadecimal digits of the content hash of the samples: scores are compared on equal
    versions only."""
    samples: int
    left_out: dict[str, int]
    """Reason -> samples of the store that are not released."""
    licences: dict[str, int]
    """SPDX expression -> samples."""
    servers: dict[str, str]
    """The versions that confirmed every diagnostic and reference."""
    prompt_version: str
    files: dict[str, ReleasedFile]
    """Path from the folder -> file, of all files but the manifest."""

    def to_json(self) -> bytes:
        return (json.dumps(asdict(self), indent=2, sort_keys=True) + "\n").encode()


def released_file(data: bytes) -> ReleasedFile:
    """The entry of a file with this content."""
    return ReleasedFile(len(data), hashlib.sha256(data).hexdigest())


def read_manifest(folder: Path) -> ReleaseManifest:
    """The manifest of the release in `folder`.

    Raises:
        InputError: there is none, it is malformed, of another format, or names a path outside the folder.
    """
    path = folder / MANIFEST
    if not folder.is_dir():
        raise InputError(
            f"{folder} is no folder: expected a released benchmark, as `repair release` writes it"
        )
    data = _content(path, _LARGEST_MANIFEST)
    try:
        row: Any = json.loads(data)
        if isinstance(row, Mapping) and row.get("format") != FORMAT:
            raise InputError(
                f"{path} is of the format {shown(row.get('format'))}, and this program reads {FORMAT}:"
                " use the version of it that the card names"
            )
        manifest = msgspec.convert(row, ReleaseManifest)
    except (ValueError, RecursionError, msgspec.MsgspecError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is no manifest of a released benchmark: {error}") from error
    for name in manifest.files:
        if fault := path_fault(name):
            raise InputError(f"{path} names the file {shown(name)}: {fault}")
    for name in (SAMPLES, CARD):
        if name not in manifest.files:
            raise InputError(f"{path} has no SHA-256 of {name}: every file of a release has one")
    return manifest


def read_files(folder: Path, manifest: ReleaseManifest) -> bytes:
    """Compares every file with the manifest; the content of the samples, which is read once.

    Raises:
        InputError: a file is absent, damaged, or leads out of the folder by a symbolic link.
    """
    samples = b""
    for name, released in sorted(manifest.files.items()):
        data = _content(folder / name, released.bytes, within=folder)
        found = released_file(data)
        if found != released:
            raise InputError(
                f"{folder / name} is not the file that was released: it has {found.bytes} bytes and the"
                f" SHA-256 {found.sha256}, the manifest says {released.bytes} and {shown(released.sha256)};"
                " fetch the release again"
            )
        samples = data if name == SAMPLES else samples
    return samples


def _content(path: Path, most: int, within: Path | None = None) -> bytes:
    """The bytes of a plain file, one more than `most` at the most."""
    inside = (within or path.parent).resolve()
    if not path.exists():
        raise InputError(f"{path} is not there: it is a file of every release")
    if not path.resolve().is_relative_to(inside):
        raise InputError(f"{path} leads out of {inside}: a release holds plain files only")
    if not path.is_file():
        raise InputError(f"{path} is no plain file")
    with path.open("rb") as file:
        return file.read(min(max(most, 0), _LARGEST_FILE) + 1)
