"""Location of the public benchmarks, which this project reads and does not ship, and of people's decisions.

Tested by `tests/repair_assets/test_leetcode_benchmark.py`.
"""

from pathlib import Path

import dagster as dg

from repair.evaluation.leetcode.injection.bugs import CUTOFF

HINT = "set REPAIR_BENCHMARK_DATA to the folder of debugbench/ and leetcodedataset/"


class BenchmarkDataResource(dg.ConfigurableResource[None]):
    """A folder with `debugbench/benchmark/` and `leetcodedataset/` as their authors publish them."""

    folder: str = ""
    """Empty: they are not here, and `leetcode_benchmark` says so and stays empty."""
    cutoff: str = CUTOFF
    """Bugs are injected into problems that were published after this day."""
    decisions: str = ""
    """What annotators decided about `workspace_benchmark`: a path or URI of JSON Lines; empty: nothing."""

    def required(self) -> Path:
        """The folder.

        Raises:
            dagster.Failure: none is set.
        """
        if not self.folder:
            raise dg.Failure(f"there is no benchmark data: {HINT}", allow_retries=False)
        return Path(self.folder)
