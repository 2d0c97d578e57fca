"""Records of the code that made partitions, each once: `BASE/definitions/<digest>.json`.

A manifest names the digest alone; the record says which definitions that is, so that `repair stale` can name
the one that changed.

Tested by `tests/resources/test_reuse.py`.
"""

import json
from collections.abc import Mapping
from typing import Any, cast

from repair.store.atomic import write_whole
from repair.store.manifest import segment
from repair.store.reader import PartitionStore

FOLDER = "definitions"


def record_definitions(store: PartitionStore, digest: str, record: Mapping[str, Any]) -> None:
    """Writes the record, unless it is there."""
    filesystem, path = _locate(store, digest)
    if not filesystem.exists(path):
        write_whole(filesystem, path, json.dumps(record, indent=1, sort_keys=True).encode())


def recorded_definitions(store: PartitionStore, digest: str) -> dict[str, Any] | None:
    """The record; null: there is none."""
    filesystem, path = _locate(store, digest)
    try:
        return json.loads(cast(bytes, filesystem.cat_file(path)))
    except (FileNotFoundError, ValueError):
        return None


def _locate(store: PartitionStore, digest: str) -> tuple[Any, str]:
    filesystem, folder = store.locate(FOLDER, {})
    return filesystem, f"{folder}/{segment('digest', digest)}.json"
