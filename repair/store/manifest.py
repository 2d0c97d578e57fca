"""Manifest of a partition: its files, its counts, and what it was made of.

Tested by `tests/repair/store/test_reader.py`.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from repair.errors import ConfigurationError, StoreError

FORMAT = 2
"""The version of the store's layout that this code writes and reads.

| version | |
|---|---|
| 1 | texts in the rows; its manifests have no `format` |
| 2 | texts by their SHA-256, in the text table of the date |
"""

SWEEP_AFTER = timedelta(days=1)
MANIFEST = "manifest.json"
DATA, REJECTED = "data", "rejects"
FORGOTTEN = "forgotten_rows"
"""In `extra` of a partition that had rows of projects that were forgotten since: how many."""
CHUNK_BYTES = 4 << 20

_CHECKSUM = "checksum"
_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file of a partition. `rows` is null for what is no table."""

    name: str
    file: str
    rows: int | None
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a partition holds and what it was made of."""

    asset: str
    partition: dict[str, str]
    fingerprint: str
    inputs: dict[str, Any]
    versions: dict[str, Any]
    rows_in: int
    rows_out: int
    rejects: dict[str, int]
    """Rejected input rows by reason."""
    files: tuple[StoredFile, ...]
    data_version: str
    """A hash of the logical content: equal rows and artefacts give it again, whenever and wherever
    they are written."""
    created: datetime
    """UTC."""
    extra: dict[str, Any] = field(default_factory=dict[str, Any])
    configuration: dict[str, Any] = field(default_factory=dict[str, Any])
    types: list[str] | None = None
    """The diagnostic types that decide which rows are in the partition; null: none do."""
    definitions: str = ""
    """The digest of the code that made it, in `definitions/` of the store; empty: no code decides it."""
    format: int = FORMAT

    @property
    def adds_up(self) -> bool:
        """Whether rows in = rows out + rejects."""
        return self.rows_in == self.rows_out + sum(self.rejects.values())

    def file(self, name: str) -> StoredFile:
        """The file that holds a table or an artefact. Raises StoreError."""
        for stored in self.files:
            if stored.name == name:
                return stored
        names = sorted({stored.name.split("/")[0] for stored in self.files})
        where = folder_of(self.asset, self.partition)
        raise StoreError(f"{where} has no {name!r}; it has {', '.join(names)}")

    def to_json(self) -> str:
        row = asdict(self)
        row["created"] = self.created.isoformat()
        row[_CHECKSUM] = _checksum(row)
        return json.dumps(row, indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> "Manifest":
        """The inverse of `to_json`. Raises ValueError, KeyError or TypeError for anything else.

        An older manifest has no checksum.
        """
        row = json.loads(text)
        version = row.get("format", 1 if "data_version" in row else FORMAT)
        if version != FORMAT:
            raise FormatError(version)
        checksum = row.pop(_CHECKSUM, None)
        if checksum is not None and checksum != (found := _checksum(row)):
            raise ValueError(f"the SHA-256 of its content is {found}, expected {checksum}")
        row["created"] = datetime.fromisoformat(row["created"])
        row["files"] = tuple(StoredFile(**stored) for stored in row["files"])
        for stored in row["files"]:
            _check_path("file name", stored.name)
            _check_path("file", stored.file)
        folder_of(row["asset"], row["partition"])
        return cls(**row)


class FormatError(ValueError):
    """A manifest is of another version of the store's layout."""

    def __init__(self, version: object) -> None:
        super().__init__(version)
        self.version = version


def read_manifest(filesystem: Any, path: str, uri: str | None = None) -> Manifest | None:
    """The manifest at `path`, which people know as `uri`; null: there is none.

    Raises:
        StoreError: it can't be read, or is of another version of the store's layout.
    """
    uri = uri or path
    try:
        return Manifest.from_json(cast(bytes, filesystem.cat_file(path)))
    except FileNotFoundError:
        return None
    except FormatError as error:
        older = isinstance(error.version, int) and error.version < FORMAT
        what = (
            "materialize into a new, empty store (REPAIR_STORE), or go on with the code that wrote this one"
            if older
            else "update this code to that which wrote the store"
        )
        raise StoreError(
            f"{uri} is of the store format {error.version}, and this code reads {FORMAT}: {what}"
        ) from error
    except OSError as error:
        raise StoreError(f"{uri} can't be read ({error}): expected a file that may be read") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise StoreError(
            f"{uri} is no manifest ({error}); delete it and materialize the partition again"
        ) from error


def fingerprint(
    inputs: Mapping[str, Any],
    configuration: Mapping[str, Any],
    versions: Mapping[str, Any],
    types: Sequence[str] | None = None,
    definitions: str = "",
) -> str:
    """SHA-256 of everything that decides a result, whatever the order of the keys.

    Two materialisations with equal fingerprints have equal results, so that the second may be skipped.
    """
    parts = {
        "inputs": inputs,
        "configuration": configuration,
        "versions": versions,
        "types": types,
        "definitions": definitions,
    }
    try:
        text = json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            f"a fingerprint is made of JSON values only, got something else: {error}"
        ) from error
    return hashlib.sha256(text.encode()).hexdigest()


def folder_of(asset: str, partition: Mapping[str, str]) -> str:
    segments = [segment("asset", asset)]
    for dimension, value in partition.items():
        segments.append(f"{segment('dimension', dimension)}={segment('partition value', value)}")
    return "/".join(segments)


def is_segment(text: str) -> bool:
    """Whether `text` can be an asset's name, or another part of a path."""
    return bool(_SEGMENT.fullmatch(text)) and ".." not in text


def segment(what: str, text: str) -> str:
    if not is_segment(text):
        raise ConfigurationError(
            f"{what} {text!r} can't be part of a path: letters, digits and _ . + - are allowed, "
            "the first one a letter, a digit or _"
        )
    return text


def _checksum(row: Mapping[str, Any]) -> str:
    """SHA-256 of a manifest's JSON without its checksum."""
    text = json.dumps(row, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _check_path(what: str, text: str) -> None:
    """Refuses a relative path that does not stay in its folder."""
    first, *below = text.split("/")
    segment(what, first)
    if any(part in ("", ".", "..") or "\\" in part or "\0" in part for part in below):
        raise ConfigurationError(f"{what} {text!r} must not lead out of its folder")
