"""Stage runner: one partition of an asset over the store; reuse, write, prove the counts, report.

An asset says what it reads and which function of `repair` runs on it; everything that all stages
share is here. A stage whose inputs, configuration and versions equal those of the stored result
returns that result, marked `reused`. Every result carries the check that rows in = rows out + rejects.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import dagster as dg
import pyarrow as pa

from partitions.keys import Key
from repair.errors import StoreError
from repair.evaluation.benchmark import SCORES
from repair.execution.definitions import Definitions, definitions_of
from repair.execution.tasks import StoredRows, Task, stored_rows
from repair.execution.worker import BatchFunction
from repair.language_servers import LanguageServers
from repair.pipeline import BY_NAME, StageSpec
from repair.schema.events import Purpose
from repair.schema.outcomes import join_outcomes
from repair.schema.stages import REPAIR_EXAMPLES
from repair.schema.texts import stored_schema
from repair.store.audit_log import PREPARATION, PURPOSES, record_reads
from repair.store.definition_records import record_definitions
from repair.store.manifest import Manifest, fingerprint
from repair.store.reader import PartitionStore
from repair.store.writer import PartitionWriter
from resources.checks import PartitionCheck, count_of_rows, results
from resources.engine import Engine, LocalEngine
from resources.reporting import column_schema, preview, rejected_rows
from resources.retries import retry_transient_faults

STORED_COLUMNS: Mapping[str, list[str]] = {
    **{name: list(spec.output.names) for name, spec in BY_NAME.items() if name != "workspace_benchmark"},
    "daily_examples": list(REPAIR_EXAMPLES.names),
    "eval_results": list(SCORES.names),
}
"""What is stored of these assets today. Frozen benchmarks are read as they were frozen."""


@dataclass(frozen=True, slots=True)
class Input:
    """A partition of an asset that a stage reads."""

    asset: str
    key: Key

    def __str__(self) -> str:
        return f"{self.asset}[{self.key}]"


def stored_inputs(
    store: PartitionStore, asset: str, where: Callable[[Key], bool], *, missing: str
) -> list[Input]:
    """The stored partitions of an asset that `where` takes, in the order of their paths.

    Raises:
        dagster.Failure: there is none; `missing` says what to do.
    """
    keys = [Key(**segments) for segments in store.partitions(asset)]
    found = [Input(asset, key) for key in keys if where(key)]
    if not found:
        raise dg.Failure(missing, allow_retries=False)
    return found


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One run of one partition of a stage."""

    context: dg.AssetExecutionContext
    store: PartitionStore
    inputs: Sequence[Input]
    schema: pa.Schema
    configuration: Mapping[str, Any] = field(default_factory=dict[str, Any])
    versions: Mapping[str, str] = field(default_factory=dict[str, str])
    checks: Sequence[PartitionCheck] = ()
    engine: Engine = field(default_factory=LocalEngine)
    types: Sequence[str] | None = None
    """The diagnostic types that decide which rows are in the partition."""
    runs: Sequence[Any] = ()
    """What decides the rows besides what the asset names: classes that a resource hands in."""
    without: Sequence[str] = ()
    """Definitions that the asset names and this run does not use."""
    frozen: bool = False
    """What is stored stays until the configuration says otherwise, whatever the code says."""

    @property
    def asset(self) -> str:
        return self.context.asset_key.path[-1]

    @property
    def key(self) -> Key:
        return Key.of(self.context)

    def manifests(self) -> dict[str, Manifest]:
        """The manifests of the inputs, by `asset[key]`, as they were when they were first asked for.

        So the rows that are read are of the versions that the fingerprint names: where an input is replaced
        meanwhile, its older file is absent and the run fails.

        Raises:
            dagster.Failure: an input is absent, or its own rows do not add up.
            StoreError: a manifest can't be read.
        """
        return self._manifests

    @cached_property
    def _manifests(self) -> dict[str, Manifest]:
        found: dict[str, Manifest] = {}
        for source in self.inputs:
            manifest = self.store.manifest(source.asset, source.key.segments())
            if manifest is None:
                raise dg.Failure(
                    f"{source} is not in the store at {self.store.uri(source.asset, source.key.segments())}; "
                    "materialize it first, or select it in the same run",
                    allow_retries=False,
                )
            if not manifest.adds_up:
                raise dg.Failure(
                    f"{source} lost rows ({count_of_rows(manifest)}); materialize it again first",
                    allow_retries=False,
                )
            found[str(source)] = manifest
        return found

    def rows(
        self, asset: str, columns: list[str] | None = None, *, texts: bool = True
    ) -> Iterator[pa.RecordBatch]:
        """The rows of every input partition of `asset`, in small batches; `texts`: not as their hashes.

        Without `columns` all that a stage of today stores: a partition of an older one lacks some.
        """
        columns = columns or STORED_COLUMNS.get(asset)
        for source in self.inputs:
            if source.asset == asset:
                manifest = self.manifests()[str(source)]
                yield from self.store.read(
                    asset, source.key.segments(), columns=columns, texts=texts, manifest=manifest
                )

    def records(self, *assets: str) -> Iterator[dict[str, Any]]:
        """The rows of every input partition of these assets, one by one."""
        return (row for asset in assets for batch in self.rows(asset) for row in batch.to_pylist())

    def count(self, *assets: str) -> int:
        """How many rows the input partitions of these assets have."""
        manifests = self.manifests()
        return sum(manifests[str(source)].rows_out for source in self.inputs if source.asset in assets)

    def tasks(self, columns: tuple[str, ...] | None = None) -> list[StoredRows]:
        """The rows of the first input's asset, cut as the engine wants them."""
        asset = self.inputs[0].asset
        return [
            task
            for source in self.inputs
            if source.asset == asset
            for task in stored_rows(
                self.store,
                asset,
                source.key.segments(),
                rows_per_task=self.engine.rows_per_task,
                columns=columns,
                manifest=self.manifests()[str(source)],
            )
        ]

    def on_engine(self, function: BatchFunction, tasks: Sequence[Task]) -> Iterator[pa.RecordBatch]:
        """What `function` yields for the tasks, in their order, wherever it runs."""
        return self.engine.map(function, tasks, self.store)

    def write(self, writer: PartitionWriter, spec: StageSpec, outcomes: Iterable[pa.RecordBatch]) -> None:
        """Writes what a function of `spec` returned for the rows of the first input, beside those rows.

        Texts that it returned are stored; those of the rows are not read, they keep their hashes.
        """
        kept = [name for name in spec.input.names if name in spec.output.names]
        rows = self.rows(self.inputs[0].asset, kept, texts=False)
        for joined in join_outcomes(rows, map(writer.strip, outcomes), stored_schema(spec.output)):
            writer.write_outcomes(joined)

    def map(self, spec: StageSpec, function: BatchFunction) -> dg.MaterializeResult:
        """Write the outcomes of `function` over the rows of the first input.

        It is given the columns that `spec` reads, and must be such that the rows may be cut anywhere.
        """

        def work(writer: PartitionWriter) -> None:
            self.write(writer, spec, self.on_engine(function, self.tasks(spec.reads)))

        return self.materialize(work)

    def log_reads(self, sources: Mapping[str, Manifest]) -> None:
        """Puts into the audit log that this run is about to read these partitions, and for which purpose.

        Where a language model has a part in it, it is shown their rows.
        """
        record_reads(
            self.store,
            run=self.context.run_id,
            stage=f"{self.asset}[{self.key}]",
            purpose=Purpose.SYNTHESIS if "model" in self.versions else PURPOSES.get(self.asset, PREPARATION),
            sources=sources,
        )

    def materialize(
        self,
        work: Callable[[PartitionWriter], Mapping[str, Any] | None],
        *,
        rows_in: int | None = None,
        metadata: Callable[[Manifest], Mapping[str, Any]] | None = None,
    ) -> dg.MaterializeResult:
        """Run `work` unless the stored result still holds, and report either.

        A stored result that does not read as it was written is made again; the metadata `remade` says why.

        Args:
            work: writes the partition's rows; what it returns is kept in the manifest's `extra`.
            rows_in: rows that the stage must account for; default: all rows of the inputs.
            metadata: more metadata from the manifest.

        Raises:
            dagster.RetryRequested: a fault that passes; the step is tried again.
        """
        with retry_transient_faults(self.context.retry_number):
            return self._materialize(work, rows_in, metadata)

    def _materialize(
        self,
        work: Callable[[PartitionWriter], Mapping[str, Any] | None],
        rows_in: int | None,
        metadata: Callable[[Manifest], Mapping[str, Any]] | None,
    ) -> dg.MaterializeResult:
        started = time.monotonic()
        manifests = self.manifests()
        segments = self.key.segments()
        inputs = {name: manifest.data_version for name, manifest in manifests.items()}
        definitions = None if self.frozen else self._definitions()
        made_of: dict[str, Any] = {
            "inputs": inputs,
            "configuration": self.configuration,
            "versions": self.versions,
            "types": self.types,
            "definitions": definitions.digest if definitions else "",
        }
        wanted = fingerprint(**made_of)
        manifest, damage = self._stored(wanted)
        reused = manifest is not None
        if manifest is None:
            expected = sum(source.rows_out for source in manifests.values()) if rows_in is None else rows_in
            self.log_reads(manifests)
            with self.store.writer(self.asset, segments) as writer:
                writer.declare(self.schema)
                extra = dict(work(writer) or {})
                extra["seconds"] = round(time.monotonic() - started, 3)
                if definitions:
                    record_definitions(self.store, definitions.digest, asdict(definitions))
                manifest = writer.commit(fingerprint=wanted, rows_in=expected, extra=extra, **made_of)
        self.context.log.info(
            "%s[%s] %s: %s",
            self.asset,
            self.key,
            "reused" if reused else "made again" if damage else "written",
            count_of_rows(manifest),
        )
        rejected = rejected_rows(self.store, manifest)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": manifest.rows_out,
                "dagster/uri": self.store.uri(self.asset, segments),
                "dagster/column_schema": column_schema(self.asset, self.schema),
                "reused": reused,
                **({"remade": damage} if damage else {}),
                "rows_in": manifest.rows_in,
                **_kept_share(manifest),
                "seconds": float(manifest.extra.get("seconds", 0.0)),
                "rejects": dict(manifest.rejects),
                "rejected_rows": rejected,
                **(metadata(manifest) if metadata else {}),
                "preview": preview(self.store, manifest),  # last: it is long
            },
            check_results=results(
                self.checks,
                self.store,
                manifest,
                rejects=dict(manifest.rejects),
                rejected_rows=rejected,
            ),
            data_version=dg.DataVersion(manifest.data_version),
        )

    def _stored(self, wanted: str) -> tuple[Manifest | None, str | None]:
        """The stored result if it holds and reads as it was written; else what is damaged, if anything is."""
        segments = self.key.segments()
        texts = self.store.texts(segments)
        for path in texts.remove_damaged():
            self.context.log.warning("%s was damaged and is removed: its texts are written again", path)
        try:
            manifest = self.store.manifest(self.asset, segments)
            if manifest is None or manifest.fingerprint != wanted:
                return None, None
            self.store.check(manifest)
        except StoreError as error:
            self.context.log.warning("%s[%s] is made again: %s", self.asset, self.key, error)
            return None, str(error)
        return manifest, None

    def _definitions(self) -> Definitions:
        """What the asset's function reaches, its stage's function, and the servers that it asks.

        Checks are left out: they are evaluated on the manifest of a reused result too.
        """
        compute: Any = self.context.assets_def.op.compute_fn
        asset = getattr(compute, "decorated_fn", compute)
        roots: list[Any] = [asset, *self.runs]
        if spec := BY_NAME.get(self.asset):
            roots.append(spec.function)
        if "pyright" in self.versions:
            roots.append(LanguageServers)
        return definitions_of(*roots, without=[*self.without, f"{asset.__module__}:CHECKS"])


def _kept_share(manifest: Manifest) -> dict[str, float]:
    """The share of rows that go on: a number, which the UI plots over the partitions."""
    return {"kept_share": round(manifest.rows_out / manifest.rows_in, 4)} if manifest.rows_in else {}
