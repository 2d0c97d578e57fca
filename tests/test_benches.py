"""Every bench can be imported: a name that it takes from elsewhere may have gone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHES = sorted((Path(__file__).parents[1] / "bench").glob("*.py"))


@pytest.mark.parametrize("bench", BENCHES, ids=lambda bench: bench.stem)
def test_a_bench_can_be_imported(bench: Path) -> None:
    program = f"import sys; sys.path[:0] = ['bench', '.']; import {bench.stem}"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=bench.parents[1],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_gpu_bench_measures_a_tiny_model(tmp_path: Path) -> None:
    out = tmp_path / "gpu.json"
    command = [sys.executable, "bench/gpu.py", "--tiny", "--out", str(out)]
    subprocess.run(command, cwd=BENCHES[0].parents[1], check=True, timeout=600)
    figures = json.loads(out.read_text())
    measured = {entry["what"]: entry for entry in figures["measured"]}
    assert list(measured) == [
        "one repair, batch 1",
        "one repair, batch 3",
        "training, 1 rows",
        "training, 2 rows",
    ]
    assert 0 < measured["one repair, batch 1"]["p50"] <= measured["one repair, batch 1"]["p95"]
    assert measured["training, 1 rows"]["tokens_per_second"] > 0
