"""Tombstones of forgotten projects: `BASE/_forgotten/<SHA-256 of the project's id>.json`.

A tombstone does not name its project. Consent of such a project counts only if it was given later.
"""

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any, cast

from repair.errors import StoreError
from repair.store.atomic import write_whole
from repair.store.reader import PartitionStore

FOLDER = "_forgotten"
_FILE = re.compile(r"([0-9a-f]{64})\.json")


def forgotten_projects(store: PartitionStore) -> dict[str, datetime]:
    """When each project was forgotten, by the digest of its id. Raises StoreError for a damaged tombstone."""
    filesystem, folder = store.locate(FOLDER, {})
    found: dict[str, datetime] = {}
    with suppress(FileNotFoundError):
        for path in sorted(cast(list[str], filesystem.ls(folder, detail=False))):
            if match := _FILE.fullmatch(path.rpartition("/")[2]):
                found[match[1]] = _forgotten_at(filesystem, path)
    return found


def remember_forgotten(store: PartitionStore, digests: Iterable[str], at: datetime) -> None:
    """Writes tombstones; the latest moment of a project counts."""
    filesystem, folder = store.locate(FOLDER, {})
    known = forgotten_projects(store)
    for digest in digests:
        if digest not in known or known[digest] < at:
            data = json.dumps({"forgotten": at.isoformat()}).encode()
            write_whole(filesystem, f"{folder}/{digest}.json", data)


def _forgotten_at(filesystem: Any, path: str) -> datetime:
    try:
        return datetime.fromisoformat(json.loads(filesystem.cat_file(path))["forgotten"])
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{path} is damaged ({error}): expected when the project was forgotten; run `repair forget` again"
            ' for it, or write {"forgotten": "2026-01-05T00:00:00+00:00"}'
        ) from error
