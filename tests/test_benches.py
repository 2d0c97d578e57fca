"""Every bench can be imported: a name that it takes from elsewhere may have gone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
BENCHES = sorted((Path(__file__).parents[1] / "bench").glob("*.py"))


BENCH = """
import importlib, pathlib, sys, traceback
folder, *names = sys.argv[1:]
sys.path[:0] = ["bench", "."]
faults = []
for name in names:
    try:
        importlib.import_module(name)
    except Exception:
        faults.append(traceback.format_exc())
pathlib.Path(folder, "faults").write_text("\\n".join(faults))
sys.argv[1:] = ["--tiny", "--out", f"{folder}/gpu.json"]
sys.modules["gpu"].main()
"""


@pytest.fixture(scope="module")
def benched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The faults of all imports, and the figures of the GPU's bench.

    In one process: most of the time goes into the libraries that the benches share.
    """
    folder = tmp_path_factory.mktemp("benched")
    command = [sys.executable, "-c", BENCH, str(folder), *(bench.stem for bench in BENCHES)]
    done = subprocess.run(
        command, cwd=BENCHES[0].parents[1], capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_each_bench_can_be_imported(benched: Path) -> None:
    assert len(BENCHES) > 20
    assert (benched / "faults").read_text() == ""


def test_the_gpu_bench_measures_a_tiny_model(benched: Path) -> None:
    figures = json.loads((benched / "gpu.json").read_text())
    measured = {entry["what"]: entry for entry in figures["measured"]}
    assert list(measured) == [
        "one repair, batch 1",
        "one repair, batch 3",
        "training, 1 rows",
        "training, 2 rows",
    ]
    assert 0 < measured["one repair, batch 1"]["p50"] <= measured["one repair, batch 1"]["p95"]
    assert measured["training, 1 rows"]["tokens_per_second"] > 0
