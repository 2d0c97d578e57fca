"""Where the public benchmarks lie that this project reads and does not ship.

Tested by `tests/repair_assets/test_leetcode_benchmark.py`.
"""

import dagster as dg


class BenchmarkDataResource(dg.ConfigurableResource[None]):
    """A folder with `debugbench/benchmark/` and `leetcodedataset/` as their authors publish them."""

    folder: str = ""
    """Empty: they are not here, and `leetcode_benchmark` says so and stays empty."""
