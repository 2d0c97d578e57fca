"""Staleness: which stored partitions would be made again and why, from manifests and the present code.

Compared with what a manifest records: the inputs, the definitions that its function reaches now, the versions
of servers and packages that are installed here, the prompt format and the known diagnostic types. What only a
run knows (configuration, environment, language model) is compared as far as the caller tells it; a partition
that an asset would read besides those that it read is not.
"""

import platform
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from repair.diagnostics.types import TYPES, decisive_types, known_types
from repair.errors import ConfigurationError
from repair.execution.definitions import Definitions, definitions_of
from repair.prompt.sentinels import PROMPT_VERSION
from repair.store.definition_records import recorded_definitions
from repair.store.manifest import FORGOTTEN, Manifest, fingerprint
from repair.store.reader import PartitionStore

MOST_NAMED = 5
"""Changed definitions that are named one by one."""

MOST_SHOWN = 40
"""Characters of a version that is shown; a language model's is its settings."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a partition would be made again.

    `kind` is input, upstream (its input changes only once that is made again), configuration, version, types,
    definitions, or forgotten (rows of it were, with their project).
    """

    kind: str
    detail: str


def _nothing(_: Manifest) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What a run would record beside what this module finds by itself."""

    versions: Mapping[str, str] = field(default_factory=dict[str, str])
    """Of servers elsewhere, the environment and the language model."""
    configuration: Callable[[Manifest], Mapping[str, Any]] = _nothing
    """The part of a partition's configuration that is known."""


_NOT_RECORDED = Cause("definitions", "which code made it is not recorded")


@dataclass(frozen=True, slots=True)
class Staleness:
    """What is known of one stored partition. Without a cause it would be reused, as far as it is compared."""

    name: str
    """`asset[partition]`."""
    causes: tuple[Cause, ...]
    not_compared: tuple[str, ...]
    manifest: Manifest = field(repr=False)


def staleness(
    store: PartitionStore, dates: Collection[str] | None = None, run: RunSettings | None = None
) -> list[Staleness]:
    """Every stored partition, in the order of assets and partitions; `dates`: of these dates, and those of
    none."""
    return _Comparison(store, run or RunSettings()).results(dates)


class _Comparison:
    def __init__(self, store: PartitionStore, run: RunSettings) -> None:
        self._store, self._run = store, run
        self._partitions = {
            f"{asset}[{'|'.join(partition.values()) or 'unpartitioned'}]": (asset, partition)
            for asset in store.assets()
            for partition in store.partitions(asset)
        }
        self._manifests: dict[str, Manifest | None] = {}
        self._found: dict[str, Staleness] = {}

    def results(self, dates: Collection[str] | None) -> list[Staleness]:
        return [
            self._of(name, manifest)
            for name, (_, partition) in self._partitions.items()
            if dates is None or partition.get("date") is None or partition["date"] in dates
            if (manifest := self._manifest(name))
        ]

    def _manifest(self, name: str) -> Manifest | None:
        if name not in self._manifests:
            at = self._partitions.get(name)
            self._manifests[name] = self._store.manifest(*at) if at else None
        return self._manifests[name]

    def _of(self, name: str, manifest: Manifest) -> Staleness:
        if name not in self._found:
            versions = {
                known: now for known in manifest.versions if (now := self._version(known)) is not None
            }
            configuration = {
                known: now
                for known, now in self._run.configuration(manifest).items()
                if known in manifest.configuration
            }
            causes = (
                *self._inputs(manifest),
                *(
                    Cause("configuration", f"its {known} is another one now")
                    for known, now in configuration.items()
                    if now != manifest.configuration[known]
                ),
                *(
                    Cause("version", f"{known} {_short(before)} made it, {_short(versions[known])} is here")
                    for known, before in manifest.versions.items()
                    if known in versions and versions[known] != before
                ),
                *_types(manifest),
                *self._definitions(manifest),
            )
            compared = manifest.configuration.keys() <= configuration.keys()
            not_compared = [*([] if compared else ["configuration"]), *manifest.versions]
            self._found[name] = Staleness(
                name, causes, tuple(known for known in not_compared if known not in versions), manifest
            )
        return self._found[name]

    def _version(self, name: str) -> str | None:
        return self._run.versions.get(name) or _version(name)

    def _inputs(self, manifest: Manifest) -> Iterator[Cause]:
        for name, data_version in manifest.inputs.items():
            source = self._manifest(name)
            if source is None:
                yield Cause("input", f"its input {name} is gone")
            elif source.data_version != data_version:
                yield Cause("input", f"its input {name} changed")
            elif self._of(name, source).causes:
                yield Cause("upstream", f"its input {name} would be made again")

    def _definitions(self, manifest: Manifest) -> Iterator[Cause]:
        if (rows := manifest.extra.get(FORGOTTEN)) and manifest.definitions:
            yield Cause("forgotten", f"{rows} rows that it had or learned from were forgotten since")
            return
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


def _short(text: Any) -> str:
    return text if len(text := str(text)) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 3]}..."


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
