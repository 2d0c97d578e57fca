"""Every bench can be imported: a name that it takes from elsewhere may have gone."""

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
