"""Garbage collection of a store: files that no manifest names, and texts that no row names.

| what | how it came to be | goes |
|---|---|---|
| a partition's files | superseded, or left by a writer that was killed | once older than the grace period |
| `_staging/` | results of workers of a killed run | the same |
| `definitions/` | the code of partitions that were replaced since | the same |
| `texts/` | texts of rows that were replaced since | set aside first, and once that is as long ago |

A writer at work has files that no manifest names yet, and counts on texts that were there before: so nothing
goes that is younger than the grace period, which has to be longer than any run. A text that was set aside is
still read where rows name it, and put back if they do when its time has come.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

from repair.store import definition_records, text_table
from repair.store.atomic import is_local
from repair.store.manifest import SWEEP_AFTER, Manifest
from repair.store.reader import PartitionStore
from repair.store.text_references import NO_DATE, TextReferences
from repair.store.text_table import TextTable

SUPERSEDED, STAGED = "no manifest names it", "left by workers of a run that ended"
OLD_DEFINITIONS = "no partition was made by this code"
UNUSED = "no row names {count} of its {all} texts: it is set aside first"
ASIDE = "set aside: no row names its texts"

STAGING = "_staging"
_WRITTEN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*-[0-9a-f]{16}(?:\.[A-Za-z0-9_]+)?")
"""First part of the path of what a writer writes into a partition's folder; anything else is not ours."""
_UNFINISHED = re.compile(r"\.[^/]+-[0-9a-f]{16}")
"""The name of a file that `write_whole` had not finished."""


@dataclass(frozen=True, slots=True)
class Garbage:
    """A file that goes, or would."""

    path: str
    bytes: int
    why: str


def collect(
    store: PartitionStore, *, dry_run: bool, grace: timedelta = SWEEP_AFTER, now: datetime | None = None
) -> Iterator[Garbage]:
    """Removes what is garbage, file by file, and tells of each.

    Raises:
        StoreError: a manifest or a table can't be read. What its rows need is not known: so nothing goes.
    """
    collector = _Collector(store, (now or datetime.now(UTC)) - grace, dry_run=dry_run)
    yield from collector.run()


class _Collector:
    def __init__(self, store: PartitionStore, before: datetime, *, dry_run: bool) -> None:
        self._store, self._before, self._dry_run = store, before, dry_run
        self._fs, folder = store.locate("any", {})
        self._root = folder.removesuffix("/any")

    def run(self) -> Iterator[Garbage]:
        files = self._files()  # before the manifests: what is written meanwhile is young
        manifests = self._manifests()
        for path in self._superseded(files, manifests):
            yield from self._gone(path, SUPERSEDED)
        for path in files:
            if path.startswith(f"{self._root}/{STAGING}/"):
                yield from self._gone(path, STAGED)
        made_by = {manifest.definitions for manifest in manifests.values()}
        for path in files:
            folder, _, name = path.rpartition("/")
            if folder == f"{self._root}/{definition_records.FOLDER}" and name[:-5] not in made_by:
                yield from self._gone(path, OLD_DEFINITIONS)
        references = TextReferences(self._store, manifests.values())
        for date in self._dates():
            yield from self._texts(date, references)

    def _files(self) -> list[str]:
        found = cast(list[str], self._fs.find(self._root)) if self._fs.exists(self._root) else []
        return sorted(found)

    def _manifests(self) -> dict[str, Manifest]:
        """By the partition's folder."""
        found: dict[str, Manifest] = {}
        for asset in self._store.assets():
            for partition in self._store.partitions(asset):
                if manifest := self._store.manifest(asset, partition):
                    found[self._store.locate(asset, partition)[1]] = manifest
        return found

    def _superseded(self, files: list[str], manifests: Mapping[str, Manifest]) -> Iterator[str]:
        named = {
            f"{folder}/{stored.file}" for folder, manifest in manifests.items() for stored in manifest.files
        }
        for path in files:
            asset, *below = path[len(self._root) :].strip("/").split("/")
            while below and "=" in below[0]:
                below.pop(0)
            ours = asset not in (text_table.FOLDER, definition_records.FOLDER) and not asset.startswith("_")
            unfinished = _UNFINISHED.fullmatch(path.rpartition("/")[2])
            if unfinished or (ours and below and _WRITTEN.fullmatch(below[0]) and path not in named):
                yield path

    def _dates(self) -> list[str]:
        folder = f"{self._root}/{text_table.FOLDER}"
        if not self._fs.exists(folder):
            return []
        below = [path.rstrip("/").rpartition("/")[2] for path in self._fs.ls(folder, detail=False)]
        return [NO_DATE, *sorted(name.removeprefix("date=") for name in below if name.startswith("date="))]

    def _texts(self, date: str, references: TextReferences) -> Iterator[Garbage]:
        table = self._store.texts({} if date == NO_DATE else {"date": date})
        old = [path for path in table.files() if self._is_old(path)]
        aside = [path for path in table.files_aside() if self._is_old(path)]
        if not old and not aside:
            return
        named = references.named(date)
        for path in aside:
            yield from self._gone(path, ASIDE, partial(table.remove_aside, path, named))
        for path in old:
            unused = set(table.hashes(path)) - named
            if unused:
                yield self._set_aside(table, path, unused)

    def _set_aside(self, table: TextTable, path: str, unused: set[str]) -> Garbage:
        size = table.bytes_of(path, unused)
        said = UNUSED.format(count=len(unused), all=len(table.hashes(path)))
        if not self._dry_run:
            table.set_aside(path, unused)
        return Garbage(path, size, said)

    def _gone(self, path: str, why: str, remove: Any = None) -> Iterator[Garbage]:
        with suppress(FileNotFoundError):  # another process was faster
            if not self._is_old(path):
                return
            size = self._fs.info(path)["size"]
            if not self._dry_run:
                (remove or partial(self._fs.rm_file, path))()
                self._drop_empty_folders(path)
            yield Garbage(path, size, why)

    def _is_old(self, path: str) -> bool:
        with suppress(FileNotFoundError):
            return self._fs.modified(path) < self._before
        return False

    def _drop_empty_folders(self, path: str) -> None:
        if is_local(self._fs):
            with suppress(OSError):  # one that still holds something stays
                for parent in Path(path).parents:
                    if str(parent) == self._root:
                        break
                    parent.rmdir()
