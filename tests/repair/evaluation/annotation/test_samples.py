"""Samples: from JSON Lines, stores and partitions; and the stratified audit sample of verified rows."""

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from repair.errors import InputError
from repair.evaluation.annotation.samples import audit_sample, benchmark_samples
from repair.evaluation.benchmark import BENCHMARK_SAMPLES
from repair.schema.stages import VERIFIED_DIFFS
from repair.store.reader import PartitionStore
from tests.annotated import BROKEN, REPAIRED, sample_row, write_samples


def stored(folder: Path, rows: list[dict[str, Any]], diagnostic_type: str = "F821") -> PartitionStore:
    store = PartitionStore(str(folder))
    table = pa.Table.from_pylist(
        [{**dict.fromkeys(BENCHMARK_SAMPLES.names), **row} for row in rows], BENCHMARK_SAMPLES
    )
    with store.writer("workspace_benchmark", {"diagnostic_type": diagnostic_type}) as writer:
        writer.write("data", table)
        writer.commit(fingerprint="by hand", inputs={}, versions={}, rows_in=len(rows))
    return store


def test_the_same_samples_from_every_source(tmp_path: Path) -> None:
    other = {"path": "util.py", "text": "x = 1\n"}
    row = sample_row("one", files=[{"path": "main.py", "text": BROKEN}, other])
    row["target_files"] = [{**other, "text": "x = 2\n"}]
    store = stored(tmp_path / "store", [row])
    stored(tmp_path / "store", [sample_row("two")], "E722")
    lines = write_samples(tmp_path / "samples.jsonl", [row])
    partition = store.uri("workspace_benchmark", {"diagnostic_type": "F821"})
    [from_lines], [from_partition] = benchmark_samples(str(lines)), benchmark_samples(partition)
    assert from_lines == from_partition
    assert [sample.sample_id for sample in benchmark_samples(store.base_uri)] == ["two", "one"]
    assert (
        from_lines.line_diff
        == "-2     return widht * height\n+2     return width * height\n#util.py\n-1 x = 1\n+1 x = 2"
    )
    assert from_lines.repaired == {"main.py": REPAIRED, "util.py": "x = 2\n"}


def test_a_sample_is_the_same_while_its_question_is(tmp_path: Path) -> None:
    def sha256(**columns: Any) -> str:
        [found] = benchmark_samples(str(write_samples(tmp_path / "s.jsonl", [sample_row(**columns)])))
        return found.sha256

    assert sha256() == sha256(target=BROKEN.replace("widht", "height"), project_id="other")
    assert len({sha256(), sha256(message="m"), sha256(text=BROKEN + "\n"), sha256(text="\ud800 widht")}) == 4


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"target": None}, "line 2.target is null"),
        ({"files": []}, "'main.py', which is not its file"),
        ({"path": "other.py"}, "'other.py', which is not its file"),
        ({"target_files": [{"path": "new.py", "text": ""}]}, "'new.py', which is not its file"),
        ({"diagnostic": {"path": "main.py"}}, "line 2.diagnostic lacks start_line"),
        ({"sample_id": "one"}, "'one' more than once"),
        ({"sample_id": 1}, "line 2.sample_id is 1"),
        ({"sample_id": ""}, "a sample_id is ''"),
        ({"sample_id": "\ud800"}, "expected printable characters"),
    ],
)
def test_a_row_that_is_no_sample_is_named(tmp_path: Path, change: dict[str, Any], part: str) -> None:
    rows = [sample_row("one"), {**sample_row("two"), **change}]
    with pytest.raises(InputError, match=part):
        benchmark_samples(str(write_samples(tmp_path / "samples.jsonl", rows)))


def test_what_holds_no_samples_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no sample of workspace_benchmark"):
        benchmark_samples(str(tmp_path / "store"))
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(InputError, match="has no sample"):
        benchmark_samples(str(tmp_path / "empty.jsonl"))
    (tmp_path / "bad.jsonl").write_text("{\n")
    with pytest.raises(InputError, match=r"bad\.jsonl, line 1 is not JSON"):
        benchmark_samples(str(tmp_path / "bad.jsonl"))


def verified_file(path: Path, counts: dict[str, int]) -> Path:
    rows = []
    for code, count in counts.items():
        for number in range(count):
            row = sample_row(f"{code}{number}")
            diagnostic = {**row["diagnostic"], "code": f"ruff[{code}]"}
            ours = {"diagnostic_id": row["sample_id"], "diagnostic": diagnostic, "repaired": REPAIRED}
            known = {**dict.fromkeys(VERIFIED_DIFFS.names), **ours, "repaired_files": []}
            rows.append({**known, "path": "main.py", "files": row["files"], "project_id": "p"})
    pq.write_table(pa.Table.from_pylist(rows, VERIFIED_DIFFS), path)
    return path


def test_an_audit_is_stratified_by_type_and_seeded(tmp_path: Path) -> None:
    path = str(verified_file(tmp_path / "rows.parquet", {"F821": 60, "F811": 29, "E722": 11}))

    def drawn(size: int, seed: int) -> list[str]:
        return [sample.sample_id for sample in audit_sample(path, size, seed)]

    for seed in range(3):
        shares = Counter(name[:4] for name in drawn(10, seed))
        assert shares == {"F821": 6, "F811": 3, "E722": 1}
    assert drawn(10, 1) == drawn(10, 1) != drawn(10, 2)
    assert set(drawn(10, 1)) <= set(drawn(100, 1))
    assert len(set(drawn(1000, 1))) == 100
    # every row has the same chance: over 40 seeds of 30 of the 60 each comes about 20 times
    times = Counter(name for seed in range(40) for name in drawn(50, seed) if name.startswith("F821"))
    assert len(times) == 60
    assert all(8 <= count <= 32 for count in times.values())


def test_an_audited_sample_is_another_once_its_label_is(tmp_path: Path) -> None:
    path = verified_file(tmp_path / "rows.parquet", {"F821": 1})
    [before] = audit_sample(str(path), 1, 0)
    table = pq.read_table(path).to_pylist()
    pq.write_table(pa.Table.from_pylist([{**table[0], "repaired": "x\n"}], VERIFIED_DIFFS), path)
    [after] = audit_sample(str(path), 1, 0)
    assert before.sample_id == after.sample_id
    assert before.sha256 != after.sha256


def test_an_audit_of_nothing_is_refused(tmp_path: Path) -> None:
    path = str(verified_file(tmp_path / "rows.parquet", {}))
    with pytest.raises(InputError, match="has no verified rows"):
        audit_sample(path, 3, 0)
    with pytest.raises(InputError, match="holds no verified rows"):
        audit_sample(str(tmp_path / "absent"), 3, 0)
