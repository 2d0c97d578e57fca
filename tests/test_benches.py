"""Every bench can be imported: a name that it takes from elsewhere may have gone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHES = sorted((Path(__file__).parents[1] / "bench").glob("*.py"))


IMPORT = """
import importlib, sys, traceback
sys.path[:0] = ["bench", "."]
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except Exception:
        print(traceback.format_exc())
"""


def test_each_bench_can_be_imported() -> None:
    """All in one process: most of the time goes into the libraries that they share."""
    assert len(BENCHES) > 20
    done = subprocess.run(
        [sys.executable, "-c", IMPORT, *(bench.stem for bench in BENCHES)],
        cwd=BENCHES[0].parents[1],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


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
