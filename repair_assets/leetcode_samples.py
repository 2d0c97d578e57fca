"""LeetCode samples of all diagnostic types, built once for every state of what they are made of.

DebugBench's are stored under `leetcode_samples`, those of injected bugs under `injected_samples`. They are no
assets: whichever type of `leetcode_benchmark` is materialized first builds them, and their rejects have no
type to be counted under.

Tested by `tests/repair_assets/test_leetcode_benchmark.py`.
"""

import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa

from repair.evaluation import leetcode
from repair.evaluation.leetcode.injection.samples import DEBUGBENCH, candidates_of, injected_samples
from repair.evaluation.leetcode.injection.teacher import injected_bugs_of
from repair.execution.definitions import Definitions, definitions_of
from repair.language_servers import LanguageServers
from repair.prompt.sentinels import PROMPT_VERSION
from repair.store.definition_records import record_definitions
from repair.store.manifest import Manifest, fingerprint
from repair.store.reader import PartitionStore
from resources.language_servers import LanguageServersResource

LEETCODE_SAMPLES, INJECTED_BUG_SAMPLES = "leetcode_samples", "injected_samples"


def with_origin(table: pa.Table) -> pa.Table:
    """DebugBench's samples with the columns of the injected ones."""
    if "origin" in table.column_names:
        return table
    nothing = pa.nulls(table.num_rows, pa.string())
    table = table.append_column("origin", pa.array([DEBUGBENCH] * table.num_rows, pa.string()))
    return table.append_column("subtype", nothing).append_column("half", nothing)


def stored_leetcode_samples(
    store: PartitionStore, language_servers: LanguageServersResource, folder: Path
) -> Manifest:
    """The manifest of DebugBench's samples of all types, built if the stored ones were made otherwise."""

    def build() -> tuple[pa.RecordBatch, int]:
        published = leetcode.read(folder)
        samples = leetcode.leetcode_samples(published, language_servers.servers())
        return samples, len(published.instances)

    return _stored(
        store,
        LEETCODE_SAMPLES,
        build,
        definitions_of(leetcode.read, leetcode.leetcode_samples, LanguageServers),
        versions=language_servers.versions(),
        configuration={"published": leetcode.fingerprint(folder)},
    )


def stored_injected_samples(
    store: PartitionStore, language_servers: LanguageServersResource, folder: Path, cutoff: str
) -> Manifest:
    """The manifest of the injected bugs' samples of all types, as `stored_leetcode_samples`."""
    taught = store.manifest("injected_bugs", {})

    def build() -> tuple[pa.RecordBatch, int]:
        published = leetcode.read(folder)
        rows = store.table("injected_bugs", {}, manifest=taught).to_pylist() if taught else []
        bugs = injected_bugs_of(rows)
        samples = injected_samples(published, language_servers.servers(), cutoff=cutoff, taught=bugs)
        return samples, candidates_of(published, cutoff, bugs)

    return _stored(
        store,
        INJECTED_BUG_SAMPLES,
        build,
        definitions_of(leetcode.read, injected_samples, injected_bugs_of, LanguageServers),
        versions=language_servers.versions(),
        configuration={"published": leetcode.fingerprint(folder), "cutoff": cutoff},
        inputs={"injected_bugs": taught.data_version} if taught else {},
    )


def _stored(
    store: PartitionStore,
    name: str,
    build: Callable[[], tuple[pa.RecordBatch, int]],
    definitions: Definitions,
    *,
    versions: Mapping[str, str],
    configuration: Mapping[str, Any],
    inputs: Mapping[str, str] | None = None,
) -> Manifest:
    """The stored manifest if it is of what is given; else that of the outcomes and rows in of `build`."""
    made_of: dict[str, Any] = {
        "inputs": dict(inputs or {}),
        "configuration": configuration,
        "versions": {"prompt": PROMPT_VERSION, "python": platform.python_version(), **versions},
        "definitions": definitions.digest,
    }
    wanted = fingerprint(**made_of)
    stored = store.manifest(name, {})
    if stored is not None and stored.fingerprint == wanted:
        return stored
    outcomes, rows_in = build()
    with store.writer(name, {}) as writer:
        writer.write_outcomes(outcomes)
        record_definitions(store, definitions.digest, asdict(definitions))
        return writer.commit(fingerprint=wanted, rows_in=rows_in, **made_of)
