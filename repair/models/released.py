"""Released model: the pointer to what is served, its history, and the weights, in a partition store.

The pointer is the manifest of `released_model`: it is replaced in one step, names the release that counts,
and lists all releases so far. The weights of each release are a partition of `model_releases`, and stay: a
checkpoint may be made again, and a release that is gone back to must still be there.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from repair.errors import InputError, StoreError
from repair.schema.events import TIMESTAMP
from repair.store.manifest import Manifest
from repair.store.reader import PartitionStore

POINTER, RELEASES, WEIGHTS = "released_model", "model_releases", "checkpoint"
VERSION = "version"
"""The dimension of the partitions of `RELEASES`."""
RELEASE = "release"
"""The key of the release in the pointer's `extra`."""

RELEASED = pa.schema(
    [
        ("number", pa.int64()),  # from 1, in the order of the releases
        ("version", pa.string()),  # what is served: names its weights
        ("checkpoint", pa.string()),  # the date of the checkpoint that it was made of
        ("checkpoint_version", pa.string()),  # that one's data version
        ("recipe", pa.string()),
        ("prompt_version", pa.string()),
        ("released", TIMESTAMP),
        ("rollback", pa.bool_()),  # whether it was gone back to
        ("gates", pa.string()),  # what each gate found, one a line
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A row of `RELEASED`."""

    number: int
    version: str
    checkpoint: str
    checkpoint_version: str
    recipe: str
    prompt_version: str
    released: datetime
    rollback: bool
    gates: str

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "released": self.released.isoformat()}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Self:
        values: dict[str, Any] = {**row, "released": datetime.fromisoformat(row["released"])}
        return cls(**values)


def version_of(date: str, checkpoint: Manifest, confidence: bytes | None = None) -> str:
    """The version of a release of this checkpoint: equal weights of a date with equal `confidence.json` have
    one, so that a service that follows takes a new calibration, too."""
    calibrated = f"-{hashlib.sha256(confidence).hexdigest()[:6]}" if confidence is not None else ""
    return f"{date}-{checkpoint.data_version[:12]}{calibrated}"


def released(store: PartitionStore) -> Release | None:
    """The release that counts now; None: nothing was released yet.

    Raises:
        StoreError: the pointer can't be read.
    """
    manifest = store.manifest(POINTER, {})
    if manifest is None:
        return None
    try:
        return Release.from_json(manifest.extra[RELEASE])
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(
            f"{store.uri(POINTER, {})} names no release ({error}); materialize {POINTER} again"
        ) from None


def history(store: PartitionStore) -> list[Release]:
    """All releases, the first one first."""
    if store.manifest(POINTER, {}) is None:
        return []
    return [Release(**row) for row in store.table(POINTER, {}).to_pylist()]


def find(releases: list[Release], version: str) -> Release:
    """The latest release of this version. Raises InputError, which lists what there is."""
    for release in reversed(releases):
        if release.version == version:
            return release
    known = ", ".join(dict.fromkeys(release.version for release in releases)) or "none"
    raise InputError(f"no release has the version {version!r}; there is {known}")


def partition_of(version: str) -> dict[str, str]:
    """The partition of `RELEASES` with the weights of a version."""
    return {VERSION: version}


def weights_in(store: PartitionStore, release: Release, folder: Path) -> Path:
    """Copies the weights of a release into the local `folder`, comparing each SHA-256; returns it.

    Raises:
        StoreError: a file is absent or damaged.
    """
    return store.local_tree(RELEASES, partition_of(release.version), WEIGHTS, folder)
