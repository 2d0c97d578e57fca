"""The LeetCode benchmark: empty without data, built once for all types, frozen by what it is made of."""

import json
from pathlib import Path

import dagster as dg
import pytest

from partitions.keys import Key
from repair import sandbox
from repair.errors import ConfigurationError
from repair_assets.benchmarks import LEETCODE_SAMPLES, leetcode_benchmark
from resources.benchmark_data import BenchmarkDataResource
from tests.graph import House, reused
from tests.published_benchmarks import write_published

CORRECT = """\
class Solution:
    def add(self, items: List[int], more: int) -> int:
        total = sum(items)
        return total + more
"""
NAMES, SYNTAX, OTHER = (Key(None, name) for name in ("reportUndefinedVariable", "syntax", "other"))
UNDEFINED = CORRECT.replace("return total", "return totl")
UNCLOSED = CORRECT.replace("sum(items)", "sum(items")
UNBOUND = CORRECT.replace("total = sum(items)\n", "total = sum(items)\n        del total\n")  # of `other`
FINE = CORRECT.replace("+ more", "- more")


def instance(buggy: str, slug: str = "add") -> dict[str, str]:
    return {"slug": slug, "oracle_code": CORRECT, "buggy_code": buggy}


@pytest.fixture
def house(tmp_path: Path) -> House:
    try:
        sandbox.require()
    except ConfigurationError as error:
        pytest.skip(str(error))
    house = House(tmp_path)
    bugs = [instance(source) for source in (UNDEFINED, UNCLOSED, UNBOUND, FINE)]
    write_published(tmp_path / "data", [*bugs, instance(UNDEFINED, "unknown")])
    house.resources["benchmark_data"] = BenchmarkDataResource(folder=str(tmp_path / "data"))
    return house


def metadata(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    (event,) = result.asset_materializations_for_node("leetcode_benchmark")
    return {
        name: event.metadata[name].value
        for name in event.metadata
        if name not in ("preview", "rejected_rows")
    }


def test_without_data_it_is_empty_and_says_what_to_set(tmp_path: Path):
    house = House(tmp_path)
    result = house.run([leetcode_benchmark], NAMES)
    assert "REPAIR_BENCHMARK_DATA" in str(metadata(result)["benchmark_data"])
    assert house.rows("leetcode_benchmark", NAMES) == []
    assert house.store.manifest(LEETCODE_SAMPLES, {}) is None


def test_all_types_are_built_once_and_every_instance_is_accounted_for(house: House):
    results = {key: house.run([leetcode_benchmark], key) for key in (NAMES, SYNTAX, OTHER)}
    built = house.manifest(LEETCODE_SAMPLES, Key())
    assert (built.rows_in, built.rows_out) == (5, 3)
    assert built.rejects == {"no_new_error": 1, "no_tests": 1}
    codes = {key: [row["code"] for row in house.rows("leetcode_benchmark", key)] for key in results}
    assert codes == {
        NAMES: ["pyright[reportUndefinedVariable]"],
        SYNTAX: ["pyright"],
        OTHER: ["pyright[reportUnboundVariable]"],
    }
    for result in results.values():
        seen = metadata(result)
        assert (seen["instances"], seen["all_types"], seen["left_out"]) == (5, 3, dict(built.rejects))
    # built by the first type, found by the others
    assert (
        house.manifest(LEETCODE_SAMPLES, Key()).created < house.manifest("leetcode_benchmark", NAMES).created
    )


def test_it_stays_while_the_published_files_do(house: House, tmp_path: Path):
    house.run([leetcode_benchmark], NAMES)
    first = house.manifest(LEETCODE_SAMPLES, Key())
    assert reused(house.run([leetcode_benchmark], NAMES))["leetcode_benchmark"]
    assert house.manifest(LEETCODE_SAMPLES, Key()) == first
    file = tmp_path / "data" / "debugbench" / "benchmark" / "python3_undefined objects.json"
    file.write_text(json.dumps([instance(UNDEFINED), instance(UNDEFINED.replace("totl", "tottal"))]))
    assert not reused(house.run([leetcode_benchmark], NAMES))["leetcode_benchmark"]
    assert len(house.rows("leetcode_benchmark", NAMES)) == 2
