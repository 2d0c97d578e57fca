"""A released model written by hand: its weights, and the pointer that names it."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from repair.models.made_by import MADE_BY
from repair.models.released import (
    POINTER,
    RELEASE,
    RELEASED,
    RELEASES,
    WEIGHTS,
    Release,
    history,
    partition_of,
)
from repair.prompt.sentinels import PROMPT_VERSION
from repair.store.reader import PartitionStore

MADE_OF = {"fingerprint": "f", "inputs": {}, "versions": {}}


def keep(store: PartitionStore, version: str, weights: Path) -> None:
    """Store the weights of a release."""
    with store.writer(RELEASES, partition_of(version)) as writer:
        writer.write_tree(weights, WEIGHTS)
        writer.commit(rows_in=0, **MADE_OF)


def point_to(store: PartitionStore, version: str, *, prompt_version: str = PROMPT_VERSION) -> Release:
    """Make a version the released one."""
    known = history(store)
    release = Release(
        number=len(known) + 1,
        version=version,
        checkpoint="2026-01-06",
        checkpoint_version="0" * 64,
        recipe="tiny",
        prompt_version=prompt_version,
        released=datetime(2026, 1, 7, tzinfo=UTC),
        rollback=version in {earlier.version for earlier in known},
        gates="scores passed: the first release",
    )
    rows = [{name: getattr(one, name) for name in RELEASED.names} for one in (*known, release)]
    with store.writer(POINTER, {}) as writer:
        writer.write("data", pa.Table.from_pylist(rows, schema=RELEASED))
        writer.commit(rows_in=len(rows), extra={RELEASE: release.as_json()}, **MADE_OF)
    return release


def named(folder: Path, name: str) -> Path:
    """Weights that are nothing but a name."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MADE_BY).write_text(json.dumps({"name": name}))
    return folder
