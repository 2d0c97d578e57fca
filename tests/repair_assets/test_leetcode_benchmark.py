"""The LeetCode benchmark: empty without data, built once for all types, frozen by what it is made of."""

import json
from pathlib import Path

import dagster as dg
import pytest

from partitions.keys import Key
from repair.evaluation.leetcode.injection.bugs import half_of
from repair_assets.benchmarks import leetcode_benchmark
from repair_assets.injected_bugs import injected_bugs
from repair_assets.leetcode_samples import INJECTED_BUG_SAMPLES, LEETCODE_SAMPLES
from resources.benchmark_data import BenchmarkDataResource
from resources.language_models import LanguageModelResource
from tests.graph import House, failure, reused
from tests.model_server import Exchange, ModelServer
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
def house(contained: None, tmp_path: Path) -> House:
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


def buggy(exchange: Exchange) -> None:
    """An answer to the questions about one problem; none to the others."""
    text = CORRECT.replace("return total", "return totl")
    answer = f"<buggy>\n{text}</buggy>\n<explanation>\ntotl is not defined.\n</explanation>"
    exchange.answer(answer if "undefined objects:" in exchange.prompt else "No.")


def test_recent_problems_get_bugs_of_mutators_and_of_a_model(house: House, tmp_path: Path):
    recent = ["newer", "peaks", "sums", "grid"]
    assert {half_of(slug) for slug in recent} == {"choose", "report"}
    data = tmp_path / "recent"
    write_published(data, [instance(UNDEFINED)], recent=dict.fromkeys(recent, CORRECT))
    house.resources["benchmark_data"] = BenchmarkDataResource(folder=str(data))
    house.run([leetcode_benchmark], NAMES)
    first = house.manifest(INJECTED_BUG_SAMPLES, Key())
    assert first.rows_in == 20, "five candidates of each problem"
    assert 4 <= first.rows_out <= 8, "two samples of each at most"
    samples = house.manifest(LEETCODE_SAMPLES, Key())
    with ModelServer(buggy) as server:
        house.resources["language_model"] = LanguageModelResource(
            model="openai/teacher", base_url=server.base_url, answers=str(tmp_path / "answers.sqlite")
        )
        house.run([injected_bugs], Key(), config={"injected_bugs": {"per_problem": 99}})
        asked = house.manifest("injected_bugs", Key())
        assert (asked.rows_in, asked.rows_out) == (4 * 13, 4)
        assert asked.rejects == {"no_buggy_version": 4 * 12}
        assert reused(house.run([injected_bugs], Key(), config={"injected_bugs": {"per_problem": 99}}))[
            "injected_bugs"
        ]
        assert len(server.requests) == 13, "the four are equal, and nothing is asked twice"
    house.run([leetcode_benchmark], NAMES)
    both = house.manifest(INJECTED_BUG_SAMPLES, Key())
    assert both.rows_in == 24
    rows = house.rows("leetcode_benchmark", NAMES)
    by_origin = {
        origin: [row for row in rows if row["origin"] == origin] for origin in ("debugbench", "teacher")
    }
    assert [row["benchmark"] for row in by_origin["debugbench"]] == ["leetcode"]
    assert by_origin["debugbench"][0]["half"] is None
    taught = by_origin["teacher"]
    assert taught
    names = {"choose": "leetcode_injected_choose", "report": "leetcode_injected"}
    assert all(row["benchmark"] == names[row["half"]] for row in taught)
    assert all(row["half"] == half_of(row["project_id"]) for row in taught)
    assert {row["subtype"] for row in taught} == {"undefined objects"}
    # the published bugs were not built again
    assert house.manifest(LEETCODE_SAMPLES, Key()) == samples
    # a later cutoff leaves no problem
    house.resources["benchmark_data"] = BenchmarkDataResource(folder=str(data), cutoff="2024-06-02")
    house.run([leetcode_benchmark], NAMES)
    assert house.manifest(INJECTED_BUG_SAMPLES, Key()).rejects == {"not_recent": 4, "unknown_problem": 4}


def test_a_model_is_asked_only_where_there_is_data(tmp_path: Path):
    result = House(tmp_path).run([injected_bugs], Key(), raise_on_error=False)
    assert "REPAIR_BENCHMARK_DATA" in failure(result, "injected_bugs")
