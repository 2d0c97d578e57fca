"""Erasure of projects: `repair forget`.

In this order, so that a run that was killed is finished by the next one, which ends in the same state:

1. a tombstone for each project: what comes in from now on is rejected;
2. answers of language models about its rows, out of the response cache;
3. the plan of its texts, in `_forgotten/`: the rows that name them are about to go;
4. partitions with pages or programs that were made of its rows: removed;
5. rows that are known by the ids of its other rows, then those that name the project: partitions are written
   again without them, and marked;
6. texts that only its rows named;
7. the recording.
"""

import json
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from repair.database import Location
from repair.erasure import recordings, rewrite
from repair.erasure.stored_rows import PROJECT, RowsOfProjects
from repair.models.released import POINTER, RELEASES
from repair.schema.events import project_digest
from repair.store.atomic import write_whole
from repair.store.forgotten import FOLDER, remember_forgotten
from repair.store.manifest import DATA, FORGOTTEN, Manifest
from repair.store.reader import PartitionStore
from repair.store.text_references import NO_DATE, TextReferences
from repair.synthesis.lm.response_cache import ResponseCache

CHECKPOINT = "checkpoint"
MODELS = (CHECKPOINT, RELEASES, POINTER)
"""The assets whose artefacts stay: weights keep what they learned until they are trained again."""
PLAN = "texts-"


@dataclass(slots=True)
class Erasure:
    """What was removed, or would be."""

    recorded_rows: int = 0
    rows: dict[str, int] = field(default_factory=dict[str, int])
    """Rows by partition."""
    removed: list[str] = field(default_factory=list[str])
    """Partitions that were removed as a whole."""
    texts: int = 0
    answers: int = 0
    models: list[str] = field(default_factory=list[str])
    """Checkpoints and releases that learned from rows that are forgotten, now or earlier."""

    @property
    def remade(self) -> list[str]:
        """Partitions that are to be made again; what hangs on them follows."""
        return sorted({*self.rows, *self.removed})


def forget(
    projects: Collection[str],
    store: PartitionStore,
    *,
    recording: str | None = None,
    answers: Location | None = None,
    dry_run: bool = False,
    now: datetime | None = None,
    done: Callable[[str], None] = lambda _: None,
) -> Erasure:
    """Removes projects from a store, from the recording at `recording`, and from the cache of `answers`.

    No stage should be at work on their rows meanwhile: what it writes afterwards is removed by the next call.
    `done` hears of each step.

    Raises:
        StoreError: a manifest or a table can't be read: nothing is removed.
        InputError: `recording` is none.
    """
    manifests = named_manifests(store)
    found = RowsOfProjects(projects)
    found.find(store, manifests)
    artefacts = [name for name in manifests if _is_made_of(manifests, name, found)]
    _add_releases(manifests, found)
    result = Erasure(
        recorded_rows=recordings.recorded_rows(recording, projects) if recording else 0,
        rows={name: count for name, count in found.rows.items() if name not in artefacts},
        removed=artefacts,
        texts=sum(map(len, found.texts.values())),
        models=[
            name
            for name, manifest in manifests.items()
            if manifest.asset in (CHECKPOINT, RELEASES)
            and (name in found.rows or FORGOTTEN in manifest.extra)
        ],
    )
    if dry_run:
        return result
    remember_forgotten(store, map(project_digest, projects), now or datetime.now(UTC))
    done("tombstones")
    if answers is not None and found.answers:
        with ResponseCache(answers) as cache:
            result.answers = cache.remove_texts(found.answers)
    _plan_texts(store, found)
    done("answers")
    for name in artefacts:
        rewrite.remove(store, manifests[name])
        done(name)
    for name in sorted(result.rows, key=lambda name: _order(store, manifests[name])):
        rewrite.without_rows(store, manifests[name], found, found.rows[name])
        done(name)
    _drop_planned_texts(store)
    done("texts")
    if recording is not None:
        recordings.remove_recorded(recording, projects)
    done("recording")
    return result


def named_manifests(store: PartitionStore) -> dict[str, Manifest]:
    """Every manifest of a store, by `asset[date|type]`."""
    found: dict[str, Manifest] = {}
    for asset in store.assets():
        for partition in store.partitions(asset):
            if manifest := store.manifest(asset, partition):
                found[f"{asset}[{'|'.join(partition.values()) or 'unpartitioned'}]"] = manifest
    return found


def _is_made_of(manifests: dict[str, Manifest], name: str, found: RowsOfProjects) -> bool:
    """Whether artefacts of a partition were made of the rows: they can't be filtered."""
    manifest = manifests[name]
    if manifest.asset in MODELS or all(stored.rows is not None for stored in manifest.files):
        return False
    inputs = (source for source in manifest.inputs if source.partition("[")[0] not in MODELS)
    return name in found.rows or any(source in found.rows for source in inputs)


def _add_releases(manifests: dict[str, Manifest], found: RowsOfProjects) -> None:
    """Releases of checkpoints that learned from the rows are marked, too."""
    for name, manifest in manifests.items():
        if manifest.asset == RELEASES and FORGOTTEN not in manifest.extra:
            for source, version in manifest.inputs.items():
                if source in found.rows and manifests[source].data_version == version:
                    found.rows[name] = found.rows.get(name, 0) + found.rows[source]


def _order(store: PartitionStore, manifest: Manifest) -> tuple[bool, bool, str]:
    """Releases are found by their checkpoints, other rows by the ids of those that name their project: so
    what others are found by goes last."""
    tables = [stored for stored in manifest.files if stored.name == DATA]
    schemas = (store.schema(manifest.asset, manifest.partition, stored) for stored in tables)
    return manifest.asset != RELEASES, any(PROJECT in schema.names for schema in schemas), manifest.asset


def _plan_texts(store: PartitionStore, found: RowsOfProjects) -> None:
    """Writes down the texts that the rows name: once these are gone, nothing else tells."""
    filesystem, folder = store.locate(FOLDER, {})
    for date, hashes in found.texts.items():
        planned = hashes | _planned(filesystem, f"{folder}/{PLAN}{date}.json")
        write_whole(filesystem, f"{folder}/{PLAN}{date}.json", json.dumps(sorted(planned)).encode())


def _drop_planned_texts(store: PartitionStore) -> None:
    filesystem, folder = store.locate(FOLDER, {})
    plans = [path for path in _listed(filesystem, folder) if path.rpartition("/")[2].startswith(PLAN)]
    references = TextReferences(store, named_manifests(store).values()) if plans else None
    for path in plans:
        date = path.rpartition("/")[2].removeprefix(PLAN).removesuffix(".json")
        unwanted = _planned(filesystem, path) - (references.named(date) if references else set())
        table = store.texts({} if date == NO_DATE else {"date": date})
        for file in (*table.files(), *table.files_aside()):
            if unwanted.intersection(table.hashes(file)):
                table.drop(file, unwanted)
        filesystem.rm_file(path)


def _planned(filesystem: Any, path: str) -> set[str]:
    with suppress(FileNotFoundError, ValueError):
        return set(json.loads(filesystem.cat_file(path)))
    return set()


def _listed(filesystem: Any, folder: str) -> Sequence[str]:
    with suppress(FileNotFoundError):
        return sorted(cast(list[str], filesystem.ls(folder, detail=False)))
    return ()
