"""The frozen benchmarks, one partition per diagnostic type."""

import hashlib
import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa

from partitions.keys import Key
from partitions.mappings import ALL_DATES_OF_THE_TYPE
from partitions.types import DIAGNOSTIC_TYPES
from repair.diagnostics.types import TYPES, decisive_types, partition_of
from repair.evaluation import leetcode
from repair.evaluation.annotation.decisions import decisions_bytes, read_decisions
from repair.evaluation.benchmark import BENCHMARK_SAMPLES, decided_samples
from repair.execution.definitions import definitions_of
from repair.language_servers import LanguageServers
from repair.prompt.sentinels import PROMPT_VERSION
from repair.store.definition_records import record_definitions
from repair.store.manifest import Manifest, fingerprint
from repair.store.reader import PartitionStore
from repair.store.writer import PartitionWriter
from repair_assets.repair_examples import repair_examples
from resources.benchmark_data import HINT, BenchmarkDataResource
from resources.language_servers import LanguageServersResource
from resources.stages import CheckVerdict, Input, ManifestCheck, Stage, check_specs, stored_inputs
from resources.store import StoreResource

BENCHMARKS = ("workspace_benchmark", "leetcode_benchmark")
"""What checkpoints are scored on, and mixtures are decontaminated against."""

LEETCODE_SAMPLES = "leetcode_samples"
"""All types' samples, built once for every state of the data, the servers and the prompt. No asset of its
own: whichever type is materialized first builds them, and its rejects have no type to be counted under."""


class Benchmark(dg.Config):
    """Which release of a benchmark is frozen. Raise `release` to freeze it anew."""

    release: int = 1
    at_most: int = 40
    """Samples of a type."""


def _has_samples(manifest: Manifest) -> CheckVerdict:
    held_out = manifest.rows_in - manifest.rejects.get("not_held_out", 0)
    said = f"{manifest.rows_out} samples out of {held_out} examples of held-out projects"
    said = f"{said}; raise `release` when there are more"
    return CheckVerdict(manifest.rows_out > 0, said, {"held_out": held_out})


CHECKS = (ManifestCheck("has_samples", "The frozen release has a sample of this type.", _has_samples),)


@dg.asset(
    partitions_def=DIAGNOSTIC_TYPES,
    deps=[dg.AssetDep(repair_examples, partition_mapping=ALL_DATES_OF_THE_TYPE)],
    check_specs=check_specs("workspace_benchmark", DIAGNOSTIC_TYPES, CHECKS),
    group_name="evaluation",
    kinds={"parquet"},
)
def workspace_benchmark(
    context: dg.AssetExecutionContext,
    config: Benchmark,
    store: StoreResource,
    language_servers: LanguageServersResource,
    benchmark_data: BenchmarkDataResource,
) -> dg.MaterializeResult:
    """Real diagnostics of held-out projects, with the fix that verified, or that people gave.

    Frozen: it is made from the examples that are stored when a release is first materialized, and
    stays as it is however many days follow, until `release` is raised. Only scores on equal
    releases are compared. What annotators decided belongs to the release: other decisions make it again.
    """
    opened = store.store()
    key = Key.of(context)
    uri = benchmark_data.decisions
    content = decisions_bytes(uri) if uri else b""  # read once: annotators may be at work
    decisions = {"decisions": hashlib.sha256(content).hexdigest()} if uri else {}
    sources = stored_inputs(
        opened,
        "repair_examples",
        lambda stored: stored.diagnostic_type == key.diagnostic_type,
        missing=f"there are no repair_examples of {key} to freeze; materialize some dates of them first",
    )
    manifests = [
        (source, manifest)
        for source in sources
        if (manifest := opened.manifest(source.asset, source.key.segments()))
    ]
    stage = Stage(
        context=context,
        store=opened,
        inputs=(),
        schema=BENCHMARK_SAMPLES,
        configuration={**config.model_dump(), **decisions},
        frozen=True,
        checks=CHECKS,
    )

    def work(writer: PartitionWriter) -> dict[str, Any]:
        rows = (
            batch
            for source, manifest in manifests
            for batch in opened.read(source.asset, source.key.segments(), manifest=manifest)
        )
        servers = language_servers.servers() if uri else None
        known = read_decisions(content, uri)
        writer.write_outcomes(decided_samples(rows, servers, known, at_most=config.at_most))
        return {
            "release": config.release,
            "frozen_from": [manifest.data_version for _, manifest in manifests],
        }

    return stage.materialize(work, rows_in=sum(manifest.rows_out for _, manifest in manifests))


@dg.asset(
    partitions_def=DIAGNOSTIC_TYPES,
    check_specs=check_specs("leetcode_benchmark", DIAGNOSTIC_TYPES),
    group_name="evaluation",
    kinds={"parquet"},
)
def leetcode_benchmark(
    context: dg.AssetExecutionContext,
    store: StoreResource,
    language_servers: LanguageServersResource,
    benchmark_data: BenchmarkDataResource,
) -> dg.MaterializeResult:
    """DebugBench's syntax and reference bugs that the servers see and the tests of LeetCodeDataset catch.

    A sample belongs to the type of its first new error. Frozen by what it is made of: the published files,
    the servers and the prompt format; while they stay, so do the samples. Without a folder it is empty.
    """
    opened = store.store()
    if not benchmark_data.folder:
        stage = Stage(context=context, store=opened, inputs=(), schema=BENCHMARK_SAMPLES)
        hint = {"benchmark_data": f"no benchmark data: {HINT}"}
        return stage.materialize(lambda _: None, rows_in=0, metadata=lambda _: hint)
    built = stored_leetcode_samples(opened, language_servers, Path(benchmark_data.folder))
    key = Key.of(context)
    types = frozenset(known.name for known in TYPES)
    stage = Stage(
        context=context,
        store=opened,
        inputs=[Input(LEETCODE_SAMPLES, Key())],
        schema=BENCHMARK_SAMPLES,
        types=decisive_types(key.diagnostic_type or "", types),
    )
    codes = opened.table(LEETCODE_SAMPLES, {}, columns=["code"])["code"].to_pylist()
    own = [partition_of(code, types) == key.diagnostic_type for code in codes]

    def work(writer: PartitionWriter) -> None:
        whole = opened.table(LEETCODE_SAMPLES, {}, texts=False)
        writer.write("data", whole.filter(pa.array(own, pa.bool_())))

    all_types = {"instances": built.rows_in, "all_types": built.rows_out, "left_out": built.rejects}
    return stage.materialize(work, rows_in=sum(own), metadata=lambda _: all_types)


def stored_leetcode_samples(
    store: PartitionStore, language_servers: LanguageServersResource, folder: Path
) -> Manifest:
    """The manifest of all types' samples, built if what is stored was made of anything else."""
    definitions = definitions_of(leetcode.read, leetcode.leetcode_samples, LanguageServers)
    made_of: dict[str, Any] = {
        "inputs": {},
        "configuration": {"published": leetcode.fingerprint(folder)},
        "versions": {
            "prompt": PROMPT_VERSION,
            "python": platform.python_version(),
            **language_servers.versions(),
        },
        "definitions": definitions.digest,
    }
    wanted = fingerprint(**made_of)
    stored = store.manifest(LEETCODE_SAMPLES, {})
    if stored is not None and stored.fingerprint == wanted:
        return stored
    published = leetcode.read(folder)
    outcomes = leetcode.leetcode_samples(published, language_servers.servers())
    with store.writer(LEETCODE_SAMPLES, {}) as writer:
        writer.write_outcomes(outcomes)
        record_definitions(store, definitions.digest, asdict(definitions))
        return writer.commit(fingerprint=wanted, rows_in=len(published.instances), **made_of)
