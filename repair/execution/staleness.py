"""Staleness: which stored partitions would be made again and why, from manifests and the present code.

Compared with what a manifest records: the inputs, the definitions that its function reaches now, the versions
of servers and packages that are installed here, the prompt format and the known diagnostic types. What only a
run knows (configuration, environment, language model) is not compared, nor is a partition that an asset would
read besides those that it read.
"""

import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from repair.diagnostics.types import TYPES, decisive_types, known_types
from repair.errors import ConfigurationError
from repair.execution.definitions import Definitions, definitions_of
from repair.prompt.sentinels import PROMPT_VERSION
from repair.store.definition_records import recorded_definitions
from repair.store.manifest import Manifest, fingerprint
from repair.store.reader import PartitionStore

MOST_NAMED = 5
"""Changed definitions that are named one by one."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a partition would be made again: `kind` is input, version, types or definitions."""

    kind: str
    detail: str


_NOT_RECORDED = Cause("definitions", "which code made it is not recorded")


@dataclass(frozen=True, slots=True)
class Staleness:
    """What is known of one stored partition. Without a cause it would be reused, as far as it is compared."""

    name: str
    """`asset[partition]`."""
    causes: tuple[Cause, ...]
    not_compared: tuple[str, ...]


def staleness(store: PartitionStore) -> list[Staleness]:
    """Every stored partition, in the order of assets and partitions."""
    return _Comparison(store).results()


class _Comparison:
    def __init__(self, store: PartitionStore) -> None:
        self._store = store
        self._manifests = dict(_manifests(store))
        self._found: dict[str, Staleness] = {}

    def results(self) -> list[Staleness]:
        return [self._of(name) for name in self._manifests]

    def _of(self, name: str) -> Staleness:
        if name not in self._found:
            manifest = self._manifests[name]
            versions = {known: now for known in manifest.versions if (now := _version(known)) is not None}
            causes = (
                *self._inputs(manifest),
                *(
                    Cause("version", f"{known} {manifest.versions[known]} made it, {now} is here")
                    for known, now in versions.items()
                    if now != manifest.versions[known]
                ),
                *_types(manifest),
                *self._definitions(manifest),
            )
            not_compared = [*(["configuration"] if manifest.configuration else []), *manifest.versions]
            self._found[name] = Staleness(
                name, causes, tuple(known for known in not_compared if known not in versions)
            )
        return self._found[name]

    def _inputs(self, manifest: Manifest) -> Iterator[Cause]:
        for name, data_version in manifest.inputs.items():
            if name not in self._manifests:
                yield Cause("input", f"its input {name} is gone")
            elif self._manifests[name].data_version != data_version:
                yield Cause("input", f"its input {name} changed")
            elif self._of(name).causes:
                yield Cause("input", f"its input {name} would be made again")

    def _definitions(self, manifest: Manifest) -> Iterator[Cause]:
        parts = (manifest.configuration, manifest.versions, manifest.types, manifest.definitions)
        if fingerprint(manifest.inputs, *parts) != manifest.fingerprint:
            yield _NOT_RECORDED  # by older code
            return
        if not manifest.definitions:
            return
        record = recorded_definitions(self._store, manifest.definitions)
        if record is None:
            yield _NOT_RECORDED
            return
        try:
            now = _definitions(tuple(record["roots"]), tuple(record["without"]))
        except ConfigurationError as error:
            yield Cause("definitions", str(error))
            return
        if now.digest != manifest.definitions:
            yield from _changes(record["parts"], now.parts)


def _manifests(store: PartitionStore) -> Iterator[tuple[str, Manifest]]:
    for asset in store.assets():
        for partition in store.partitions(asset):
            if manifest := store.manifest(asset, partition):
                yield f"{asset}[{'|'.join(partition.values()) or 'unpartitioned'}]", manifest


def _changes(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Cause]:
    changed = [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]
    for name in changed[:MOST_NAMED]:
        what = "changed" if name in before and name in now else "is new" if name in now else "is gone"
        yield Cause("definitions", f"{name} {what}")
    if len(changed) > MOST_NAMED:
        yield Cause("definitions", f"{len(changed) - MOST_NAMED} more definitions changed")


def _types(manifest: Manifest) -> Iterator[Cause]:
    if manifest.types is None:
        return
    every = frozenset(known.name for known in TYPES)
    day: Any = manifest.partition.get("date")
    known = known_types(date.fromisoformat(day)) if day else every
    now = decisive_types(manifest.partition.get("diagnostic_type", ""), known)
    for name in sorted({*now, *manifest.types}):
        if name not in manifest.types:
            yield Cause("types", f"the diagnostic type {name} is known now")
        elif name not in now:
            yield Cause("types", f"the diagnostic type {name} is not known any more")


@cache
def _definitions(roots: tuple[str, ...], without: tuple[str, ...]) -> Definitions:
    return definitions_of(*roots, without=without)


@cache
def _version(name: str) -> str | None:
    """What a run here would record under this name; null: only the run knows."""
    if name == "prompt":
        return PROMPT_VERSION
    if name == "python":
        return platform.python_version()
    try:
        return version(name)
    except PackageNotFoundError:
        return None
