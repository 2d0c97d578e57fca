"""The frozen benchmarks, one partition per diagnostic type."""

import hashlib
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa

from partitions.keys import Key
from partitions.mappings import ALL_DATES_OF_THE_TYPE
from partitions.types import DIAGNOSTIC_TYPES
from repair.diagnostics.types import TYPES, decisive_types, partition_of
from repair.evaluation.annotation.decisions import decisions_bytes, read_decisions
from repair.evaluation.benchmark import BENCHMARK_SAMPLES, decided_samples
from repair.evaluation.leetcode.injection.samples import INJECTED_SAMPLES
from repair.store.writer import PartitionWriter
from repair_assets.injected_bugs import injected_bugs
from repair_assets.leetcode_samples import (
    INJECTED_BUG_SAMPLES,
    LEETCODE_SAMPLES,
    stored_injected_samples,
    stored_leetcode_samples,
    with_origin,
)
from repair_assets.repair_examples import repair_examples
from resources.benchmark_data import HINT, BenchmarkDataResource
from resources.checks import Checked, CheckVerdict, PartitionCheck, check_specs
from resources.language_servers import LanguageServersResource
from resources.pools import LANGUAGE_SERVERS
from resources.stages import Input, Stage, stored_inputs
from resources.store import StoreResource

BENCHMARKS = ("workspace_benchmark", "leetcode_benchmark")
"""What checkpoints are scored on, and mixtures are decontaminated against."""


class Benchmark(dg.Config):
    """Which release of a benchmark is frozen. Raise `release` to freeze it anew."""

    release: int = 1
    at_most: int = 40
    """Samples of a type."""


def _has_samples(checked: Checked) -> CheckVerdict:
    manifest = checked.manifest
    held_out = manifest.rows_in - manifest.rejects.get("not_held_out", 0)
    said = f"{manifest.rows_out} samples out of {held_out} examples of held-out projects"
    return CheckVerdict(manifest.rows_out >= checked.limit, said, {"held_out": held_out})


CHECKS = (PartitionCheck("has_samples", _has_samples),)


@dg.asset(
    partitions_def=DIAGNOSTIC_TYPES,
    deps=[dg.AssetDep(repair_examples, partition_mapping=ALL_DATES_OF_THE_TYPE)],
    check_specs=check_specs("workspace_benchmark", DIAGNOSTIC_TYPES, CHECKS),
    group_name="benchmarks",
    kinds={"parquet"},
    pool=LANGUAGE_SERVERS,
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
        stage.log_reads({str(source): manifest for source, manifest in manifests})
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
    deps=[injected_bugs],
    check_specs=check_specs("leetcode_benchmark", DIAGNOSTIC_TYPES),
    group_name="benchmarks",
    kinds={"parquet"},
    pool=LANGUAGE_SERVERS,
)
def leetcode_benchmark(
    context: dg.AssetExecutionContext,
    store: StoreResource,
    language_servers: LanguageServersResource,
    benchmark_data: BenchmarkDataResource,
) -> dg.MaterializeResult:
    """DebugBench's syntax and reference bugs, and recent problems with injected ones: seen and caught.

    The servers report each of them, and the tests of LeetCodeDataset fail. A sample belongs to the type of
    its first new error. Frozen by what it is made of: the published files, the cutoff, the teacher's bugs if
    there are some, the servers and the prompt format. Without a folder it is empty.
    """
    opened = store.store()
    if not benchmark_data.folder:
        stage = Stage(context=context, store=opened, inputs=(), schema=INJECTED_SAMPLES)
        hint = {"benchmark_data": f"no benchmark data: {HINT}"}
        return stage.materialize(lambda _: None, rows_in=0, metadata=lambda _: hint)
    folder = Path(benchmark_data.folder)
    built = {
        LEETCODE_SAMPLES: stored_leetcode_samples(opened, language_servers, folder),
        INJECTED_BUG_SAMPLES: stored_injected_samples(
            opened, language_servers, folder, benchmark_data.cutoff
        ),
    }
    key = Key.of(context)
    types = frozenset(known.name for known in TYPES)
    stage = Stage(
        context=context,
        store=opened,
        inputs=[Input(name, Key()) for name in built],
        schema=INJECTED_SAMPLES,
        types=decisive_types(key.diagnostic_type or "", types),
    )

    def own(name: str) -> list[bool]:
        codes = opened.table(name, {}, columns=["code"])["code"].to_pylist()
        return [partition_of(code, types) == key.diagnostic_type for code in codes]

    rows_of = {name: own(name) for name in built}

    def work(writer: PartitionWriter) -> None:
        for name, rows in rows_of.items():
            whole = opened.table(name, {}, texts=False).filter(pa.array(rows, pa.bool_()))
            writer.write("data", with_origin(whole))

    samples, injected = built.values()
    all_types = {
        "instances": samples.rows_in,
        "all_types": samples.rows_out,
        "left_out": samples.rejects,
        "injected_candidates": injected.rows_in,
        "injected_all_types": injected.rows_out,
        "injected_left_out": injected.rejects,
    }
    return stage.materialize(work, rows_in=sum(map(sum, rows_of.values())), metadata=lambda _: all_types)
