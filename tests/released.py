"""A store with frozen benchmarks, and releases of them: real samples, diagnostics of real servers."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from repair.evaluation.benchmark import BENCHMARK_SAMPLES
from repair.evaluation.release.manifest import MANIFEST, SAMPLES, ReleaseManifest, released_file
from repair.evaluation.release.writer import write_release
from repair.pipeline import BY_NAME
from repair.schema.outcomes import split_outcomes
from repair.schema.stages import REPAIR_EXAMPLES, VERIFIED_DIFFS
from repair.store.reader import PartitionStore
from tests.graph import LANGUAGE_SERVERS
from tests.stored_examples import SPLIT_SEED, misspelt_in, projects_of

Row = dict[str, Any]
(HELD_OUT,) = projects_of("test", 1)


def workspace_rows(verified: Sequence[Row]) -> list[Row]:
    """The benchmark's samples of verified rows of held-out projects, by the stages themselves."""
    batch = pa.RecordBatch.from_pylist(list(verified), schema=VERIFIED_DIFFS)
    examples = [
        split_outcomes(outcome)[0]
        for outcome in BY_NAME["repair_examples"].run([batch], split_seed=SPLIT_SEED)
    ]
    assert examples[0].schema.equals(REPAIR_EXAMPLES)
    return [
        row
        for outcome in BY_NAME["workspace_benchmark"].run(examples)
        for row in split_outcomes(outcome)[0].to_pylist()
    ]


def misspelt_samples(count: int) -> list[Row]:
    return workspace_rows([misspelt_in(HELD_OUT, number) for number in range(count)])


def freeze(
    store: PartitionStore, rows: Iterable[Row], diagnostic_type: str = "F821", benchmark: str = "workspace"
) -> None:
    """Store `rows` as the frozen samples of a type."""
    batch = pa.RecordBatch.from_pylist(list(rows), schema=BENCHMARK_SAMPLES)
    with store.writer(f"{benchmark}_benchmark", {"diagnostic_type": diagnostic_type}) as writer:
        writer.write("data", batch)
        writer.commit(fingerprint="by hand", inputs={}, versions={}, rows_in=batch.num_rows)


def release_of(folder: Path, rows: Sequence[Row], benchmark: str = "workspace") -> ReleaseManifest:
    """A release of `rows` in `folder/release`."""
    store = PartitionStore(str(folder / "store"))
    freeze(store, rows, benchmark=benchmark)
    return write_release(store, benchmark, folder / "release", LANGUAGE_SERVERS.servers())


def sign(folder: Path, **changes: Any) -> None:
    """Make the manifest fit the files, as whoever changes a release may; `changes` of its fields."""
    path = folder / MANIFEST
    row = json.loads(path.read_bytes())
    for name in row["files"]:
        file = released_file((folder / name).read_bytes())
        row["files"][name] = {"bytes": file.bytes, "sha256": file.sha256}
    path.write_text(json.dumps({**row, **changes}))


def rewrite(folder: Path, rows: Sequence[Row], schema: pa.Schema) -> None:
    """Put other rows into a release, and sign it."""
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), folder / SAMPLES)
    sign(folder, samples=len(rows))


def predictions(path: Path, rows: Iterable[Mapping[str, Any] | str]) -> Path:
    """A file of these predictions; a string is a line as it is."""
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
    return path
