"""Writer of a released benchmark: what a store has frozen of it, proved once more, as a folder.

Tested by `tests/repair/evaluation/release/test_release.py`.
"""

import io
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from repair.errors import InputError
from repair.evaluation.benchmark import ASSETS
from repair.evaluation.release.card import card
from repair.evaluation.release.manifest import (
    CARD,
    FORMAT,
    MANIFEST,
    SAMPLES,
    ReleaseManifest,
    released_file,
)
from repair.evaluation.release.selection import RELEASE_SAMPLES, released
from repair.language_servers.scheduler import VersionedServers
from repair.prompt.sentinels import PROMPT_VERSION
from repair.schema.outcomes import Reject
from repair.store.atomic import whole_folder
from repair.store.content_hash import TableHash
from repair.store.reader import PartitionStore

_ROW_GROUP = 256


def write_release(
    store: PartitionStore, benchmark: str, folder: Path, servers: VersionedServers
) -> ReleaseManifest:
    """Writes what `store` has of `benchmark` to the new folder; equal stores and servers give equal bytes.

    Raises:
        InputError: the folder is in use, or there is nothing to release.
    """
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise InputError(f"{folder} is there already: give a new folder, a release is never changed")
    rows: list[dict[str, Any]] = []
    left_out: Counter[str] = Counter()
    for outcome in released(_frozen(store, benchmark), servers):
        if isinstance(outcome, Reject):
            left_out[outcome.reason] += 1
        else:
            rows.append(outcome)
    if not rows:
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(left_out.items()))
        raise InputError(
            f"{store.base_uri} has no sample of {benchmark} in {ASSETS[benchmark]} to release:"
            f" {reasons or 'none is stored'}"
        )
    rows.sort(key=lambda row: row["sample_id"])
    table = pa.Table.from_pylist(rows, schema=RELEASE_SAMPLES)
    version = _version(table)
    versions = dict(servers.versions)
    text = card(rows, benchmark=benchmark, version=version, servers=versions, left_out=left_out)
    contents = {SAMPLES: _parquet(table), CARD: text.encode()}
    manifest = ReleaseManifest(
        format=FORMAT,
        benchmark=benchmark,
        version=version,
        samples=len(rows),
        left_out=dict(left_out),
        licences=dict(Counter(row["licence"] for row in rows)),
        servers=versions,
        prompt_version=PROMPT_VERSION,
        files={name: released_file(data) for name, data in contents.items()},
    )
    with whole_folder(str(folder.absolute()), last=MANIFEST) as pending:
        for name, data in contents.items():
            (pending / name).write_bytes(data)
        (pending / MANIFEST).write_bytes(manifest.to_json())
    return manifest


def _frozen(store: PartitionStore, benchmark: str) -> Iterator[Mapping[str, Any]]:
    """The frozen samples; those from before there was a licence beside them have that of their example."""
    licences: Mapping[str, str | None] | None = None
    asset = ASSETS[benchmark]
    for partition in store.partitions(asset):
        for batch in store.read(asset, partition):
            for row in batch.to_pylist():
                if row["benchmark"] != benchmark:
                    continue
                if row.get("licence") is None:
                    licences = _licences(store) if licences is None else licences
                    row["licence"] = licences.get(row["sample_id"])
                yield row


def _licences(store: PartitionStore) -> dict[str, str | None]:
    """The licences of all stored examples, by their id, which is that of a workspace sample."""
    return {
        row["example_id"]: row["licence"]
        for partition in store.partitions("repair_examples")
        for batch in store.read("repair_examples", partition, columns=["example_id", "licence"])
        for row in batch.to_pylist()
    }


def _version(table: pa.Table) -> str:
    digest = TableHash(table.schema)
    for batch in table.combine_chunks().to_batches():
        digest.update(batch)
    return digest.hexdigest()[:12]


def _parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", row_group_size=_ROW_GROUP)
    return buffer.getvalue()
