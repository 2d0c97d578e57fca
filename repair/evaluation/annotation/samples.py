"""What annotators are shown: samples of the workspace benchmark, or a stratified sample of verified rows."""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from repair.declared_types import UnexpectedValueError, converted
from repair.diagnostics.codes import type_of_code
from repair.diagnostics.diagnostic import Diagnostic
from repair.errors import InputError
from repair.evaluation.annotation.decisions import parse_value, sample_sha256
from repair.line_diff import workspace as workspace_diff
from repair.messages import shown
from repair.text.stable_hash import rank

ASSET = "workspace_benchmark"


class _File(msgspec.Struct):
    path: str
    text: str


class _Row(msgspec.Struct):
    """The columns of `repair.evaluation.benchmark.BENCHMARK_SAMPLES` that a person needs."""

    sample_id: str
    path: str
    files: list[_File]
    diagnostic: Diagnostic
    target: str
    target_files: list[_File] | None = None
    project_id: str | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """A diagnostic in its workspace (path -> text), and the diff that is proposed to repair it."""

    sample_id: str
    project_id: str
    diagnostic: Diagnostic
    files: Mapping[str, str]
    repaired: Mapping[str, str]
    """All files after the diff."""
    line_diff: str
    sha256: str
    """Of what was shown; a decision is about a sample only while it is the same."""

    @property
    def path(self) -> str:
        return self.diagnostic.path

    @property
    def code(self) -> str:
        return self.diagnostic.code


def benchmark_samples(uri: str) -> list[Sample]:
    """The samples in JSON Lines (`.jsonl`), in a store, or in one partition of `workspace_benchmark`.

    Raises:
        InputError: there are none, a row is no sample, or an id comes twice.
    """
    if uri.endswith(".jsonl"):
        lines = enumerate(Path(uri).read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1)
        found = [_sample(parse_value(line, _Row, f"{uri}, line {n}")) for n, line in lines if line.strip()]
    else:
        found = [_stored(row, uri, number) for number, row in enumerate(_stored_rows(uri), 1)]
    _require_distinct(found, uri)
    if not found:
        raise InputError(f"{uri} has no sample of {ASSET}: materialize it first, as `make demo` does")
    return found


def audit_sample(uri: str, size: int, seed: int) -> list[Sample]:
    """A random sample of `size` verified rows of a store, stratified by diagnostic type.

    Each type has its share of the sample (largest remainders), so that the sample's precision is that of the
    rows. The same rows and seed give the same sample, in the same order.

    Raises:
        InputError: there are no verified rows.
    """
    from repair.verification.stored_rows import verified_rows

    drawn: dict[str, list[tuple[int, int, dict[str, Any]]]] = {}
    counts: Counter[str] = Counter()
    rows = (row for batch in verified_rows(uri) for row in batch.to_pylist())
    for number, row in enumerate(rows, 1):
        name = type_of_code(row["diagnostic"]["code"])
        counts[name] += 1
        heap = drawn.setdefault(name, [])  # the lowest ranks of the type, of which the first is the highest
        heapq.heappush(heap, (-int(rank(seed, row["diagnostic_id"]), 16), -number, row))
        if len(heap) > size:
            heapq.heappop(heap)
    shares = _shares(counts, size)
    chosen = [item for name, heap in drawn.items() for item in heapq.nlargest(shares[name], heap)]
    chosen.sort(reverse=True)
    found = [
        _stored(
            {
                **row,
                "sample_id": row["diagnostic_id"],
                "target": row["repaired"],
                "target_files": row["repaired_files"],
            },
            uri,
            -number,
            audited=True,
        )
        for _, number, row in chosen
    ]
    _require_distinct(found, uri)
    if not found:
        raise InputError(f"{uri} has no verified rows")
    return found


def _require_distinct(samples: Iterable[Sample], uri: str) -> None:
    counts = Counter(sample.sample_id for sample in samples)
    repeated = next((name for name, count in counts.items() if count > 1), None)
    if repeated is not None:
        raise InputError(f"{uri} has the sample {shown(repeated)} more than once; expected each id once")


def _shares(counts: Mapping[str, int], size: int) -> dict[str, int]:
    """Largest-remainder apportionment of `size` to the types."""
    total = sum(counts.values())
    size = min(size, total)
    shares = {name: size * count // total for name, count in counts.items()}
    by_remainder = sorted(counts, key=lambda name: (-(size * counts[name] % total), name))
    for name in by_remainder[: size - sum(shares.values())]:
        shares[name] += 1
    return shares


def _stored_rows(uri: str) -> Iterator[Mapping[str, Any]]:
    from repair.store.reader import PartitionStore, stored_partition  # JSON Lines need no table of a store

    found = stored_partition(uri)
    if found is not None:
        store, manifest = found
        if manifest.asset != ASSET:
            raise InputError(f"{uri} is a partition of {manifest.asset}; expected one of {ASSET}")
        partitions: Iterable[Mapping[str, str]] = [manifest.partition]
    else:
        store = PartitionStore(uri)
        partitions = store.partitions(ASSET)
    for partition in partitions:
        for batch in store.read(ASSET, partition):
            yield from batch.to_pylist()


def _stored(row: Mapping[str, Any], uri: str, number: int, *, audited: bool = False) -> Sample:
    where = f"row {number} of {uri}"
    try:
        return _sample(converted(row, _Row, where), audited=audited)
    except UnexpectedValueError as error:
        raise InputError(str(error)) from None


def _sample(row: _Row, *, audited: bool = False) -> Sample:
    if not row.sample_id or not row.sample_id.isprintable():
        raise InputError(f"a sample_id is {shown(row.sample_id)}: expected printable characters")
    files = {file.path: file.text for file in row.files}
    after = {**{file.path: file.text for file in row.target_files or ()}, row.path: row.target}
    missing = sorted({*after, row.diagnostic.path} - files.keys())
    if missing or row.diagnostic.path != row.path:
        name = missing[0] if missing else row.diagnostic.path
        raise InputError(f"the sample {shown(row.sample_id)} is about {shown(name)}, which is not its file")
    repaired = {**files, **after}
    line_diff = workspace_diff.diff(files, repaired, row.path)
    hashed = sample_sha256(files, row.diagnostic.as_row(), line_diff if audited else "")
    return Sample(row.sample_id, row.project_id or "", row.diagnostic, files, repaired, line_diff, hashed)
